"""What a page says of a line that is gone, for good or for a while, and what it learns when it is back."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.chromium import Windows
from tests.browser.office import (
    Office,
    Person,
    enter_room,
    lose_line,
    messages,
    open_details,
    open_for,
    sign_in,
    write,
)
from tests.client import Client
from tests.line import Line

BANNER = "connection-banner"
PENDING = ".message.is-pending .text"


async def test_who_is_there_and_who_has_read_is_true_again_after_a_lost_line(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Gone meanwhile", staff)
    posted = await person.say(room["stream"], "Are you there?")
    await staff.do("subscribe", streams=[{"stream": room["stream"]}])
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Gone meanwhile")
    details = await open_details(page)
    member = details.locator(".member", has_text="Jonas Hartmann")
    await expect(member).to_contain_text("here")
    await lose_line(page, wire)
    await staff.do("mark_read", stream=room["stream"], seq=posted["seq"])
    await staff.client.disconnect()
    wire.resume()
    await expect(member).to_contain_text("away", timeout=30_000)
    await expect(page.locator(".read-by")).to_have_text("Read by Jonas Hartmann")


async def test_what_is_written_below_an_older_stretch_is_in_sight_without_a_line(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Much unread", staff)
    for number in range(120):
        await staff.say(room["stream"], f"Line {number}")
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Much unread")
    await expect(messages(page).first).to_be_visible()
    await expect(messages(page).last).not_to_have_text("Line 119")
    wire.break_off()
    await write(page, "Read so far")
    await expect(page.locator(PENDING)).to_have_text(["Read so far"])
    wire.resume()
    await expect(page.locator(PENDING)).to_have_count(0, timeout=30_000)
    answer = await staff.do("read_messages", stream=room["stream"], limit=1)
    assert [message["text"] for message in answer["messages"]] == ["Read so far"]


async def test_reactivating_an_account_without_a_line_says_why_nothing_happened(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    await office.admin.client.send("PATCH", f"/api/accounts/{staff.id}", {"deactivated": True})
    page = await open_for(windows, office.admin, "/#/people", url=wire.url)
    card = page.locator(".card", has_text=staff.email)
    reactivate = card.get_by_role("button", name="Reactivate")
    await expect(reactivate).to_be_visible()
    wire.refuse()
    wire.cut()
    await reactivate.click()
    await expect(page.locator("people-page").get_by_role("alert")).to_contain_text(
        "There is no connection to the service"
    )
    wire.accept()
    await reactivate.click()
    await expect(card.get_by_role("button", name="Deactivate")).to_be_visible()


async def test_the_reason_for_which_nobody_connects_again_stays(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    others = [await _same_account(staff) for _ in range(20)]
    try:
        page = await windows.open("/")
        await page.clock.install()
        await sign_in(page, staff)
        await expect(page.locator(BANNER)).to_contain_text("too many windows")
        await page.clock.fast_forward("00:10")
        await expect(page.locator(BANNER)).to_contain_text("too many windows")
    finally:
        for other in others:
            await other.disconnect()


async def _same_account(person: Person) -> Client:
    other = Client(person.client.url)
    other.cookie = person.client.cookie
    await other.connect()
    return other
