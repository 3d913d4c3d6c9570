"""The files of the project as git knows them, and what stands in the Python ones: for the rules in this folder."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

# Methods that a library calls: their names, and what they are for, were given there.
NAMED_BY_OTHERS = {
    "connection_lost",
    "connection_made",
    "data_received",
    "eof_received",
    "format",
    "handle_websocket_upgrade",
    "on_headers_complete",
    "on_message_begin",
    "on_message_complete",
    "pause_writing",
    "resume_writing",
}

ROOT = Path(__file__).resolve().parents[2]


@cache
def list_files() -> tuple[Path, ...]:
    """Every file that is tracked or could be, relative to the root; what git ignores is left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    paths = (Path(name) for name in listed.stdout.decode().split("\0") if name)
    return tuple(sorted(path for path in paths if (ROOT / path).is_file()))


def list_under(folder: str, *suffixes: str) -> list[Path]:
    """The files of a folder, with one of these suffixes."""
    return [path for path in list_files() if path.parts[0] == folder and path.suffix in suffixes]


@cache
def read(path: Path) -> str:
    """The text of a file of the project."""
    return (ROOT / path).read_text("utf-8")


@cache
def parse(path: Path) -> ast.Module:
    """The syntax tree of a Python file of the project."""
    return ast.parse(read(path))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods, however deep."""
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every call as `name.of.function` and its line; what is called on an expression begins with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield _dotted(node.func), node.lineno


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return ""
