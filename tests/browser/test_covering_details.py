"""On a narrow screen the details of a room cover it: what is behind them is out of reach until they are closed."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.chromium import NARROW, WIDE, Windows
from tests.browser.office import Office, composer, enter_room, open_details, open_for


async def test_what_the_details_cover_is_out_of_the_keyboards_reach(office: Office, windows: Windows) -> None:
    page = await _room(office, windows)
    details = await open_details(page)
    await expect(details.get_by_role("button", name="Close")).to_be_focused()
    for key in ("Shift+Tab", "Tab"):
        for _ in range(12):
            await page.keyboard.press(key)
            behind = await page.evaluate(
                "document.querySelector('.room-column').contains(document.activeElement)"
            )
            assert not behind, f"{key} reaches what is covered"


async def test_escape_closes_covering_details_and_the_focus_goes_back(
    office: Office, windows: Windows
) -> None:
    page = await _room(office, windows)
    opener = page.get_by_role("button", name="Details")
    details = await open_details(page)
    await page.keyboard.press("Escape")
    await expect(details).to_be_hidden()
    await expect(opener).to_be_focused()
    await open_details(page)
    await details.locator(".details-name").click()
    await page.keyboard.press("Escape")
    await expect(details).to_be_hidden()
    await expect(opener).to_be_focused()
    await composer(page).fill("Within reach again")


async def test_details_that_come_to_cover_the_room_take_the_focus(office: Office, windows: Windows) -> None:
    page = await _room(office, windows, WIDE)
    details = await open_details(page)
    await composer(page).focus()
    await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    await expect(details.get_by_role("button", name="Close")).to_be_focused()
    await page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    await composer(page).fill("Within reach again")


async def _room(office: Office, windows: Windows, size: tuple[int, int] = NARROW) -> Page:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    await office.make_room(person, "Covered", staff)
    page = await open_for(windows, staff, size=size)
    await enter_room(page, "Covered")
    return page
