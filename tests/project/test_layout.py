"""Where things lie and what they are called, so that a newcomer finds them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.project.tree import NAMED_BY_OTHERS, ROOT, functions, list_files, list_under, parse, read

# Names that say nothing: what is in such a drawer belongs to a noun.
DRAWERS = {
    "utils", "util", "helper", "helpers", "common", "misc", "manager", "managers", "service", "services",
    "core", "data", "info", "item", "items", "process", "handle", "obj", "ctx", "lib",
}  # fmt: skip
NAMELESS = {"utils", "helper", "manager", "info", "item", "handle", "obj", "ctx", "misc", "tmp"}

LONGEST_PYTHON_FILE = 400
LONGEST_TEST_FILE = 600
LONGEST_FUNCTION = 60

# Modules that are tested through the one that uses them.
TESTED_BY = {
    "audit_export.py": "test_audit_chain.py",
    "compliance_commands.py": "test_hold_commands.py",
    "retention_arguments.py": "test_retention_commands.py",
    "expiry_rounds.py": "test_expiry.py",
    "officers.py": "test_matters.py",
    "shell_access.py": "test_account_commands.py",
    "app.py": "journeys/test_degrades_honestly.py",
    "clock.py": "fanout/test_throttle.py",
    "fanout/channel.py": "fanout/test_hub.py",
    "fanout/listening_link.py": "fanout/test_broker.py",
    "fanout/pending.py": "fanout/test_hub.py",
    "fanout/presence_store.py": "fanout/test_presence.py",
    "fanout/publisher.py": "fanout/test_broker.py",
    "fanout/redis_client.py": "fanout/test_broker.py",
    "fanout/subscriber.py": "fanout/test_broker.py",
    "failures.py": "web/test_error_responses.py",
    "metrics.py": "web/test_metrics.py",
    "records.py": "web/compliance/test_rooms.py",
    "room_members.py": "test_rooms.py",
    "setting_values.py": "test_settings.py",
    "sockets/commands.py": "journeys/test_state_and_events.py",
    "sockets/endpoint.py": "sockets/test_connection.py",
    "storage/transaction.py": "storage/test_database.py",
    "storage/database_errors.py": "storage/test_database.py",
    "storage/open_stores.py": "test_file_move.py",
    "clamd.py": "test_file_scans.py",
    "file_findings.py": "test_file_scans.py",
    "openings.py": "web/compliance/test_openings.py",
    "post_checks.py": "test_messages.py",
    "posting.py": "test_messages.py",
    "sockets/field_types.py": "sockets/test_protocol.py",
    "stored_bytes.py": "web/test_files.py",
    "strays.py": "test_file_move.py",
    "uploads.py": "test_upload_receiver.py",
    "web/account_shapes.py": "web/test_accounts.py",
    "web/compliance/hold_shapes.py": "web/compliance/test_holds.py",
    "web/compliance/officer_requests.py": "web/compliance/test_routes.py",
    "web/running.py": "web/test_routes.py",
    "web/socket.py": "journeys/test_degrades_honestly.py",
}
NOT_TESTED_ALONE = {"__init__.py", "__main__.py"}


def test_the_top_of_the_tree_is_what_the_readme_says() -> None:
    section = read(Path("README.md")).partition("\n## What lies where\n")[2].partition("\n## ")[0]
    firsts = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
    said = {name.rstrip("/") for first in firsts for name in re.findall(r"`([^`]+)`", first)}
    there = {path.parts[0] for path in list_files()} - {"README.md"}
    assert there == said, (
        "README.md, section 'What lies where': one table row for each entry of the top folder"
    )


def test_no_file_is_a_drawer() -> None:
    drawers = [
        str(path) for path in list_files() if path.stem in DRAWERS and path.suffix in {".py", ".js", ".css"}
    ]
    folders = [str(path) for path in list_files() if DRAWERS & set(path.parts[:-1])]
    assert drawers + folders == []


def test_no_name_in_the_program_says_nothing() -> None:
    nameless = []
    for path in list_under("workroom", ".py"):
        for function in functions(parse(path)):
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            names = [function.name, *(argument.arg for argument in arguments)]
            nameless += [
                f"{path}:{function.lineno} {name}"
                for name in names
                if NAMELESS & set(name.split("_")) and name not in NAMED_BY_OTHERS
            ]
    assert nameless == []


def test_files_are_short_enough_to_be_read() -> None:
    limits = {"workroom": LONGEST_PYTHON_FILE, "scripts": LONGEST_PYTHON_FILE, "tests": LONGEST_TEST_FILE}
    long = [
        f"{path} has {length} lines, more than {limit}"
        for folder, limit in limits.items()
        for path in list_under(folder, ".py")
        if (length := read(path).count("\n")) > limit
    ]
    assert long == []


def test_functions_are_short_enough_to_be_understood() -> None:
    long = [
        f"{path}:{function.lineno} {function.name}"
        for path in list_under("workroom", ".py")
        for function in functions(parse(path))
        if (function.end_lineno or 0) - function.lineno + 1 > LONGEST_FUNCTION
    ]
    assert long == []


def test_a_test_file_has_the_name_of_what_it_tests() -> None:
    homeless = []
    for path in list_under("tests", ".py"):
        inside = path.relative_to("tests")
        if not path.name.startswith("test_") or inside.parts[0] in {
            "project",
            "journeys",
            "browser",
            "static",
        }:
            continue
        words = inside.stem.removeprefix("test_").split("_")
        # test_database_restart.py and test_database.py both test database.py.
        possible = {"_".join(words[:length]) for length in range(1, len(words) + 1)}
        home = Path("workroom", *inside.parts[:-1])
        there = {each.stem for each in list_files() if home in each.parents}
        there |= {each.relative_to(home).parts[0] for each in list_files() if home in each.parents}
        if not possible & there:
            homeless.append(str(path))
    assert homeless == []


def test_every_module_is_tested() -> None:
    tests = {str(path.relative_to("tests")) for path in list_under("tests", ".py")}
    untested = []
    for path in list_under("workroom", ".py"):
        inside = path.relative_to("workroom")
        own = str(inside.with_name(f"test_{inside.name}"))
        folder = f"test_{inside.parts[0]}.py" if len(inside.parts) > 1 else own
        tested_by = TESTED_BY.get(str(inside), own)
        if inside.name not in NOT_TESTED_ALONE and not {tested_by, folder} & tests:
            untested.append(str(path))
    assert untested == []


def test_scripts_can_be_run() -> None:
    scripts = [path for path in list_files() if path.parent in (Path("scripts"), Path(".ci"))]
    assert [str(path) for path in scripts if not os.access(ROOT / path, os.X_OK)] == []
    assert {"up", "test", "check"} <= {path.name for path in scripts}


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert re.search(r"^ *scripts/test$", read(Path("README.md")), re.MULTILINE)
    assert re.search(r"^scripts/test\b", read(Path(".ci/run")), re.MULTILINE)


def test_processes_are_named_as_the_readme_says() -> None:
    lines = dict(line.split(": ", 1) for line in read(Path("Procfile")).splitlines() if line)
    assert lines == {"release": "workroom migrate", "web": "workroom serve", "worker": "workroom worker"}
