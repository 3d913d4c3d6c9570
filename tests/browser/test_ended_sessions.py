"""A session that ends by itself, and one that the person ends: what becomes of what was not sent."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.chromium import Windows
from tests.browser.office import (
    PASSWORD,
    Office,
    Person,
    composer,
    enter_room,
    lose_line,
    messages,
    open_for,
    path_of,
    sign_in,
    write,
)
from tests.browser.papers import payload, pick
from tests.line import Line

KEPT = "Object.keys(localStorage).filter((key) => /draft|outbox|upload/.test(key))"


async def test_what_was_not_sent_waits_for_its_author_where_a_session_ended_by_itself(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    other = await office.make_staff("Ilse Brandt")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Signed out elsewhere", staff, other)
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Signed out elsewhere")
    await lose_line(page, wire)
    await pick(page, payload("invoice.txt", b"Twelve loaves"))
    await write(page, "With a file")
    await write(page, "Without")
    await composer(page).fill("Not finished")
    assert (await person.client.send("DELETE", "/api/sessions")).status == 204
    wire.resume()

    await sign_in(page, other)
    await expect(composer(page)).to_have_value("")
    await expect(page.locator(".message")).to_have_count(0)
    await page.goto(f"{wire.url}/#/settings")
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_label("E-mail")).to_be_visible()
    assert (await staff.do("read_messages", stream=room["stream"]))["messages"] == []

    await sign_in(page, person)
    await enter_room(page, "Signed out elsewhere")
    await expect(messages(page)).to_have_text(["With a file", "Without"])
    await expect(page.locator(".message.is-pending")).to_have_count(0)
    await expect(composer(page)).to_have_value("Not finished")
    posted = (await staff.do("read_messages", stream=room["stream"]))["messages"]
    assert [(message["text"], message["author_id"]) for message in posted] == [
        ("With a file", person.id),
        ("Without", person.id),
    ]
    assert [file["name"] for file in posted[0]["files"]] == ["invoice.txt"]


async def test_whoever_signs_in_in_one_tab_is_who_is_there_in_all(office: Office, windows: Windows) -> None:
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Nobody else's")
    page = await open_for(windows, person)
    await enter_room(page, "Nobody else's")
    await composer(page).fill("Not finished")
    account = {"kind": "staff", "email": "ilse@provider.example", "display_name": "Ilse Brandt"}
    answer = await office.admin.client.send("POST", "/api/accounts", account)
    other = await windows.open_tab(page.context, path_of(answer.json()["link"]))
    await other.get_by_label("password").fill(PASSWORD)
    await other.get_by_role("button").click()
    for tab in (other, page):
        await expect(tab.locator(".me-name")).to_have_text("Ilse Brandt")
    await expect(composer(page)).to_be_hidden()
    kept = await page.evaluate(KEPT)
    assert [key.split(".")[2:] for key in kept] == [[person.id, room["stream"]]]


async def test_signing_out_leaves_nothing_in_the_browser(
    office: Office, windows: Windows, wire: Line
) -> None:
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    page = await _with_a_draft(office, windows, wire, person)
    await page.goto(f"{wire.url}/#/settings")
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_label("E-mail")).to_be_visible()
    assert await page.evaluate(KEPT) == []


async def test_a_deactivated_account_leaves_nothing_in_the_browser(
    office: Office, windows: Windows, wire: Line
) -> None:
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    page = await _with_a_draft(office, windows, wire, person)
    change = {"deactivated": True}
    answer = await office.admin.client.send("PATCH", f"/api/accounts/{person.id}", change)
    assert answer.status == 200
    await expect(page.get_by_text("This account was deactivated.")).to_be_visible()
    assert await page.evaluate(KEPT) == []


async def _with_a_draft(office: Office, windows: Windows, wire: Line, person: Person) -> Page:
    await office.make_room(person, "Half a sentence")
    page = await open_for(windows, person, url=wire.url)
    await enter_room(page, "Half a sentence")
    await composer(page).fill("Not finished")
    assert len(await page.evaluate(KEPT)) == 1, "nothing is kept: this proves nothing"
    return page
