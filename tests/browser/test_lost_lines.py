"""A line that is gone for ten minutes, or for a moment, and what was written meanwhile on either side."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import Windows
from tests.browser.office import (
    Office,
    Person,
    composer,
    enter_room,
    line,
    messages,
    open_details,
    open_for,
    write,
)
from tests.line import Line
from tests.nodes import RunningNode

BANNER = "connection-banner"


async def test_after_ten_minutes_with_the_lid_closed_exactly_what_was_missed_is_there(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Ten minutes", staff)
    stream = room["stream"]
    first = await staff.say(stream, "Before")
    page = await open_for(windows, person, url=wire.url)
    await page.clock.install()
    await enter_room(page, "Ten minutes")
    await expect(messages(page)).to_have_text(["Before"])
    wire.break_off()
    await page.clock.fast_forward("09:30")
    for number in range(60):
        await staff.say(stream, f"Missed {number}")
    await staff.do("edit_message", stream=stream, message_id=first["message_id"], text="Before, edited")
    await staff.do("add_reaction", stream=stream, message_id=first["message_id"], emoji="👍")
    await staff.do("rename_room", room_id=room["room_id"], name="Ten minutes later")
    await expect(page.locator(BANNER)).to_contain_text("No connection")
    wire.resume()
    await page.clock.fast_forward("00:30")
    expected = ["Before, edited", *(f"Missed {number}" for number in range(60))]
    await expect(messages(page)).to_have_text(expected)
    await expect(page.locator(".reaction")).to_have_count(1)
    await expect(page.locator(BANNER)).to_be_hidden()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Ten minutes later")
    await page.reload()
    await expect(messages(page).last).to_have_text("Missed 59")
    shown = await messages(page).all_text_contents()
    assert len(shown) >= 50
    assert shown == expected[-len(shown) :]


async def test_what_is_written_without_a_line_leaves_in_order_and_once(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "On a train", staff)
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "On a train")
    await write(page, "Zero")
    await expect(page.locator(".message.is-pending")).to_have_count(0)
    await page.clock.install()
    wire.break_off()
    written = ["One", "Two", "Three"]
    for text in written:
        await write(page, text)
    await expect(page.locator(".message.is-pending .text")).to_have_text(written)
    await expect(page.locator(".delivery").last).to_have_text("Waits for the connection")
    wire.resume()
    await page.clock.fast_forward("01:00")
    await expect(page.locator(".message.is-pending")).to_have_count(0)
    await expect(messages(page)).to_have_text(["Zero", *written])
    answer = await staff.do("read_messages", stream=room["stream"])
    assert [message["text"] for message in answer["messages"]] == ["Zero", *written]


async def test_what_is_written_before_the_room_was_fetched_is_shown_and_leaves_later(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "In a hurry", staff)
    await staff.say(room["stream"], "Good morning")
    page = await open_for(windows, person, url=wire.url)
    await expect(line(page, "In a hurry")).to_be_visible()
    wire.break_off()
    await enter_room(page, "In a hurry")
    await write(page, "Too fast")
    await expect(page.locator(".message.is-pending .text")).to_have_text(["Too fast"])
    wire.resume()
    await expect(messages(page)).to_have_text(["Good morning", "Too fast"], timeout=30_000)
    await expect(page.locator(".message.is-pending")).to_have_count(0)


async def test_what_was_written_survives_the_closing_of_the_window(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Closed too early", staff)
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Closed too early")
    await expect(page.locator(".beginning").get_by_text("Nothing written yet")).to_be_visible()
    wire.break_off()
    for text in ("First", "Second"):
        await write(page, text)
    await composer(page).fill("A draft")
    await page.close()
    wire.resume()
    again = await windows.open_tab(page.context, f"/#/rooms/{room['room_id']}")
    await expect(messages(again)).to_have_text(["First", "Second"])
    await expect(again.locator(".message.is-pending")).to_have_count(0)
    await expect(composer(again)).to_have_value("A draft")
    answer = await staff.do("read_messages", stream=room["stream"])
    assert [message["text"] for message in answer["messages"]] == ["First", "Second"]


async def test_what_a_closed_tab_left_leaves_with_the_line_of_another(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Two tabs", staff)
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Two tabs")
    other = await windows.open_tab(page.context, f"/#/rooms/{room['room_id']}")
    await expect(composer(other)).to_be_visible()
    wire.break_off()
    for text in ("First", "Second"):
        await write(page, text)
    await page.close()
    wire.resume()
    await expect(messages(other)).to_have_text(["First", "Second"], timeout=20_000)
    await expect(other.locator(".message.is-pending")).to_have_count(0)
    answer = await staff.do("read_messages", stream=room["stream"])
    assert [message["text"] for message in answer["messages"]] == ["First", "Second"]


async def test_what_was_written_never_leaves_under_the_name_of_whoever_signed_in_meanwhile(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    other = await office.make_staff("Ilse Brandt")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Whose words", staff, other)
    page = await open_for(windows, staff, url=wire.url)
    await enter_room(page, "Whose words")
    await expect(page.locator(".beginning").get_by_text("Nothing written yet")).to_be_visible()
    wire.break_off()
    await write(page, "Mine alone")
    await composer(page).fill("Half of a thought")
    # What signing in in another tab of this browser does.
    await _take_cookie(page, other)
    wire.cut()  # what was under way with the cookie from before
    wire.resume()
    await expect(page.locator(".message.is-pending")).to_have_count(0, timeout=20_000)
    assert (await person.do("read_messages", stream=room["stream"]))["messages"] == []
    await expect(composer(page)).to_have_value("")
    await other.say(room["stream"], "Theirs")
    await expect(messages(page)).to_have_text(["Theirs"])
    await composer(page).fill("A thought of theirs")

    await _take_cookie(page, staff)
    await page.reload()
    await expect(composer(page)).to_have_value("Half of a thought")
    await expect(messages(page)).to_have_text(["Theirs", "Mine alone"])
    await expect(page.locator(".message.is-pending")).to_have_count(0)
    answer = await person.do("read_messages", stream=room["stream"])
    assert [(message["text"], message["author_id"]) for message in answer["messages"]] == [
        ("Theirs", other.id),
        ("Mine alone", staff.id),
    ]


async def test_an_acknowledgement_that_is_lost_posts_nothing_twice(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(staff, "Lost answer", person)
    page = await open_for(windows, staff, url=wire.url)
    await enter_room(page, "Lost answer")
    await expect(page.locator(".beginning").get_by_text("Nothing written yet")).to_be_visible()
    await composer(page).fill("Only once")
    wire.silence()
    await composer(page).press("Enter")
    await expect(page.locator(".message.is-pending")).to_have_count(1)
    wire.resume()
    wire.cut()
    await expect(page.locator(".message.is-pending")).to_have_count(0)
    await expect(messages(page)).to_have_text(["Only once"])
    answer = await person.do("read_messages", stream=room["stream"])
    assert [message["text"] for message in answer["messages"]] == ["Only once"]


async def test_a_message_the_server_refuses_stays_visible_and_can_be_sent_again(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Refused", staff)
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Refused")
    await expect(page.locator(".beginning").get_by_text("Nothing written yet")).to_be_visible()
    wire.break_off()
    for text in ("Keep me", "Drop me"):
        await write(page, text)
    await staff.do("archive_room", room_id=room["room_id"])
    wire.resume()
    wire.cut()
    failed = page.locator(".message.is-failed")
    await expect(failed).to_have_count(2)
    await expect(failed.first).to_contain_text("The room is archived")
    await expect(page.get_by_text("it can be read, not written").last).to_be_visible()
    await staff.do("reopen_room", room_id=room["room_id"])
    await expect(composer(page)).to_be_visible()
    await failed.last.get_by_role("button", name="Discard").click()
    await failed.first.get_by_role("button", name="Send again").click()
    await expect(failed).to_have_count(0)
    await expect(messages(page)).to_have_text(["Keep me"])


async def test_a_browser_ends_in_the_state_that_a_fresh_one_fetches(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Everything", staff)
    stream = room["stream"]
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Everything")
    posted: list[dict[str, Any]] = []
    for number in range(13):
        reply_to = {"reply_to": posted[0]["message_id"]} if number % 5 == 4 else {}
        posted.append(await (staff if number % 2 else person).say(stream, f"Number {number}", **reply_to))
        if number in (3, 8):
            wire.cut()
        about = {"stream": stream, "message_id": posted[number // 2]["message_id"]}
        author = staff if (number // 2) % 2 else person
        if number % 3 == 0:
            await author.do("edit_message", text=f"Edited {number}", **about)
        await staff.do("add_reaction", emoji="👍", **about)
        if number % 2:
            await staff.do("remove_reaction", emoji="👍", **about)
    await person.do("delete_message", stream=stream, message_id=posted[0]["message_id"])
    fresh = await open_for(windows, person, f"/#/rooms/{room['room_id']}")
    await expect(messages(fresh).last).to_have_text("Number 12")
    await expect(messages(page).last).to_have_text("Number 12")
    await expect(page.locator(".quote").first).to_contain_text("This message was deleted.")
    expected = await _picture(fresh)
    assert "Edited 9" in expected, expected
    await expect(page.locator(".messages")).to_have_text(
        await fresh.locator(".messages").text_content() or ""
    )
    assert await _picture(page) == expected
    await expect(line(page, "Everything").locator(".room-last")).to_have_text(
        await line(fresh, "Everything").locator(".room-last").inner_text()
    )


@pytest.mark.deadline(90)
async def test_an_open_window_survives_the_restart_of_its_node(
    office: Office, windows: Windows, node: RunningNode
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    await office.make_room(person, "Restart", staff)
    page = await open_for(windows, person)
    await enter_room(page, "Restart")
    await expect(page.locator(".beginning").get_by_text("Nothing written yet")).to_be_visible()
    await node.kill()
    await write(page, "Written while the node was down")
    await expect(page.locator(".message.is-pending")).to_have_count(1)
    await node.start()
    await expect(page.locator(".message.is-pending")).to_have_count(0, timeout=20_000)
    await expect(messages(page)).to_have_text(["Written while the node was down"])
    details = await open_details(page)
    await expect(details).to_contain_text("Members (2)")


async def _take_cookie(page: Page, person: Person) -> None:
    name, _, value = person.client.cookie.partition("=")
    await page.context.add_cookies([{"name": name, "value": value, "url": page.url.partition("#")[0]}])


async def _picture(page: Page) -> str:
    """What the conversation shows, as text."""
    await page.mouse.move(5, 5)
    return await page.locator(".messages").inner_text()
