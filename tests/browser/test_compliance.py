"""The compliance console: a hold by the wizard, released by two, the trail; and nothing of it for anybody else."""

from __future__ import annotations

import re
from typing import Any

import asyncpg
from playwright.async_api import Page, expect

from tests.browser.chromium import Windows
from tests.browser.office import Office, Person, open_for
from tests.servers import DatabaseUrls

REASON = "The customer disputes an invoice"


async def test_a_hold_is_placed_by_the_wizard_with_the_live_count(office: Office, windows: Windows) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    _, customer, room = await talked(office, "Disputed invoice")
    page = await open_console(windows, officer, "/#/compliance/matters")
    await _open_matter(page, "Case 7/2026")
    await page.get_by_role("link", name="Place a hold").click()
    count = page.get_by_role("region", name="Would cover now")
    await expect(count).to_contain_text("Choose a room or a person")
    await page.get_by_role("searchbox", name="Find a room").fill("disputed inv")
    await page.get_by_role("button", name="Add Disputed invoice").click()
    await expect(_figure(count, "messages")).to_have_text("3")
    await expect(_figure(count, "people")).to_have_text("2")
    await page.get_by_role("searchbox", name="Find a person").fill("Mara Okafor")
    await page.get_by_role("button", name="Add Mara Okafor").first.click()
    await page.get_by_label("What of Mara Okafor").select_option("sent")
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_role("heading", name="Everything, or only a part?")).to_be_focused()
    await page.get_by_label("Until (not included)").fill("2020-01-01")
    await expect(_figure(count, "messages")).to_have_text("0")
    await expect(count).to_contain_text("Nothing is there yet")
    await page.get_by_label("Until (not included)").fill("")
    await expect(_figure(count, "messages")).to_have_text("3")
    await page.get_by_role("button", name="Next").click()
    await page.get_by_role("button", name="Place the hold").click()
    await expect(page.get_by_role("alert").filter(has_text="Say why")).to_be_visible()
    await page.get_by_label("Reason").fill(REASON)
    await page.get_by_role("button", name="Place the hold").click()
    await expect(page.get_by_role("heading", name="Hold 1", level=1)).to_be_visible()
    await expect(page.locator("hold-page")).to_contain_text(REASON)
    await expect(_figure(page.locator("hold-page"), "messages")).to_have_text("3")

    await customer.say(room["stream"], "One more")
    await expect(_figure(page.locator("hold-page"), "messages")).to_have_text(re.compile(r"^4\+1"))


async def test_what_was_chosen_is_there_when_the_officer_comes_back(office: Office, windows: Windows) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    await talked(office, "Left and come back to")
    page = await open_console(windows, officer, "/#/compliance/matters")
    await _open_matter(page, "Case 8")
    await page.get_by_role("link", name="Place a hold").click()
    await page.get_by_role("searchbox", name="Find a room").fill("left and come")
    await page.get_by_role("button", name="Add Left and come back to").click()
    await page.get_by_role("navigation", name="Compliance").get_by_role("link", name="Audit trail").click()
    await expect(page.get_by_role("heading", name="Audit trail", level=1)).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("button", name="Remove Left and come back to")).to_be_visible()


async def test_a_release_takes_a_second_officer(office: Office, windows: Windows) -> None:
    first = await office.make_staff("Ruth Amadi", "compliance")
    second = await office.make_staff("Ivo Brandt", "compliance")
    *_, room = await talked(office, "Released by two")
    hold = await place(first, room)
    page = await open_console(windows, first, f"/#/compliance/holds/{hold['hold_id']}")
    await page.get_by_role("button", name="Ask for release").click()
    await answer(page, "The matter is settled", "Ask for release")
    await expect(page.locator("hold-page")).to_contain_text("another officer has to confirm it")
    await expect(page.locator(".hold-state")).to_be_focused()
    await expect(page.get_by_role("button", name="Confirm the release")).to_have_count(0)

    other = await open_console(windows, second, f"/#/compliance/holds/{hold['hold_id']}")
    await other.get_by_role("button", name="Confirm the release").click()
    await answer(other, "I agree", "Confirm the release")
    await expect(other.locator(".hold-state")).to_contain_text("Grace period")
    await expect(page.locator(".hold-state")).to_contain_text("Grace period")
    await expect(page.locator(".history li")).to_have_count(3)


async def test_the_trail_is_filtered_and_each_entry_says_who_what_and_why(
    office: Office, windows: Windows
) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    *_, room = await talked(office, "In the trail")
    hold = await place(officer, room)
    page = await open_console(windows, officer, "/#/compliance/audit")
    await page.get_by_label("What", exact=True).select_option("hold_placed")
    await page.get_by_label("Who", exact=True).select_option(officer.id)
    await page.get_by_role("button", name="Show", exact=True).click()
    line = page.locator(".trail-line")
    await expect(line).to_have_count(1)
    await expect(line).to_contain_text("Hold placed · Ruth Amadi")
    await expect(line).to_contain_text(REASON)
    await line.get_by_text("Details").click()
    await expect(line).to_contain_text("In the trail")
    assert "act=hold_placed" in page.url
    await line.get_by_role("link").click()
    await expect(page.get_by_role("heading", name="Hold 1", level=1)).to_be_visible()
    assert page.url.endswith(hold["hold_id"])


