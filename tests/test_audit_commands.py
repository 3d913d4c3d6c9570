"""`workroom audit export` and `workroom verify`: for anybody who has the file, and for whoever has the database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from tests.deeds import open_place
from tests.holding import make_officer, place_hold
from tests.people import make_account
from workroom import integrity
from workroom.__main__ import main
from workroom.audit_commands import export_audit, verify_database, verify_file
from workroom.settings import Settings
from workroom.storage.database import Database


async def export(settings: Settings) -> list[bytes]:
    """The lines of an export; it has four entries before its own."""
    lines: list[bytes] = []
    said = await export_audit(settings, lines.append)
    assert "exported, up to entry 5" in said
    return lines


async def some_acts(database: Database) -> None:
    author, officer = await make_account(database), await make_officer(database)
    place = await open_place(database, author)
    await place_hold(database, officer, place.room_id)


async def test_an_export_is_verified_by_itself(settings: Settings, database: Database) -> None:
    await some_acts(database)
    lines = await export(settings)
    report = verify_file(lines)
    assert report.is_sound
    assert report.lines[0].startswith("The export has 5 entries; the hash of the last is ")
    report = verify_file([line.replace(b"hold_placed", b"hold_plaxed") for line in lines])
    assert not report.is_sound
    assert "  In the audit log, entry 4 is not what was recorded." in report.lines


async def test_the_database_is_verified_and_compared_with_an_export(
    settings: Settings, database: Database, owner: asyncpg.Connection
) -> None:
    await some_acts(database)
    lines = await export(settings)
    assert (await verify_database(settings, None)).is_sound
    assert (await verify_database(settings, lines)).is_sound
    await owner.execute("alter table audit_entries disable trigger user")
    await owner.execute("delete from audit_entries where entry_number = 5")
    report = await verify_database(settings, lines)
    assert not report.is_sound
    assert "  Export and database differ in entry 5." in report.lines
    assert "  The database has another trigger audit_entries.guard_delete than ours." in report.lines
    async with database.read() as reading:
        assert "trigger audit_entries.guard_delete" in {
            each.subject for each in await integrity.list_alarms(reading)
        }


async def test_the_command_line_exports_once_and_verifies(
    environment: dict[str, str],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await some_acts(database)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    file = str(tmp_path / "audit")
    for arguments, exit_code, said in (
        (["audit", "export", file], 0, "exported"),
        (["audit", "export", file], 1, "cannot be written"),
        (["verify", "--audit", file], 0, "Everything is as it should be."),
        (["verify", "--audit", file, "--with-database"], 0, "The audit log has 5 entries"),
        (["verify"], 0, "Everything is as it should be."),
    ):
        assert await asyncio.to_thread(main, arguments) == exit_code, arguments
        printed = capsys.readouterr()
        assert said in printed.out + printed.err


def test_the_command_line_verifies_a_file_without_any_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORKROOM_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    (tmp_path / "audit").write_text("nothing of ours\n")
    assert main(["verify", "--audit", str(tmp_path / "audit")]) == 1
    said = capsys.readouterr().out
    assert "Of the export, line 1" in said
    assert main(["verify", "--audit", str(tmp_path / "missing")]) == 1
    assert "cannot be read" in capsys.readouterr().err
