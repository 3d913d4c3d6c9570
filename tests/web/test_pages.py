"""The pages: one document for every address of the application, and one for where nothing is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.web.asgi import ask
from tests.web.conftest import Browser
from workroom.node import Node
from workroom.passwords import PasswordHasher
from workroom.web.pages import INDEX
from workroom.web.routes import PAGES, build_app
from workroom.web.static_files import STATIC_FOLDER, StaticFolder


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_is_the_same_document(path: str, browser: Browser) -> None:
    answer = await browser.ask("GET", path, accept="text/html")
    assert answer.status == 200
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert answer.body == (STATIC_FOLDER / INDEX).read_bytes()


async def test_the_document_has_nothing_inline_that_the_policy_would_refuse() -> None:
    for page in STATIC_FOLDER.glob("*.html"):
        text = page.read_text()
        assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
        assert re.findall(r"<style|\bstyle=|\son\w+=|javascript:", text) == []


async def test_what_does_not_exist_is_a_page_for_people_and_json_for_programs(browser: Browser) -> None:
    page = await browser.ask("GET", "/nowhere", accept="text/html,*/*")
    assert (page.status, page.header("content-type")) == (404, "text/html; charset=utf-8")
    for path in ("/nowhere", "/api/nowhere", "/static/nowhere.js", "/static/", "/static/../pyproject.toml"):
        answer = await browser.ask("GET", path)
        assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found"), path


async def test_without_a_page_for_it_the_answer_is_json_for_people_too(
    node: Node, hasher: PasswordHasher, tmp_path: Path
) -> None:
    answer = await ask(
        build_app(node, hasher, StaticFolder(tmp_path)), "GET", "/nowhere", headers={"accept": "text/html"}
    )
    assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