async def test_what_is_wrong_with_a_hold_is_said_beside_the_field(office: Office, windows: Windows) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    *_, room = await talked(office, "Wrongly held")
    page = await open_console(windows, officer, "/#/compliance/matters")
    await _open_matter(page, "Case 11")
    await page.get_by_role("link", name="Place a hold").click()
    await page.get_by_role("button", name="Next").click()
    empty = page.get_by_role("alert").filter(has_text="choose at least one room or person")
    await expect(empty).to_be_visible()
    await page.get_by_role("searchbox", name="Find a room").fill("wrongly")
    await page.get_by_role("button", name="Add Wrongly held").click()
    await expect(empty).to_be_hidden()
    await page.get_by_role("button", name="Next").click()
    await page.get_by_label("From", exact=True).fill("2026-05-02")
    await page.get_by_label("Until (not included)").fill("2026-05-01")
    await page.get_by_role("button", name="Next").click()
    await expect_problem(page, "Until (not included)", "The span has to end after it begins.")
    await page.get_by_label("Until (not included)").fill("")
    await expect(page.get_by_label("Until (not included)")).not_to_have_attribute("aria-invalid", "true")
    for kind in ("Messages", "Files"):
        await page.get_by_label(kind).uncheck()
    await page.get_by_role("button", name="Next").click()
    await expect_problem(page, "Messages", "Choose at least one kind of content.")
    await page.get_by_label("Files").check()
    await page.get_by_role("button", name="Next").click()
    await page.get_by_label("Reason").fill("   ")
    await page.get_by_role("button", name="Place the hold").click()
    await expect_problem(page, "Reason", "Say why: the reason belongs to the record.")
    listed = (await officer.client.send("GET", "/api/compliance/holds", None)).json()["holds"]
    assert all(room["room_id"] not in hold["scope"]["rooms"] for hold in listed)


async def test_a_hold_is_not_narrowed_and_not_released_without_a_reason(
    office: Office, windows: Windows
) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    *_, room = await talked(office, "Only widened")
    hold = await place(officer, room, sent_from="2026-03-01T00:00:00Z")
    page = await open_console(windows, officer, f"/#/compliance/holds/{hold['hold_id']}/widen")
    await page.get_by_role("button", name="Next").click()
    await page.get_by_label("From", exact=True).fill("2026-04-01")
    await page.get_by_role("button", name="Next").click()
    await expect_problem(page, "From", "This would keep less than the hold keeps now.")
    await page.goto(f"/#/compliance/holds/{hold['hold_id']}")
    await page.get_by_role("button", name="Ask for release").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Reason").fill("   ")
    await dialog.get_by_role("button", name="Ask for release").click()
    await expect(dialog).to_be_visible()
    said = await dialog.get_by_label("Reason").evaluate("(field) => field.validationMessage")
    assert said == "Say why: the reason belongs to the record."
    await page.keyboard.press("Escape")
    await expect(page.locator(".hold-state")).to_contain_text("Standing")


async def test_what_asks_for_an_officer_is_counted_at_the_side_and_stands_on_the_overview(
    office: Office, windows: Windows, office_database: DatabaseUrls
) -> None:
    first = await office.make_staff("Ruth Amadi", "compliance")
    second = await office.make_staff("Ivo Brandt", "compliance")
    *_, room = await talked(office, "Asks for somebody")
    hold = await place(first, room)
    await _post(first, f"holds/{hold['hold_id']}/release", {"reason": "Settled"}, 200)
    page = await open_console(windows, first, "/#/compliance")
    side = page.get_by_role("navigation", name="Compliance")
    await expect(page.get_by_text("another officer confirms it.")).to_be_visible()
    await expect(side.locator(".count")).to_have_count(0)
    page = await open_console(windows, second, "/#/compliance")
    side = page.get_by_role("navigation", name="Compliance")
    await expect(side.get_by_role("link", name="Overview 1 thing asks for an officer")).to_be_visible()
    await expect(page.locator("overview-page .card", has_text="Ruth Amadi asked")).to_have_count(1)
    connection = await asyncpg.connect(office_database.owner_url)
    try:
        await connection.execute(
            "insert into workroom.integrity_alarms (alarm_id, raised_at, problem, subject, entry_number)"
            " select gen_random_uuid(), now(), 'schema_part_missing', 'trigger messages.guard_' || n,"
            " (select max(entry_number) from workroom.audit_entries) from generate_series(1, 7) as n"
        )
    finally:
        await connection.close()
    await page.reload()
    await expect(page.locator("overview-page .card.alarm:visible")).to_have_count(5)
    await expect(page.locator("overview-page .card.alarm").first).to_contain_text("lacks a part")
    await page.get_by_text("2 more alarms").click()
    await expect(page.locator("overview-page .card.alarm:visible")).to_have_count(7)
    await expect(side.get_by_role("link", name="Overview 8 things ask for an officer")).to_be_visible()


