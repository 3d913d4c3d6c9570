"""The command line of retention: `workroom retention` and `workroom disposition`. What they do:
`retention_commands.py`."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from uuid import UUID

from workroom.errors import InvalidInput
from workroom.settings import Settings

COUNTED_FROM = ["sent", "room_closed", "customer_closed"]


def add_retention_commands(retention: argparse.ArgumentParser) -> None:
    """`workroom retention classes|simulate|apply|explain`."""
    commands = retention.add_subparsers(required=True, metavar="what")

    classes = commands.add_parser("classes", help="list the classes, and what uses them")
    classes.set_defaults(run=_classes)

    simulate = commands.add_parser("simulate", help="show exactly what a change of the rules would destroy")
    _add_officer(simulate)
    simulate.add_argument(
        "--at", metavar="TIME", help="the instant it is shown for, in UTC; a day from now, unless said"
    )
    _add_changes(simulate.add_subparsers(required=True, metavar="change", dest="change"))
    simulate.set_defaults(run=_simulate)

    apply = commands.add_parser("apply", help="make a change that was simulated")
    _add_officer(apply)
    apply.add_argument("--reason", required=True)
    apply.add_argument("--fingerprint", required=True, help="that of the simulation")
    apply.set_defaults(run=_apply)

    explain = commands.add_parser("explain", help="say which classes and holds decide about a message")
    explain.add_argument("message", type=UUID)
    explain.set_defaults(run=_explain)


def add_disposition_commands(disposition: argparse.ArgumentParser) -> None:
    """`workroom disposition run|list`."""
    commands = disposition.add_subparsers(required=True, metavar="what")
    run = commands.add_parser("run", help="destroy what is due and free now, as the worker does daily")
    _add_officer(run)
    run.set_defaults(run=_dispose)
    listing = commands.add_parser("list", help="list the latest runs and what they destroyed")
    listing.set_defaults(run=_list_runs)


def _add_officer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as", dest="officer", required=True, metavar="EMAIL", help="the compliance officer who acts"
    )


def _add_changes(changes: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    new = changes.add_parser("new-class", help="a class that is to be made")
    new.add_argument("--name", required=True)
    new.add_argument("--from", dest="counted_from", required=True, choices=COUNTED_FROM)
    _add_days(new)

    change = changes.add_parser("change-class", help="all that a class is to say, also what stays")
    change.add_argument("class_id", type=UUID, metavar="CLASS")
    change.add_argument("--name", required=True)
    _add_days(change)

    for name, text in (("remove-class", "nothing may have it"), ("lock-class", "it is only lengthened then")):
        changes.add_parser(name, help=text).add_argument("class_id", type=UUID, metavar="CLASS")

    room = changes.add_parser("assign-room", help="a room is to have a class")
    room.add_argument("room_id", type=UUID, metavar="ROOM")
    default = changes.add_parser("assign-default", help="rooms of a kind are to have a class")
    default.add_argument("room_kind", choices=["private", "shared"], metavar="KIND")
    for parser in (room, default):
        wanted = parser.add_mutually_exclusive_group(required=True)
        wanted.add_argument("--class", dest="class_id", type=UUID)
        wanted.add_argument("--none", action="store_true", help="take its class away")


def _add_days(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep-days", type=int, metavar="N", help="keep at least so long; open unless said")
    parser.add_argument("--destroy-days", type=int, metavar="M", help="destroy after; open unless said")
    parser.add_argument(
        "--removed-days", type=int, metavar="D", default=30, help="... what was deleted or superseded; 30"
    )


def _classes(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import retention_commands

    print(asyncio.run(retention_commands.list_classes(settings)))


def _simulate(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import retention_commands

    change = retention_commands.read_change(vars(chosen))
    instant = _read_time(chosen.at) if chosen.at is not None else None
    print(asyncio.run(retention_commands.simulate(settings, chosen.officer, change, instant)))


def _apply(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import retention_commands

    applying = retention_commands.apply(settings, chosen.officer, chosen.fingerprint, chosen.reason)
    print(asyncio.run(applying))


def _explain(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import retention_commands

    print(asyncio.run(retention_commands.explain(settings, chosen.message)))


def _dispose(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import retention_commands

    print(asyncio.run(retention_commands.dispose(settings, chosen.officer)))


def _list_runs(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import retention_commands

    print(asyncio.run(retention_commands.list_runs(settings)))


def _read_time(text: str) -> datetime:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text} is no time: write 2026-03-01, or 2026-03-01T12:00Z.") from None
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)
