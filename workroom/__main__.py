"""The command line: `workroom up`, and the programs that it is made of.

Settings come from the environment (`docs/settings.md`), never from options, so that every program of an
installation is told the same in the same way. What cannot start says why in one sentence and exits with 1; a
command line that makes no sense exits with 2.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sys
from collections.abc import Callable, Sequence
from importlib import metadata

from workroom.abilities import AccountKind
from workroom.compliance_commands import add_audit_commands, add_hold_commands, add_verify_command
from workroom.errors import StartupError, WorkroomError
from workroom.logs import configure_logs
from workroom.retention_arguments import add_disposition_commands, add_retention_commands
from workroom.settings import Settings, load_settings
from workroom.shell_words import advise

PROVIDER_KINDS = [kind.value for kind in AccountKind if kind.is_provider]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        settings = load_settings(os.environ)
        configure_logs(settings.log_level)
        run: Callable[[Settings, argparse.Namespace], int | None] = chosen.run
        code = run(settings, chosen) or 0
        sys.stdout.flush()
        return code
    except WorkroomError as error:
        print(f"workroom: {advise(error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read what is printed has enough. Nothing more can be written, also not at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="workroom", description="Rooms in which a provider and its customers work."
    )
    parser.add_argument("--version", action="version", version=f"workroom {metadata.version('workroom')}")
    commands = parser.add_subparsers(required=True, metavar="command")

    up = commands.add_parser("up", help="run everything on this machine")
    up.add_argument("--demo", action="store_true", help="fill an empty installation with a made-up provider")
    up.set_defaults(run=_up)

    serve = commands.add_parser("serve", help="run a web process (any number may share the servers)")
    serve.set_defaults(run=_serve)

    worker = commands.add_parser("worker", help="run the worker process")
    worker.set_defaults(run=_worker)

    migrate = commands.add_parser("migrate", help="bring the database to this version")
    migrate.set_defaults(run=_migrate)

    new_epoch = commands.add_parser(
        "new-epoch", help="after restoring a backup: have all clients fetch afresh"
    )
    new_epoch.set_defaults(run=_new_epoch)

    files = commands.add_parser("files", help="look after the files that people uploaded")
    moving = files.add_subparsers(required=True, metavar="what").add_parser(
        "move", help="move all files to the other store; can be stopped and run again"
    )
    moving.add_argument("--to", required=True, choices=["disk", "s3"])
    moving.set_defaults(run=_move_files)

    _add_account_commands(commands.add_parser("account", help="make and change accounts from the shell"))
    _add_customer_commands(commands.add_parser("customer", help="close customers, and open them again"))
    add_hold_commands(commands.add_parser("hold", help="place, widen, release and look at legal holds"))
    add_audit_commands(commands.add_parser("audit", help="export the audit log, or erase a reason in it"))
    add_retention_commands(
        commands.add_parser("retention", help="simulate, change and explain how long things are kept")
    )
    add_disposition_commands(commands.add_parser("disposition", help="destroy what is due and free"))
    add_verify_command(
        commands.add_parser(
            "verify", help="see that the database keeps what it has to, and the audit log is whole"
        )
    )
    return parser


def _add_account_commands(account: argparse.ArgumentParser) -> None:
    commands = account.add_subparsers(required=True, metavar="what")
    create = commands.add_parser("create", help="make an account and print the link that sets its password")
    create.add_argument("--kind", required=True, choices=[kind.value for kind in AccountKind])
    create.add_argument("--email", required=True)
    create.add_argument("--name", required=True, help="the person's name")
    create.add_argument("--customer", help="for a customer's account: the customer's name (a new one, or id)")
    create.set_defaults(run=_create_account)

    link = commands.add_parser("link", help="print another link that sets an account's password")
    link.add_argument("--email", required=True)
    link.set_defaults(run=_link_account)

    promote = commands.add_parser("promote", help="make a person of the provider something else")
    promote.add_argument("--email", required=True)
    promote.add_argument("--kind", default="admin", choices=PROVIDER_KINDS)
    promote.set_defaults(run=_promote_account)

    deactivate = commands.add_parser("deactivate", help="let nobody sign in to an account any more")
    deactivate.add_argument("--email", required=True)
    deactivate.set_defaults(run=_deactivate_account)

    reactivate = commands.add_parser("reactivate", help="let a deactivated account be signed in to again")
    reactivate.add_argument("--email", required=True)
    reactivate.set_defaults(run=_reactivate_account)

    listing = commands.add_parser("list", help="print all accounts, a line each")
    listing.set_defaults(run=_list_accounts)


def _add_customer_commands(customer: argparse.ArgumentParser) -> None:
    commands = customer.add_subparsers(required=True, metavar="what")
    close = commands.add_parser(
        "close", help="say that the work with a customer is over: periods begin in rooms that are archived"
    )
    close.add_argument("customer", help="the customer's whole name, or id")
    close.set_defaults(run=_close_customer)

    reopen = commands.add_parser("open", help="open a closed customer again")
    reopen.add_argument("customer", help="the customer's whole name, or id")
    reopen.set_defaults(run=_open_customer)

    listing = commands.add_parser("list", help="print all customers, a line each")
    listing.set_defaults(run=_list_customers)


def _up(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom.up import run_up

    if not settings.uses_embedded_servers:
        _require(
            settings,
            "workroom up",
            "WORKROOM_DATABASE_URL",
            "WORKROOM_OWNER_DATABASE_URL",
            "WORKROOM_REDIS_URL",
        )
    asyncio.run(run_up(settings, demo=chosen.demo))


def _serve(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom.app import serve

    _require(settings, "workroom serve", "WORKROOM_DATABASE_URL", "WORKROOM_REDIS_URL")
    raise_open_file_limit()
    serve(settings)


def _worker(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom.worker import run

    _require(settings, "workroom worker", "WORKROOM_DATABASE_URL", "WORKROOM_REDIS_URL")
    run(settings)


def _migrate(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom.storage.migrate import migrate

    _require(settings, "workroom migrate", "WORKROOM_OWNER_DATABASE_URL")
    assert settings.owner_database_url is not None
    applied = asyncio.run(migrate(settings.owner_database_url))
    print("\n".join(f"applied {name}" for name in applied) or "The database is up to date.")


def _new_epoch(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom.epochs import begin_epoch_of

    print(asyncio.run(begin_epoch_of(settings)))


def _create_account(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import account_commands

    wanted = account_commands.NewAccount(AccountKind(chosen.kind), chosen.email, chosen.name, chosen.customer)
    print(asyncio.run(account_commands.create_account(settings, wanted)))


def _link_account(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import account_commands

    print(asyncio.run(account_commands.renew_password_link(settings, chosen.email)))


def _promote_account(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import account_commands

    print(asyncio.run(account_commands.change_kind(settings, chosen.email, AccountKind(chosen.kind))))


def _deactivate_account(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import account_commands

    print(asyncio.run(account_commands.deactivate_account(settings, chosen.email)))


def _reactivate_account(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import account_commands

    print(asyncio.run(account_commands.reactivate_account(settings, chosen.email)))


def _list_accounts(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import account_commands

    print(asyncio.run(account_commands.list_accounts(settings)))


def _close_customer(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import customer_commands

    print(asyncio.run(customer_commands.close_customer(settings, chosen.customer)))


def _open_customer(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import customer_commands

    print(asyncio.run(customer_commands.open_customer(settings, chosen.customer)))


def _list_customers(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import customer_commands

    print(asyncio.run(customer_commands.list_customers(settings)))


def _move_files(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import file_move

    print(asyncio.run(file_move.move_all(settings, chosen.to)))


def raise_open_file_limit() -> None:
    """Let this process open as many files (sockets) as the machine allows it: each connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _require(settings: Settings, program: str, *variables: str) -> None:
    named = {
        "WORKROOM_DATABASE_URL": settings.database_url,
        "WORKROOM_OWNER_DATABASE_URL": settings.owner_database_url,
        "WORKROOM_REDIS_URL": settings.redis_url,
    }
    missing = [variable for variable in variables if named[variable] is None]
    if missing:
        alternative = (
            "or none of the three, for servers of its own"
            if program == "workroom up"
            else "or run `workroom up`, which brings servers of its own"
        )
        raise StartupError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set: `{program}` needs "
            f"{' and '.join(variables)}, {alternative}."
        )


if __name__ == "__main__":
    sys.exit(main())
