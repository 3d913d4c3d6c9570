"""While others write: a press stays a press, and the focus stays where it was put."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.browser.chromium import Windows
from tests.browser.office import Office, enter_room, line, open_details, open_for


async def test_a_press_on_a_room_opens_it_whatever_arrives_before_the_release(
    office: Office, windows: Windows
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    other = await office.make_room(person, "Elsewhere", staff)
    room = await office.make_room(person, "Pressed", staff)
    await person.say(room["stream"], "First words")
    page = await open_for(windows, staff)
    await expect(line(page, "Pressed").locator(".count")).to_contain_text("1 unread")
    await line(page, "Pressed").locator(".room-name").hover()
    await page.mouse.down()
    await person.say(other["stream"], "Somewhere else")
    await expect(line(page, "Elsewhere").locator(".room-last")).to_contain_text("Somewhere else")
    await person.say(room["stream"], "Right here")
    await expect(line(page, "Pressed").locator(".room-last")).to_contain_text("Right here")
    await expect(line(page, "Pressed").locator(".count")).to_contain_text("2 unread")
    await page.mouse.up()
    await expect(page.get_by_role("heading", name="Pressed", level=1)).to_be_visible()


async def test_rooms_change_places_once_the_press_has_ended(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    other = await office.make_room(person, "Elsewhere", staff)
    room = await office.make_room(person, "Pressed", staff)
    await person.say(room["stream"], "First words")
    page = await open_for(windows, staff)
    names = page.locator(".room-line .room-name")
    await expect(names).to_have_text(["Pressed", "Elsewhere"])
    await line(page, "Pressed").locator(".room-name").hover()
    await page.mouse.down()
    await person.say(other["stream"], "Somewhere else")
    await expect(line(page, "Elsewhere").locator(".room-last")).to_contain_text("Somewhere else")
    await expect(names).to_have_text(["Pressed", "Elsewhere"])
    await page.mouse.up()
    await expect(page.get_by_role("heading", name="Pressed", level=1)).to_be_visible()
    await expect(names).to_have_text(["Elsewhere", "Pressed"])


async def test_the_focus_stays_on_a_link_beside_the_conversation_while_others_write(
    office: Office, windows: Windows
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    other = await office.make_room(person, "Elsewhere", office.admin)
    room = await office.make_room(person, "Focused", office.admin, staff)
    page = await open_for(windows, office.admin)
    await enter_room(page, "Focused")
    for name in ("Desk", "People", "Internal notes", "Conversation"):
        link = page.locator("a.place, a.tab", has_text=name)
        await link.focus()
        for stream, place in ((other["stream"], "Elsewhere"), (room["stream"], "Focused")):
            await person.say(stream, f"Before {name}")
            await expect(line(page, place).locator(".room-last")).to_contain_text(f"Before {name}")
        await expect(link).to_be_focused()


async def test_the_focus_stays_on_a_link_whose_count_grows(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    await office.make_room(person, "Noted", staff, office.admin)
    noted = next(one for one in (await staff.do("list_rooms"))["rooms"] if one["name"] == "Noted")
    page = await open_for(windows, office.admin)
    await enter_room(page, "Noted")
    notes = page.locator("a.tab", has_text="Internal notes")
    await notes.focus()
    for number in ("1", "2"):
        await staff.say(noted["staff_stream"], "A note")
        await expect(notes.locator(".count")).to_contain_text(number)
    await expect(notes).to_be_focused()


async def test_after_an_act_on_an_account_the_focus_is_on_what_was_pressed(
    office: Office, windows: Windows
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    page = await open_for(windows, office.admin, "/#/people")
    card = page.locator(".card", has_text=staff.email)
    await card.get_by_role("button", name="Deactivate: Jonas Hartmann").press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="Deactivate").press("Enter")
    reactivate = card.get_by_role("button", name="Reactivate: Jonas Hartmann")
    await expect(reactivate).to_be_focused()
    await reactivate.press("Enter")
    await expect(card.get_by_role("button", name="Deactivate: Jonas Hartmann")).to_be_focused()
    kind = card.get_by_label("Kind of account of Jonas Hartmann")
    await kind.focus()
    await kind.select_option("compliance")
    await page.get_by_role("dialog").get_by_role("button", name="Change").press("Enter")
    await expect(card.locator(".badge").first).to_have_text("Compliance")
    await expect(kind).to_be_focused()


async def test_after_archiving_a_room_the_focus_is_on_what_opens_it_again(
    office: Office, windows: Windows
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    await office.make_room(staff, "Archived", await office.make_customer("Mara Okafor", "Northwind Bakery"))
    page = await open_for(windows, staff)
    await enter_room(page, "Archived")
    details = await open_details(page)
    for deed, next_deed in (
        ("Archive the room", "Open the room again"),
        ("Open the room again", "Archive the room"),
    ):
        await details.get_by_role("button", name=deed).press("Enter")
        await page.get_by_role("dialog").get_by_role("button", name=deed).press("Enter")
        await expect(details.get_by_role("button", name=next_deed)).to_be_focused()


async def test_after_revoking_a_link_the_focus_is_on_the_one_before_it_or_on_inviting(
    office: Office, windows: Windows
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(staff, "Invited", person, kind="shared")
    for hours in (24, 72):
        await staff.do("create_invitation", room_id=room["room_id"], expires_in_hours=hours)
    page = await open_for(windows, staff)
    await enter_room(page, "Invited")
    details = await open_details(page)
    revoke = details.get_by_role("button", name=re.compile("^Revoke"))
    await revoke.last.press("Enter")
    await expect(revoke).to_have_count(1)
    await expect(revoke).to_be_focused()
    await revoke.press("Enter")
    await expect(details.get_by_text("No link is open.")).to_be_visible()
    await expect(details.get_by_role("button", name="Invite by link")).to_be_focused()
