"""For everybody: axe finds nothing serious on any page, the keyboard is enough, and every width is wide enough."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.axe import AXE, look
from tests.browser.chromium import NARROW, Windows
from tests.browser.office import Office, Person, composer, enter_room, messages, open_details, open_for

WATCH_ANNOUNCER = """() => {
    window.announced = [];
    const watch = new MutationObserver((changes) => changes.forEach(({ addedNodes }) =>
        addedNodes.forEach((node) => window.announced.push(node.textContent))));
    watch.observe(document.querySelector('[data-announcer]'),
                  { childList: true, characterData: true, subtree: true });
}"""
WIDTHS = (320, 390, 719, 720, 1024, 1200, 1600)
DOORS = [
    "/",
    "/first-admin#token=none",
    "/set-password#token=none",
    "/invitation#token=none-at-all-here",
    "/nowhere",
]


async def test_axe_finds_nothing_serious_on_any_page_light_or_dark(office: Office, windows: Windows) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: scripts/install-browser-tools")
    staff, room = await _furnished_room(office, "Looked at")
    page = await windows.open(bypass_csp=True)
    for door in DOORS:
        await page.goto(door)
        await look(page, door)
    await page.goto("/")
    await page.get_by_role("button", name="Register as a customer").click()
    await look(page, "registration")

    await office.admin.do("join_room", room_id=room["room_id"])
    page = await open_for(windows, office.admin, bypass_csp=True)
    for place in ("desk", "people", "settings", "new-room"):
        await page.goto(f"/#/{place}")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await look(page, place)
    await page.get_by_role("link", name="People").click()
    await page.get_by_role("button", name="New account").click()
    await look(page, "new account")

    page = await open_for(windows, staff, bypass_csp=True)
    await enter_room(page, "Looked at")
    await open_details(page)
    await page.locator(".message").first.hover()
    await look(page, "a room with its details")
    await page.get_by_role("link", name="Internal notes").click()
    await expect(messages(page)).to_have_text(["A note"])
    await look(page, "internal notes")
    await page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    await look(page, "a room on a narrow screen")
    await page.goto("/#/")
    await look(page, "the list on a narrow screen")


async def test_the_keyboard_alone_is_enough(office: Office, windows: Windows) -> None:
    staff, _ = await _furnished_room(office, "First by keyboard")
    other, _ = await _furnished_room(office, "Second by keyboard")
    for room in (await other.do("list_rooms"))["rooms"]:
        await staff.do("join_room", room_id=room["room_id"])
    page = await open_for(windows, staff)
    await expect(page.locator(".room-link")).to_have_count(2)
    keys = page.keyboard
    await page.locator("body").press("Tab")
    await expect(page.get_by_role("link", name="Skip to the main part")).to_be_focused()
    for _ in range(4):
        await keys.press("Tab")
    await expect(page.locator(".room-link").first).to_be_focused()
    await keys.press("j")
    await expect(page.locator(".room-link").last).to_be_focused()
    await keys.press("k")
    await keys.press("ArrowDown")
    name = await page.locator(".room-link").last.locator(".room-name").inner_text()
    await keys.press("Enter")
    await expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    await expect(composer(page)).to_be_focused()

    await keys.type("A line")
    await keys.press("Shift+Enter")
    await keys.type("and another")
    await keys.press("Enter")
    await expect(messages(page).last).to_have_text("A line\nand another")
    await expect(page.locator(".message.is-pending")).to_have_count(0)
    assert await messages(page).last.evaluate("element => element.getBoundingClientRect().height") > 30
    await keys.press("ArrowUp")
    await expect(composer(page)).to_have_value("A line\nand another")
    await keys.press("Control+a")
    await keys.type("One line")
    await keys.press("Enter")
    await expect(messages(page).last).to_have_text("One line")
    await keys.press("ArrowUp")
    await keys.press("Escape")
    await expect(composer(page)).to_have_value("")

    await keys.press("Escape")
    await expect(page.locator(".message").last).to_be_focused()
    await keys.press("ArrowUp")
    await keys.press("ArrowUp")
    await keys.press("Tab")
    await expect(page.locator(".message").nth(-3).locator(".quote")).to_be_focused()
    await keys.press("Tab")
    await expect(page.get_by_role("button", name="React 👍")).to_be_focused()
    await keys.press("Enter")
    await expect(page.locator(".message").nth(-3).locator(".reaction")).to_have_count(1)
    await keys.press("Escape")
    await expect(composer(page)).to_be_focused()


async def test_what_a_message_quotes_and_its_reactions_are_reached_by_keyboard(
    office: Office, windows: Windows
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Quoting", staff)
    stream = room["stream"]
    asked = await person.say(stream, "Which receipt?")
    for number in range(80):
        await person.say(stream, f"In between {number}")
    answer = await person.say(stream, "The one from March", reply_to=asked["message_id"])
    await person.do("add_reaction", stream=stream, message_id=answer["message_id"], emoji="👍")
    await staff.do("mark_read", stream=stream, seq=answer["seq"])
    page = await open_for(windows, staff, f"/#/rooms/{room['room_id']}")
    await expect(messages(page).last).to_have_text("The one from March")
    await page.mouse.move(5, 5)

    await composer(page).press("Escape")
    await expect(page.locator(".message").last).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator(".message").last.locator(".quote")).to_be_focused()
    await page.keyboard.press("Tab")
    reaction = page.locator(".message").last.locator(".reaction")
    await expect(reaction).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(reaction).to_have_attribute("aria-pressed", "true")
    await expect(reaction).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("listitem", name="Which receipt?")).to_be_focused()


async def test_new_messages_are_read_out_politely_and_history_is_not(
    office: Office, windows: Windows
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Read out", staff)
    await person.say(room["stream"], "Old")
    page = await open_for(windows, staff)
    await enter_room(page, "Read out")
    await expect(messages(page)).to_have_text(["Old"])
    announcer = page.locator("[data-announcer]")
    await expect(announcer).to_have_attribute("aria-live", "polite")
    await expect(announcer).to_have_text("")
    await person.say(room["stream"], "New")
    await expect(announcer).to_have_text("Mara Okafor: New")


async def test_the_same_words_said_twice_are_read_out_twice(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Said twice", staff)
    page = await open_for(windows, staff)
    await enter_room(page, "Said twice")
    # The list of rooms says so too, before the room is there; what is written until then is not news.
    await expect(page.locator(".beginning")).to_contain_text("Nothing written yet")
    await page.evaluate(WATCH_ANNOUNCER)
    for count in (1, 2):
        await person.say(room["stream"], "Yes")
        # What a screen reader hears of: nodes that are added to the region.
        await page.wait_for_function("count => window.announced.length >= count", arg=count)
    assert await page.evaluate("window.announced") == ["Mara Okafor: Yes"] * 2


async def test_no_page_is_wider_than_its_window(office: Office, windows: Windows) -> None:
    staff, room = await _furnished_room(office, "Widths")
    await staff.say(room["stream"], "w" * 400 + " https://example.org/" + "a" * 300)
    await office.admin.do("join_room", room_id=room["room_id"])
    page = await open_for(windows, office.admin)
    for place in ("", "desk", "people", "settings", "new-room", f"rooms/{room['room_id']}"):
        await page.goto(f"/#/{place}")
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            await expect(page.locator("main#main" if place else "room-list-panel")).to_be_visible()
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{place or 'list'} is {wide} wide in {width}"
    await expect(messages(page).last).to_contain_text("www")
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.locator(".scroller").evaluate(
            "element => element.scrollWidth <= element.clientWidth"
        )


async def test_a_narrow_screen_shows_the_list_then_the_room_and_goes_back(
    office: Office, windows: Windows
) -> None:
    staff, _ = await _furnished_room(office, "Narrow")
    page = await open_for(windows, staff, size=NARROW, has_touch=True)
    await expect(page.locator("main#main")).to_be_hidden()
    await page.locator(".room-link", has_text="Narrow").tap()
    await expect(messages(page).first).to_be_visible()
    await expect(page.get_by_role("navigation", name="Rooms")).to_be_hidden()
    await (await open_details(page)).get_by_role("button", name="Close").tap()
    await page.get_by_role("link", name="Back to the rooms").tap()
    await expect(page.get_by_role("navigation", name="Rooms")).to_be_visible()


async def _furnished_room(office: Office, name: str) -> tuple[Person, dict[str, Any]]:
    """A room with everything a conversation can show."""
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, name, staff)
    stream = room["stream"]
    first = await person.say(stream, "Good morning, see https://example.org/form")
    await staff.say(stream, "@Mara Okafor thank you", mentions=[person.id], reply_to=first["message_id"])
    await staff.do("add_reaction", stream=stream, message_id=first["message_id"], emoji="👍")
    await person.do(
        "edit_message",
        stream=stream,
        message_id=first["message_id"],
        text="Good day, see https://example.org",
    )
    gone = await person.say(stream, "Oh")
    await person.do("delete_message", stream=stream, message_id=gone["message_id"])
    line = next(one for one in (await staff.do("list_rooms"))["rooms"] if one["room_id"] == room["room_id"])
    await staff.say(line["staff_stream"], "A note")
    return staff, room