async def test_what_is_not_there_has_a_heading_a_sentence_and_a_way_out(
    office: Office, windows: Windows
) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    page = await open_console(windows, officer, "/#/compliance")
    nothing = "00000000-0000-4000-8000-000000000000"
    for path in ("matters", "holds", "rooms", "messages", "retention/simulations"):
        await page.goto(f"/#/compliance/{path}/{nothing}")
        await expect(page.get_by_role("alert").filter(has_text="not there any more")).to_be_visible()
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            re.compile("^(Compliance|A message)$")
        )
        await expect(page.get_by_role("heading", level=2)).to_have_count(0)
        await page.get_by_role("link", name="To the overview").click()
        await expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


async def test_a_filter_that_makes_no_sense_is_said_beside_its_field(
    office: Office, windows: Windows
) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    page = await open_console(windows, officer, "/#/compliance/audit")
    await page.get_by_label("On what (id)").fill("the big room")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect_problem(page, "On what (id)", "An id has 36 characters, with hyphens.")
    await page.get_by_label("On what (id)").fill("")
    await page.get_by_label("From", exact=True).fill("2026-05-02")
    await page.get_by_label("Until (not included)").fill("2026-05-02")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect_problem(page, "Until (not included)", "The span has to end after it begins.")


async def test_admins_staff_and_customers_get_nothing_of_it(office: Office, windows: Windows) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    staff, customer, room = await talked(office, "Not for others")
    hold = await place(officer, room)
    for person in (office.admin, staff, customer):
        page = await open_for(windows, person)
        asked = _asked_by(page)
        for path in ("", "/matters", f"/holds/{hold['hold_id']}", "/audit"):
            await page.goto(f"/#/compliance{path}")
            await expect(page.locator("room-list-panel")).to_be_visible()
            await expect(page.get_by_role("navigation", name="Compliance")).to_have_count(0)
        await page.reload()
        await expect(page.locator("workroom-shell")).to_be_attached()
        assert [url for url in asked if "compliance" in url and not url.endswith(".css")] == []
        for path in ("matters", "holds", f"holds/{hold['hold_id']}", "audit", "rooms", "people"):
            assert (await person.client.send("GET", f"/api/compliance/{path}", None)).status == 404


async def open_console(windows: Windows, officer: Person, path: str) -> Page:
    page = await open_for(windows, officer, path)
    await expect(page.get_by_role("navigation", name="Compliance")).to_be_visible()
    return page


async def _open_matter(page: Page, name: str) -> None:
    await page.get_by_role("button", name="New matter").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name of the matter").fill(name)
    await answer(page, REASON, "Open the matter")
    await expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()


async def answer(page: Page, reason: str, submit: str) -> None:
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Reason").fill(reason)
    await dialog.get_by_role("button", name=submit).click()
    await expect(dialog).to_have_count(0)


async def talked(office: Office, name: str) -> tuple[Person, Person, dict[str, Any]]:
    """A room in which a customer and staff said three things."""
    staff = await office.make_staff("Jonas Hartmann")
    customer = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(customer, name, staff)
    await customer.say(room["stream"], "Where is the invoice?")
    await staff.say(room["stream"], "On its way")
    await customer.say(room["stream"], "Thank you")
    return staff, customer, room


async def expect_problem(page: Page, field: str, sentence: str) -> None:
    """The sentence stands with the field: it is described by it, marked as wrong, and has the focus."""
    control = page.get_by_label(field, exact=True)
    await expect(control).to_be_focused()
    await expect(control).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    described = (await control.get_attribute("aria-describedby") or "").split()
    texts = [await page.locator(f"#{id}").text_content() for id in described]
    assert any(sentence in (text or "") for text in texts), texts


async def place(officer: Person, room: dict[str, Any], **limits: Any) -> Any:
    """A hold over a room, in a matter of its own."""
    matter = await _post(officer, "matters", {"name": "Case 9", "reason": REASON})
    scope = {"rooms": [room["room_id"]], "custodians": [], "kinds": ["messages", "files"], **limits}
    body = {"matter_id": matter["matter"]["matter_id"], "reason": REASON, **scope}
    return (await _post(officer, "holds", body))["hold"]


async def _post(officer: Person, path: str, body: dict[str, Any], status: int = 201) -> Any:
    answer = await officer.client.send("POST", f"/api/compliance/{path}", body)
    assert answer.status == status, answer.body
    return answer.json()


def _asked_by(page: Page) -> list[str]:
    """The addresses that a page asks for from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def _figure(inside: Any, name: str) -> Any:
    return inside.locator(f"[data-figure={name}] dd")
