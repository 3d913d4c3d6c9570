"""The browser's modules: their own tests, run by node, and rules that every file under static/ keeps."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from workroom.errors import ERRORS
from workroom.file_types import INLINE_TYPES

CLONE = Path(__file__).parents[2]
STATIC = CLONE / "static"
MODULES = sorted(STATIC.rglob("*.js"))
STYLES = sorted(STATIC.rglob("*.css"))
# What the compliance console begins with: fetched when an officer signs in.
CONSOLE = STATIC / "compliance" / "console.js"


def test_the_modules_pass_their_own_tests() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: apt install nodejs")
    suites = sorted(map(str, (CLONE / "tests" / "static").rglob("*.test.mjs")))
    assert len(suites) > 5, "nothing to run: this proves nothing"
    run = subprocess.run([node, "--test", *suites], cwd=CLONE, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]


def test_no_module_turns_text_into_markup_or_code() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\b|setHTML"
    )
    found = [
        f"{module.name}: {match}" for module in MODULES for match in forbidden.findall(module.read_text())
    ]
    assert found == []


def test_no_file_reaches_out_of_the_installation() -> None:
    outside = re.compile(
        r"^(?:import|export)[^;]*?from\s*['\"](?!\.)|\bimport\s*\(?\s*['\"](?!\.)|@import|url\(['\"]?(?:https?:)?//",
        re.MULTILINE,
    )
    files = [*MODULES, *STYLES]
    found = [path.name for path in files if outside.search(_without_comments(path.read_text()))]
    assert found == []


def test_every_import_names_a_file_that_is_there() -> None:
    missing = [
        f"{module.name}: {target}"
        for module in MODULES
        for target in re.findall(r"(?:from|import\()\s*'(\.[^']+)'", module.read_text())
        if not (module.parent / target).is_file()
    ]
    assert missing == []


def test_every_file_of_the_page_is_there_and_every_style_is_used() -> None:
    page = (STATIC / "index.html").read_text()
    named = re.findall(r"(?:href|src)=\"/static/([^\"]+)\"", page)
    assert [name for name in named if not (STATIC / name).is_file()] == []
    assert [style.name for style in STYLES if str(style.relative_to(STATIC)) not in named] == []


def test_the_page_fetches_every_module_at_once_and_none_for_nothing() -> None:
    page = (STATIC / "index.html").read_text()
    named = re.findall(r"rel=\"modulepreload\" href=\"/static/([^\"]+)\"", page)
    needed = {str(module.relative_to(STATIC)) for module in _imported_from(STATIC / "application.js")}
    assert sorted(needed - {"application.js"}) == named


def test_every_module_is_used() -> None:
    used = _imported_from(STATIC / "application.js") | _imported_from(CONSOLE)
    idle = {module.name for module in MODULES if module not in used}
    assert idle == {"theme-first.js", "protocol-shapes.js", "shapes.js"}, (
        "the first is a script, the others have types only"
    )


def test_nobody_fetches_the_officers_part_but_officers() -> None:
    everybodys = _imported_from(STATIC / "application.js")
    assert [module.name for module in everybodys if "compliance" in str(module.relative_to(STATIC))] == []
    assert "import('./compliance/console.js')" in (STATIC / "application.js").read_text()


def test_the_page_has_no_script_or_style_of_its_own() -> None:
    page = (STATIC / "index.html").read_text()
    assert re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page) is None


def test_the_page_shows_in_place_what_the_service_gives_out_to_be_shown() -> None:
    kinds = (STATIC / "files" / "file-kinds.js").read_text()
    table = kinds.partition("SHOWN_TYPES = Object.freeze({")[2].partition("});")[0]
    assert set(re.findall(r"'([a-z]+/[^']+)'", table)) == INLINE_TYPES


def test_every_error_that_the_service_has_is_said_in_words() -> None:
    words = (STATIC / "words" / "english-errors.js").read_text()
    said = set(re.findall(r"^  ([a-z_]+): \(", words, re.MULTILINE))
    assert set(ERRORS) - said == {"cannot_start", "method_not_allowed"}, "nobody at a page hears of these"


def test_files_stay_small() -> None:
    large = {
        path.name: lines
        for path in MODULES
        if path.parent.name != "words" and (lines := len(path.read_text().splitlines())) > 300
    }
    assert large == {}


def _imported_from(module: Path, found: set[Path] | None = None) -> set[Path]:
    """The module and everything it imports, and so on."""
    found = set() if found is None else found
    if module not in found:
        found.add(module)
        for target in re.findall(
            r"^(?:import|export)[^;]*?from\s*'(\.[^']+)'", module.read_text(), re.MULTILINE
        ):
            _imported_from((module.parent / target).resolve(), found)
    return found


def _without_comments(source: str) -> str:
    return re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
