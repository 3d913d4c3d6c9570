"""The command line of compliance: `workroom hold`, `workroom audit`, `workroom verify`. What they do lies beside it.

A command gives back the exit code where it is not 0: 1 when something that was verified is not as it should be.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from workroom.errors import InvalidInput
from workroom.settings import Settings

if TYPE_CHECKING:
    from workroom.hold_commands import AskedScope


def add_hold_commands(hold: argparse.ArgumentParser) -> None:
    """`workroom hold place|amend|release|list|show`."""
    commands = hold.add_subparsers(required=True, metavar="what")

    place = commands.add_parser("place", help="keep what a room, a person or a span of time has, from now on")
    place.add_argument("--matter", required=True, help="the matter's name or id; a new name opens one")
    _add_act(place)
    _add_scope(place)
    place.add_argument("--count", action="store_true", help="only say what it would cover")
    place.set_defaults(run=_place)

    amend = commands.add_parser("amend", help="widen a hold: more rooms, people, kinds, or a longer span")
    amend.add_argument("hold", type=_hold_id)
    _add_act(amend)
    _add_scope(amend)
    amend.set_defaults(run=_amend)

    release = commands.add_parser(
        "release", help="ask for a hold's release, or confirm what another asked for"
    )
    release.add_argument("hold", type=_hold_id)
    release.add_argument("--withdraw", action="store_true", help="take back that it was asked for")
    _add_act(release)
    release.set_defaults(run=_release)

    listing = commands.add_parser("list", help="list holds, newest first")
    listing.add_argument("--state", choices=["standing", "release_requested", "grace", "ended"])
    listing.set_defaults(run=_list)

    show = commands.add_parser("show", help="show a hold, and what it covers now")
    show.add_argument("hold", type=_hold_id)
    show.set_defaults(run=_show)


def add_audit_commands(audit: argparse.ArgumentParser) -> None:
    """`workroom audit export|erase`."""
    commands = audit.add_subparsers(required=True, metavar="what")

    export = commands.add_parser(
        "export", help="write the whole audit log to a new file, which anybody can verify"
    )
    export.add_argument("file", type=Path)
    export.set_defaults(run=_export)

    erase = commands.add_parser("erase", help="erase what a person wrote in an entry: its reason, for good")
    erase.add_argument("entry", type=int, help="the entry's number")
    _add_act(erase)
    erase.set_defaults(run=_erase)


def add_verify_command(verify: argparse.ArgumentParser) -> None:
    """`workroom verify`."""
    verify.add_argument(
        "--audit", type=Path, metavar="FILE", help="an export: verified by itself, without a database"
    )
    verify.add_argument(
        "--with-database", action="store_true", help="... and compared with what the database has"
    )
    verify.set_defaults(run=_verify)


def _hold_id(typed: str) -> UUID:
    try:
        return UUID(typed)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{typed!r} is no id of a hold: `workroom hold list` shows them"
        ) from None


def _add_act(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as", dest="officer", required=True, metavar="EMAIL", help="the compliance officer who acts"
    )
    parser.add_argument("--reason", required=True)


def _add_scope(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--room", action="append", default=[], help="a room's name or id; may be repeated")
    parser.add_argument(
        "--custodian",
        action="append",
        default=[],
        metavar="EMAIL[:sent]",
        help="whose rooms are held while they were members; with :sent, only what they sent",
    )
    parser.add_argument("--from", dest="sent_from", metavar="TIME", help="a date or time in UTC, or: open")
    parser.add_argument(
        "--until", dest="sent_until", metavar="TIME", help="not included; a date or time, or: open"
    )
    parser.add_argument(
        "--kind", action="append", default=[], choices=["messages", "files"], help="both, unless said"
    )


def _place(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import hold_commands

    placing = hold_commands.place_hold(
        settings, chosen.officer, chosen.matter, _scope(chosen), chosen.reason, only_count=chosen.count
    )
    print(asyncio.run(placing))


def _amend(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import hold_commands

    amending = hold_commands.amend_hold(settings, chosen.officer, chosen.hold, _scope(chosen), chosen.reason)
    print(asyncio.run(amending))


def _release(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import hold_commands

    releasing = hold_commands.release_hold(
        settings, chosen.officer, chosen.hold, chosen.reason, withdraw=chosen.withdraw
    )
    print(asyncio.run(releasing))


def _list(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import hold_commands

    print(asyncio.run(hold_commands.list_holds(settings, chosen.state)))


def _show(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import hold_commands

    print(asyncio.run(hold_commands.show_hold(settings, chosen.hold)))


def _export(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import audit_commands

    try:
        with chosen.file.open("xb") as file:
            print(asyncio.run(audit_commands.export_audit(settings, file.write)))
    except OSError as error:
        raise InvalidInput(f"{chosen.file} cannot be written: {error.strerror}.") from None


def _erase(settings: Settings, chosen: argparse.Namespace) -> None:
    from workroom import audit_commands

    print(asyncio.run(audit_commands.erase_texts(settings, chosen.officer, chosen.entry, chosen.reason)))


def _verify(settings: Settings, chosen: argparse.Namespace) -> int:
    from workroom import audit_commands

    if chosen.audit is None:
        report = asyncio.run(audit_commands.verify_database(settings, None))
    else:
        try:
            with chosen.audit.open("rb") as file:
                report = (
                    asyncio.run(audit_commands.verify_database(settings, file))
                    if chosen.with_database
                    else audit_commands.verify_file(file)
                )
        except OSError as error:
            raise InvalidInput(f"{chosen.audit} cannot be read: {error.strerror}.") from None
    print("\n".join(report.lines))
    return 0 if report.is_sound else 1


def _scope(chosen: argparse.Namespace) -> AskedScope:
    from msgspec import UNSET

    from workroom.hold_commands import AskedScope

    return AskedScope(
        chosen.room,
        chosen.custodian,
        UNSET if chosen.sent_from is None else chosen.sent_from,
        UNSET if chosen.sent_until is None else chosen.sent_until,
        chosen.kind,
    )
