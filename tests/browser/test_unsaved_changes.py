"""Edits, deletions and reactions that are on their way or were refused: visible, and tried again or dropped."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page, expect

from tests.browser.chromium import Windows
from tests.browser.office import Office, Person, composer, enter_room, lose_line, messages, open_for, write
from tests.line import Line

Json = dict[str, Any]


async def _room(office: Office, name: str) -> tuple[Person, Person, Json]:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    return staff, person, await office.make_room(person, name, staff)


async def _edit(page: Page, before: str, after: str) -> None:
    row = page.locator(".message", has=page.get_by_text(before, exact=True))
    await row.hover()
    await row.get_by_role("button", name="Edit").click()
    await composer(page).fill(after)
    await composer(page).press("Enter")


async def _react(page: Page, text: str, emoji: str) -> None:
    row = page.locator(".message", has=page.get_by_text(text, exact=True))
    await row.hover()
    await row.get_by_role("button", name=f"React {emoji}").click()


async def test_changes_wait_visibly_for_the_line_and_arrive(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff, person, room = await _room(office, "Tunnel")
    await person.say(room["stream"], "Twelve loaves")
    await staff.say(room["stream"], "Good")
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Tunnel")
    await expect(messages(page)).to_have_text(["Twelve loaves", "Good"])
    await lose_line(page, wire)
    await _edit(page, "Twelve loaves", "Thirteen loaves")
    await _react(page, "Good", "👍")
    waiting = page.locator(".unsaved-line.is-waiting")
    await expect(waiting.first).to_contain_text("The edit waits for the connection")
    await expect(waiting.first).to_contain_text("Thirteen loaves")
    await expect(waiting.last).to_contain_text("The reaction waits for the connection")
    # Taken back and put there again while nothing can leave: what stands at the end is what was wanted.
    await _react(page, "Good", "👍")
    await expect(waiting.last).to_contain_text("Taking the reaction back waits")
    await _react(page, "Good", "👍")
    await expect(waiting).to_have_count(4)
    wire.resume()
    await expect(page.locator(".unsaved-line")).to_have_count(0, timeout=30_000)
    await expect(messages(page)).to_have_text(["Thirteen loaves", "Good"])
    await expect(page.locator(".reaction")).to_have_attribute("aria-pressed", "true")


async def test_a_refused_change_is_told_and_can_be_tried_again_or_dropped(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff, person, room = await _room(office, "Refusals")
    for text in ("One", "Two"):
        await person.say(room["stream"], text)
    await staff.say(room["stream"], "Three")
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Refusals")
    await expect(messages(page)).to_have_count(3)
    await lose_line(page, wire)
    await _edit(page, "One", "One, and a half")
    await _edit(page, "Two", "Two, and a half")
    await _react(page, "Three", "🎉")
    await staff.do("archive_room", room_id=room["room_id"])
    wire.resume()
    refused = page.get_by_role("alert").and_(page.locator(".unsaved-line"))
    await expect(refused).to_have_count(3, timeout=30_000)
    await expect(refused.first).to_contain_text("One, and a half")
    await expect(refused.first).to_contain_text("The edit was not saved. The room is archived")
    await expect(refused.last).to_contain_text("The reaction was not saved.")
    await expect(messages(page)).to_have_text(["One", "Two", "Three"])

    await page.reload()
    await expect(refused).to_have_count(3)
    await staff.do("reopen_room", room_id=room["room_id"])
    await expect(composer(page)).to_be_visible()
    await refused.nth(1).get_by_role("button", name="Discard").click()
    await refused.first.get_by_role("button", name="Try again").click()
    await expect(messages(page)).to_have_text(["One, and a half", "Two", "Three"])
    await refused.get_by_role("button", name="Try again").press("Enter")
    await expect(page.locator(".reaction")).to_contain_text("🎉")
    await expect(page.locator(".unsaved-line")).to_have_count(0)
    page_of = await staff.do("read_messages", stream=room["stream"])
    assert [message["text"] for message in page_of["messages"]] == ["One, and a half", "Two", "Three"]
    await page.reload()
    await expect(messages(page)).to_have_text(["One, and a half", "Two", "Three"])
    await expect(page.locator(".unsaved-line")).to_have_count(0)


async def test_a_refused_deletion_is_told_and_a_new_change_takes_its_place(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff, person, room = await _room(office, "Kept")
    await person.say(room["stream"], "Here to stay")
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Kept")
    await expect(messages(page)).to_have_text(["Here to stay"])
    await lose_line(page, wire)
    await _edit(page, "Here to stay", "Here to go")
    await page.locator(".message").hover()
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await staff.do("archive_room", room_id=room["room_id"])
    wire.resume()
    refused = page.locator(".unsaved-line.is-failed")
    await expect(refused).to_have_count(2, timeout=30_000)
    await expect(refused.last).to_contain_text("The message was not deleted.")
    await staff.do("reopen_room", room_id=room["room_id"])
    await page.locator(".message").hover()
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(page.locator(".bubble.is-deleted")).to_be_visible()
    await expect(page.locator(".unsaved-line")).to_have_count(0)


async def test_what_was_refused_about_a_message_far_above_is_in_sight(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff, person, room = await _room(office, "Far above")
    await person.say(room["stream"], "The first")
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Far above")
    await expect(messages(page)).to_have_text(["The first"])
    await lose_line(page, wire)
    await _edit(page, "The first", "The very first")
    last = {"seq": 0}
    for number in range(120):
        last = await staff.say(room["stream"], f"In between {number}")
    await person.do("mark_read", stream=room["stream"], seq=last["seq"])
    await staff.do("archive_room", room_id=room["room_id"])
    await page.close()
    wire.resume()
    again = await windows.open_tab(page.context, f"/#/rooms/{room['room_id']}")
    elsewhere = again.locator("unsaved-elsewhere")
    await expect(elsewhere).to_contain_text("About a message that is not in sight")
    await expect(elsewhere).to_contain_text("The very first")
    await staff.do("reopen_room", room_id=room["room_id"])
    await elsewhere.get_by_role("button", name="Try again").click()
    await expect(elsewhere).to_be_hidden()
    found = await person.do("read_messages", stream=room["stream"], around=1)
    assert "The very first" in [message["text"] for message in found["messages"]]


async def test_editing_what_was_refused_begins_with_the_words_that_were_refused(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff, person, room = await _room(office, "Second thoughts")
    await person.say(room["stream"], "Ten rolls")
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Second thoughts")
    await expect(messages(page)).to_have_text(["Ten rolls"])
    await lose_line(page, wire)
    await _edit(page, "Ten rolls", "Eleven rolls")
    await composer(page).press("ArrowUp")
    await expect(composer(page)).to_have_value("Eleven rolls")
    await composer(page).press("Escape")
    await staff.do("archive_room", room_id=room["room_id"])
    wire.resume()
    refused = page.locator(".unsaved-line.is-failed")
    await expect(refused).to_contain_text("Eleven rolls", timeout=30_000)
    await staff.do("reopen_room", room_id=room["room_id"])
    await expect(composer(page)).to_be_visible()

    await page.reload()
    await composer(page).fill("Something else, half written")
    row = page.locator(".message", has=page.get_by_text("Ten rolls", exact=True))
    await row.hover()
    await row.get_by_role("button", name="Edit").click()
    await expect(composer(page)).to_have_value("Eleven rolls")
    await composer(page).press("Escape")
    await expect(refused).to_contain_text("Eleven rolls")
    await row.hover()
    await row.get_by_role("button", name="Edit").click()
    await composer(page).press("End")
    await composer(page).press_sequentially(", please")
    await composer(page).press("Enter")
    await expect(messages(page)).to_have_text(["Eleven rolls, please"])
    await expect(page.locator(".unsaved-line")).to_have_count(0)
    # What was being written before is still there.
    await expect(composer(page)).to_have_value("Something else, half written")


async def test_signing_out_says_what_would_be_lost(office: Office, windows: Windows, wire: Line) -> None:
    staff, person, room = await _room(office, "Leaving early")
    await person.say(room["stream"], "Two trays")
    await staff.say(room["stream"], "Noted")
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Leaving early")
    await expect(messages(page)).to_have_text(["Two trays", "Noted"])
    await lose_line(page, wire)
    await _edit(page, "Two trays", "Three trays")
    await _react(page, "Noted", "👍")
    await page.goto(f"{wire.url}/#/settings")
    await page.get_by_role("button", name="Sign out", exact=True).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("1 edit and 1 reaction have not arrived and would be lost.")


async def test_signing_out_says_what_another_tab_would_lose(
    office: Office, windows: Windows, wire: Line
) -> None:
    _, person, _ = await _room(office, "Two tabs open")
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Two tabs open")
    other = await windows.open_tab(page.context, "/#/settings")
    await expect(other.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    await lose_line(page, wire)
    await write(page, "Not gone yet")
    await expect(page.locator(".message.is-pending")).to_have_count(1)
    await other.get_by_role("button", name="Sign out", exact=True).click()
    await expect(other.get_by_role("dialog")).to_contain_text("1 message has not arrived and would be lost.")
