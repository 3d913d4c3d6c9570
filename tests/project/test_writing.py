"""How the code reads: what every file says of itself, and what none may contain."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.project.tree import NAMED_BY_OTHERS, calls, functions, list_files, list_under, parse, read

TEXT = {".py", ".js", ".mjs", ".css", ".html", ".sql", ".md", ".toml", ".json", ""}

# Tasks belong to a TaskGroup, or to one of these, which await what they start. Each says so in its docstring.
OWNERS_OF_TASKS = {Path("workroom/children/supervised_child.py"), Path("workroom/children/child_process.py")}
# Who may ask the machine for the time. Content gets its times from Postgres.
READERS_OF_THE_CLOCK = {Path("workroom/clock.py")}


def test_every_module_says_what_it_is() -> None:
    python = [*list_under("workroom", ".py"), *list_under("tests", ".py")]
    silent = [str(path) for path in python if read(path).strip() and not ast.get_docstring(parse(path))]
    assert silent == []


def test_the_docstring_of_a_module_is_an_opening_and_not_an_essay() -> None:
    long = [
        str(path)
        for path in list_under("workroom", ".py")
        if len((ast.get_docstring(parse(path)) or "").splitlines()) > 16
    ]
    assert long == []


def test_everything_public_says_what_it_does() -> None:
    silent = []
    for path in list_under("workroom", ".py"):
        for name, node in _public(parse(path)):
            if not ast.get_docstring(node) and not _is_plain(node):
                silent.append(f"{path}:{node.lineno} {name}")
    assert silent == []


def test_no_task_is_without_an_owner() -> None:
    loose = {
        "asyncio.create_task",
        "asyncio.ensure_future",
        "loop.create_task",
        "ensure_future",
        "create_task",
    }
    found = [
        f"{path}:{line} {name}"
        for path in list_under("workroom", ".py")
        if path not in OWNERS_OF_TASKS
        for name, line in calls(parse(path))
        if name in loose or name.endswith("get_running_loop.create_task")
    ]
    assert found == []


def test_only_the_clock_reads_the_clock() -> None:
    readings = {
        "datetime.now",
        "datetime.utcnow",
        "time.time",
        "time.monotonic",
        "date.today",
        "datetime.today",
    }
    found = [
        f"{path}:{line} {name}"
        for path in list_under("workroom", ".py")
        if path not in READERS_OF_THE_CLOCK
        for name, line in calls(parse(path))
        if name in readings or name.removeprefix("datetime.") in readings
    ]
    assert found == []


def test_nothing_sleeps_in_a_thread_or_for_a_while_in_a_test() -> None:
    program = [
        f"{path}:{line}"
        for path in list_under("workroom", ".py")
        for name, line in calls(parse(path))
        if name == "time.sleep"
    ]
    tests = [
        f"{path}:{number}"
        for path in list_under("tests", ".py")
        if path.parts[1] != "project"
        for number, line in enumerate(read(path).splitlines(), start=1)
        if re.search(
            r"\btime\.sleep\(|\basyncio\.sleep\((?!0\)|[A-Z_]+_SECONDS\))|\bwait_for_timeout\(", line
        )
    ]
    assert program + tests == []


def test_text_reaches_the_page_as_text() -> None:
    ways = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(")
    found = [
        f"{path}:{number}"
        for path in list_under("static", ".js", ".html")
        for number, line in enumerate(read(path).splitlines(), start=1)
        if ways.search(line)
    ]
    assert found == []


def test_nothing_is_loaded_from_elsewhere() -> None:
    found = [
        str(path)
        for path in list_under("static", ".js", ".html", ".css")
        if re.search(r"""(src|href|from|import|url)\s*[=(]?\s*["'(]https?://""", read(path))
    ]
    assert found == []


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
    assert _find(marks, {".py", ".js", ".mjs", ".css", ".html", ".sql"}) == []


def test_nothing_names_the_machine_it_was_written_on() -> None:
    assert _find(re.compile(r"/home/[a-z]\w*/|/Users/[A-Za-z]"), TEXT - {".json"}) == []


def test_lines_end_plainly() -> None:
    crooked = [
        str(path)
        for path in list_files()
        if path.suffix in TEXT
        and (text := _text(path))
        and ("\r" in text or "\t" in text or not text.endswith("\n"))
    ]
    assert crooked == []


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "docs/architecture.md",
        "docs/protocol.md",
        "docs/settings.md",
        "docs/glossary.md",
        "docs/performance.md",
    ],
)
def test_a_document_is_there_and_its_links_lead_somewhere(document: str) -> None:
    path = Path(document)
    assert path in list_files(), f"{document} is missing"
    known = {str(each) for each in list_files()} | {
        str(folder) for each in list_files() for folder in each.parents
    }
    for target in re.findall(r"\]\(([^)#\s]+)", read(path)):
        if re.match(r"[a-z]+:", target):
            continue
        aim = (path.parent / target).as_posix().rstrip("/")
        while "/../" in aim or aim.startswith("../"):
            aim = re.sub(r"(^|[^/]+/)\.\./", "", aim, count=1)
        assert aim.removeprefix("./") in known, f"{document} links to {target}"


def test_the_architecture_names_files_that_are_there() -> None:
    known = {str(each) for each in list_files()}
    named = set(re.findall(r"`([\w/-]+(?:/[\w-]+|\.(?:py|js|sql)))`", read(Path("docs/architecture.md"))))
    assert len(named) > 15, "nothing to look for: this proves nothing"
    homes = ("", "workroom/", "workroom/storage/", "static/", "static/files/")
    assert [name for name in sorted(named) if not {home + name for home in homes} & known] == []


def test_every_decision_is_half_a_page() -> None:
    decisions = [path for path in list_under("docs", ".md") if "decisions" in path.parts]
    assert decisions
    for path in decisions:
        text = read(path)
        assert text.startswith("# "), path
        assert 60 <= len(text.split()) <= 700, f"{path} has {len(text.split())} words"


def test_the_glossary_names_the_words_of_the_code() -> None:
    glossary = read(Path("docs/glossary.md")).lower()
    words = (
        "room", "member", "membership", "message", "revision", "tombstone", "event", "seq", "presence", "read marker",
        "outbox", "node", "hub", "broker", "session", "command", "reply", "close code", "stream", "position", "epoch",
        "customer", "staff", "desk", "internal note", "hint",
    )  # fmt: skip
    assert [word for word in words if word not in glossary] == []


def _find(pattern: re.Pattern[str], suffixes: set[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:80]}"
        for path in list_files()
        if path.suffix in suffixes and "LICENSE" not in path.name
        for number, line in enumerate(_text(path).splitlines(), start=1)
        if pattern.search(line)
    ]


def _text(path: Path) -> str:
    try:
        return read(path)
    except UnicodeDecodeError:
        return ""


def _public(tree: ast.Module) -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    found = []
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name[0] != "_":
            found.append((node.name, node))
            if isinstance(node, ast.ClassDef) and not _is_protocol(node):
                methods = [child for child in functions(node) if child in node.body and child.name[0] != "_"]
                found += [(f"{node.name}.{method.name}", method) for method in methods]
    return found


def _is_plain(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    # A name can be the whole story: `mint_room_id() -> RoomId`, a property, a record of two fields.
    if isinstance(node, ast.ClassDef):
        return all(isinstance(child, ast.AnnAssign) for child in node.body)
    short = len(node.body) <= 2 and (node.end_lineno or 0) - node.lineno < 8
    return short or node.name in NAMED_BY_OTHERS


def _is_protocol(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
