"""Long rooms: history that loads without a jump, a bounded page, the divider, and the way back to the latest."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from tests.browser.chromium import Windows
from tests.browser.office import Office, enter_room, messages, open_for

MOST_ROWS = 430


async def test_history_loads_as_one_scrolls_without_a_jump_and_stays_bounded(
    office: Office, windows: Windows
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Long", staff)
    for number in range(400):
        await person.say(room["stream"], f"Number {number}" + " and more words" * (number % 9))
    page = await open_for(windows, person)
    await enter_room(page, "Long")
    await expect(messages(page).last).to_contain_text("Number 399")
    seen: set[int] = set()
    for _ in range(60):
        shown = await _shown_numbers(page)
        seen.update(shown)
        assert shown == sorted(shown), "out of order"
        assert len(shown) == len(set(shown)), "twice"
        assert len(shown) <= MOST_ROWS
        if 0 in seen:
            break
        await _scroll_without_a_jump(page)
    assert seen == set(range(400))
    await expect(page.get_by_text("This is where it begins.")).to_be_visible()

    await page.get_by_role("button", name="Jump to the latest").click()
    await expect(messages(page).last).to_contain_text("Number 399")
    await expect(page.locator(".jump")).to_be_hidden()
    await staff.say(room["stream"], "Fresh")
    await expect(messages(page).last).to_have_text("Fresh")
    await expect(messages(page).last).to_be_in_viewport()


async def test_a_reader_far_above_is_told_of_new_messages_and_not_moved(
    office: Office, windows: Windows
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Above", staff)
    for number in range(60):
        await person.say(room["stream"], f"Number {number}" + " and more words" * 9)
    page = await open_for(windows, person)
    await enter_room(page, "Above")
    await expect(messages(page).last).to_be_in_viewport()
    await page.locator(".scroller").evaluate("element => { element.scrollTop -= 900; }")
    await expect(page.locator(".jump")).to_have_text("Jump to the latest")
    before = await _first_in_sight(page)
    await staff.say(room["stream"], "Here is something new")
    await expect(page.locator(".jump")).to_have_text("1 new message")
    await expect(page).to_have_title(re.compile(r"^\(1\)"))
    assert await _first_in_sight(page) == before
    await page.locator(".jump").click()
    await expect(page.locator(".new-divider")).to_be_attached()
    await expect(messages(page).last).to_be_in_viewport()
    await expect(page).to_have_title("Above · Workroom")


async def test_a_room_opens_where_reading_stopped(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Stopped", staff)
    for number in range(30):
        read = await person.say(room["stream"], f"Read {number}")
    await staff.do("mark_read", stream=room["stream"], seq=read["seq"])
    for number in range(80):
        await person.say(room["stream"], f"Unread {number}")
    page = await open_for(windows, staff)
    await enter_room(page, "Stopped")
    await expect(page.locator(".new-divider")).to_be_in_viewport()
    await expect(page.locator(".new-divider + .message .text")).to_have_text("Unread 0")
    await expect(page.locator(".jump")).to_have_text("80 new messages")
    await page.locator(".jump").click()
    await expect(messages(page).last).to_have_text("Unread 79")
    await expect(page.locator(".room-line .count")).to_have_count(0)


async def test_the_divider_stands_above_what_came_since_one_last_looked(
    office: Office, windows: Windows
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Read only", staff)
    read = await person.say(room["stream"], "Read before")
    await staff.do("mark_read", stream=room["stream"], seq=read["seq"])
    page = await open_for(windows, staff)
    await enter_room(page, "Read only")
    for text in ("While away", "While away again"):
        await _look(page, "hidden")
        await person.say(room["stream"], text)
        await person.say(room["stream"], f"{text}, and more")
        await expect(page.locator(".new-divider + .message .text")).to_have_text(text)
        await _look(page, "visible")
        await expect(page.locator(".room-line", has_text="Read only").locator(".count")).to_have_count(0)
        await expect(page.locator(".new-divider + .message .text")).to_have_text(text)
    await expect(page.locator(".new-divider")).to_have_count(1)


async def test_a_quotation_leads_to_what_it_quotes(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Quoting", staff)
    quoted = await person.say(room["stream"], "The very first question")
    for number in range(120):
        await person.say(room["stream"], f"Number {number}")
    page = await open_for(windows, staff)
    await enter_room(page, "Quoting")
    await page.locator(".jump").click()
    await staff.say(room["stream"], "The answer", reply_to=quoted["message_id"])
    quote = page.locator(".message", has_text="The answer").locator(".quote")
    await expect(quote).to_contain_text("The very first question")
    await quote.click()
    first = page.locator(".message", has_text="The very first question").first
    await expect(first).to_be_focused()
    await expect(first).to_be_in_viewport()


async def _look(page: Page, visibility: str) -> None:
    """Look at the window, or elsewhere: it is told what a browser would tell it."""
    await page.evaluate(
        """state => {
          Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
          document.dispatchEvent(new Event('visibilitychange'));
        }""",
        visibility,
    )


async def _scroll_without_a_jump(page: Page) -> None:
    """Scroll up as far as there is, and see that the row in sight stays where it is while older ones come."""
    top = await page.locator(".scroller").evaluate(
        """element => {
          element.scrollTop = 300;
          const rows = [...element.querySelectorAll('.message')];
          const edge = element.getBoundingClientRect().top + 100;
          const row = rows.find((one) => one.getBoundingClientRect().bottom > edge);
          const first = rows[0].dataset.messageId;
          window.watched = { row, first, top: row.getBoundingClientRect().top };
          return window.watched.top;
        }"""
    )
    await page.wait_for_function(
        """() => {
          const first = document.querySelector('.message').dataset.messageId;
          const begins = document.querySelector('.beginning').hidden === false;
          return begins || first !== window.watched.first;
        }"""
    )
    moved = await page.evaluate("window.watched.row.getBoundingClientRect().top")
    assert abs(moved - top) < 2, f"the row in sight jumped from {top} to {moved}"


async def _shown_numbers(page: Page) -> list[int]:
    texts = await messages(page).all_text_contents()
    return [int(found[1]) for text in texts if (found := re.match(r"Number (\d+)", text))]


async def _first_in_sight(page: Page) -> list[object]:
    found: list[object] = await page.locator(".scroller").evaluate(
        """element => {
          const edge = element.getBoundingClientRect().top;
          const rows = [...element.querySelectorAll('.message')];
          const row = rows.find((one) => one.getBoundingClientRect().bottom > edge);
          return [row.dataset.messageId, Math.round(row.getBoundingClientRect().top)];
        }"""
    )
    return found
