"""A conversation as one stop of the Tab key: what is in a message is reached from that message, and from no other."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.chromium import Windows
from tests.browser.office import Office, composer, messages, open_for
from tests.browser.papers import post_files

STRAY_STOPS = """() => {
  const stop = document.querySelector('.messages > .message[tabindex="0"]');
  const inside = [...document.querySelectorAll('.messages :is(a, button, audio, video)')];
  return inside.filter((one) => one.tabIndex >= 0 && !stop.contains(one)).map((one) => one.outerHTML);
}"""
MOST_STEPS = 8


async def test_tab_leads_past_a_long_conversation_in_a_few_steps(office: Office, windows: Windows) -> None:
    page = await _linked_conversation(office, windows)
    await page.mouse.move(5, 5)
    await composer(page).focus()
    details = page.get_by_role("button", name="Details")
    for _ in range(MOST_STEPS):
        await page.keyboard.press("Shift+Tab")
        if await details.evaluate("button => button === document.activeElement"):
            break
    await expect(details).to_be_focused()


async def test_the_links_of_a_message_are_reached_from_its_row(office: Office, windows: Windows) -> None:
    page = await _linked_conversation(office, windows)
    await page.mouse.move(5, 5)
    await composer(page).press("Escape")
    last = page.locator(".message").last
    await expect(last).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(last.get_by_role("link", name="https://example.org/19")).to_be_focused()
    await page.keyboard.press("Home")
    first = page.locator(".message").first
    await expect(first).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(first.get_by_role("link", name="Download ledger.csv")).to_be_focused()
    assert await page.evaluate(STRAY_STOPS) == []


async def test_a_link_that_comes_with_an_edit_is_no_stop_of_its_own(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Edited", staff)
    edited = await person.say(room["stream"], "No link yet")
    await person.say(room["stream"], "The last one")
    page = await open_for(windows, staff, f"/#/rooms/{room['room_id']}")
    await expect(messages(page)).to_have_text(["No link yet", "The last one"])
    text = "See https://example.org"
    await person.do("edit_message", stream=room["stream"], message_id=edited["message_id"], text=text)
    link = page.get_by_role("link", name="https://example.org")
    await expect(link).to_have_attribute("tabindex", "-1")
    await page.locator(".message").first.focus()
    await page.keyboard.press("Tab")
    await expect(link).to_be_focused()


async def _linked_conversation(office: Office, windows: Windows) -> Page:
    """Twenty messages with a link, below one with a file."""
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Linked", staff)
    await post_files(person, room["stream"], "ledger.csv")
    for number in range(20):
        said = await person.say(room["stream"], f"See https://example.org/{number}")
    await staff.do("mark_read", stream=room["stream"], seq=said["seq"])
    page = await open_for(windows, staff, f"/#/rooms/{room['room_id']}")
    await expect(messages(page)).to_have_count(20)
    await expect(page.locator(".message .file-link")).to_have_count(1)
    return page
