"""The compliance console for everybody who is an officer: axe finds nothing serious, and every width is wide enough."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import AXE, look
from tests.browser.chromium import NARROW, Windows
from tests.browser.office import Office, Person, open_for
from tests.browser.test_compliance import REASON, place, talked

WIDTHS = (320, 390, 719, 720, 1024, 1600)


async def test_axe_finds_nothing_serious_on_any_page_of_the_console(office: Office, windows: Windows) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: scripts/install-browser-tools")
    officer, room, hold = await _furnished_case(office)
    page = await open_for(windows, officer, bypass_csp=True)
    for path in _pages(room, hold):
        await _visit(page, path)
        await look(page, path)
    await page.get_by_label("Reason").fill(REASON)
    await page.get_by_role("button", name="Open", exact=True).click()
    await expect(page.locator(".opened-message").first).to_be_visible()
    await page.locator(".opened-message summary").first.click()
    await look(page, "an opened room")
    await page.goto("/#/compliance/matters")
    await page.get_by_role("button", name="New matter").click()
    await look(page, "a dialog")
    await page.keyboard.press("Escape")
    await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    await page.goto("/#/")
    await expect(page.get_by_role("navigation", name="Compliance")).to_be_visible()
    await look(page, "the places on a narrow screen")


async def test_no_page_of_the_console_is_wider_than_its_window(office: Office, windows: Windows) -> None:
    officer, room, hold = await _furnished_case(office, name="Long" * 25)
    page = await open_for(windows, officer)
    for path in _pages(room, hold):
        await _visit(page, path)
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            wide = await page.evaluate(
                "Math.max(document.documentElement.scrollWidth,"
                " ...[...document.querySelectorAll('.page-body')].map((body) => body.scrollWidth"
                " - body.clientWidth + innerWidth))"
            )
            assert wide <= width, f"{path} is {wide} wide in {width}"


async def test_the_keyboard_alone_is_enough_to_place_a_hold(office: Office, windows: Windows) -> None:
    officer, *_ = await _furnished_case(office, name="By keyboard")
    page = await open_for(windows, officer, "/#/compliance/matters")
    keys = page.keyboard
    await page.get_by_role("button", name="New matter").focus()
    await keys.press("Enter")
    await keys.type("Case 10")
    await keys.press("Tab")
    await keys.type(REASON)
    await keys.press("Tab")
    await keys.press("Tab")
    await keys.press("Enter")
    await expect(page.get_by_role("heading", name="Case 10", level=1)).to_be_visible()
    await page.get_by_role("link", name="Place a hold").focus()
    await keys.press("Enter")
    await page.get_by_role("searchbox", name="Find a room").focus()
    await keys.type("by keyb")
    await expect(page.get_by_role("button", name="Add By keyboard")).to_be_visible()
    await keys.press("Tab")
    await keys.press("Enter")
    await expect(page.get_by_role("searchbox", name="Find a room")).to_be_focused()
    await page.get_by_role("button", name="Next").focus()
    await keys.press("Enter")
    await expect(page.get_by_role("heading", name="Everything, or only a part?")).to_be_focused()


async def _furnished_case(office: Office, name: str = "Looked at") -> tuple[Person, dict[str, Any], Any]:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    *_, room = await talked(office, name)
    return officer, room, await place(officer, room)


def _pages(room: dict[str, Any], hold: Any) -> list[str]:
    return [
        "",
        "/matters",
        f"/matters/{hold['matter_id']}",
        f"/matters/{hold['matter_id']}/place",
        f"/holds/{hold['hold_id']}",
        f"/holds/{hold['hold_id']}/widen",
        "/rooms",
        f"/rooms/{room['room_id']}",
        "/retention",
        "/retention/new_class",
        "/audit",
        f"/rooms/{room['room_id']}/open",
    ]


async def _visit(page: Page, path: str) -> None:
    await page.goto(f"/#/compliance{path}")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await expect(page.get_by_text("Loading…")).to_be_hidden()
