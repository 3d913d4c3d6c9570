"""Retention in the console: simulated with its picture, left and come back to, applied; and what members see of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.chromium import Windows
from tests.browser.office import Office, Person, enter_room, messages, open_for
from tests.browser.papers import post_files
from tests.browser.test_compliance import REASON, answer, expect_problem, open_console, place, talked
from tests.nodes import RunningNode
from tests.servers import DatabaseUrls
from workroom.disposition import run_disposition
from workroom.expiry_rounds import tell_what_expired
from workroom.settings import load_settings
from workroom.storage.database import Database, open_database
from workroom.storage.open_stores import open_file_stores

APPLIED = re.compile(r"^Applied .+ A changed rule destroys nothing for 24 hours\.$")
ASSIGN = (
    "insert into room_classes (room_id, class_id) values ($1, $2) "
    "on conflict (room_id) do update set class_id = excluded.class_id"
)
BESIDES = "Besides, of messages and rooms that stay:"
REMOVED = re.compile(r"^Messages before .+ were removed after the agreed period\.$")


@pytest_asyncio.fixture
async def owner(office_database: DatabaseUrls) -> Any:
    connection = await asyncpg.connect(office_database.owner_url, server_settings={"search_path": "workroom"})
    yield connection
    await connection.close()


async def test_a_class_is_simulated_left_come_back_to_and_applied(office: Office, windows: Windows) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    *_, held = await talked(office, "Held one")
    staff, _, free = await talked(office, "One")
    await staff.do("rename_room", room_id=free["room_id"], name="Free one")
    await place(officer, held)
    page = await open_console(windows, officer, "/#/compliance/retention")
    await page.get_by_role("link", name="New class").click()
    await page.get_by_label("Name").fill("Talk, thirty days")
    await page.get_by_label("Destroy after, in days").fill("30")
    await page.get_by_role("button", name="Simulate").click()
    await expect(page.locator("simulation-page")).to_contain_text("Nothing goes.")
    await _apply(page)

    for room in (held, free):
        await page.goto(f"/#/compliance/rooms/{room['room_id']}")
        await page.get_by_role("link", name="Choose a class").click()
        await page.get_by_label("Class").select_option(label="Talk, thirty days")
        await page.get_by_label("As of which day").fill("2100-01-01")
        await page.get_by_role("button", name="Simulate").click()
        await expect(page.get_by_role("heading", name="→ Talk, thirty days")).to_be_visible()
        simulation = page.url
        await page.get_by_role("navigation", name="Compliance").get_by_role("link", name="Overview").click()
        work = page.locator("overview-page .work-line").first
        await expect(work).to_contain_text("ready")
        await page.goto(simulation)
        goes = page.locator(".amount")
        await expect(goes).to_contain_text("No message goes, and no file." if room is held else "3 messages")
        await expect(page.get_by_text(BESIDES)).to_contain_text("former name")
        if room is held:
            await expect(page.locator("simulation-page")).to_contain_text("Held: 3 messages")
        await _look_at_histogram(page, goes=room is free)
        await _apply(page)
    await page.goto("/#/compliance/retention")
    await expect(page.locator(".card", has_text="Talk, thirty days")).to_contain_text("2 rooms")
    await page.goto(f"/#/compliance/rooms/{held['room_id']}")
    await expect(page.get_by_role("region", name="What is due, and when")).to_contain_text("3")


async def test_what_goes_is_explained_message_by_message_and_a_change_is_applied_once(
    office: Office, windows: Windows
) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    *_, room = await talked(office, "Explained one")
    page = await open_console(windows, officer, "/#/compliance/retention/new_class")
    await page.get_by_label("Name").fill("Two years")
    await page.get_by_label("Destroy after, in days").fill("730")
    await expect(page.get_by_text("2 years. Leave empty for none.")).to_be_visible()
    await page.get_by_role("button", name="Simulate").click()
    await _apply(page)
    await expect(page.get_by_role("button", name="Apply this change")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_text(APPLIED)).to_be_visible()
    await expect(page.get_by_role("button", name="Apply this change")).to_have_count(0)
    await page.goto(f"/#/compliance/retention/assign_room/{room['room_id']}")
    await page.get_by_label("Class").select_option(label="Two years")
    await page.get_by_label("As of which day").fill("2100-01-01")
    await page.get_by_role("button", name="Simulate").click()
    first = page.get_by_role("region", name="The first that go")
    rows = first.get_by_role("row", name="Explained one")
    await expect(rows).to_have_count(3)
    await expect(first).not_to_contain_text("invoice")
    await rows.get_by_role("link", name="What keeps the message of").first.click()
    explained = page.locator("message-record-page")
    await expect(explained).to_contain_text("never, as the rules stand")
    await expect(explained).not_to_contain_text("invoice")
    await page.go_back()
    await _apply(page)
    await rows.get_by_role("link", name="What keeps the message of").first.click()
    await expect(explained).to_contain_text("the period of its class is over then")
    await expect(explained).to_contain_text("Room: Two years · decides the end")
    await page.get_by_role("link", name="Explained one").click()
    due = page.get_by_role("region", name="What is due, and when")
    await expect(due.locator("tbody tr")).to_have_count(1)


async def test_what_is_wrong_with_a_class_is_said_beside_the_field(office: Office, windows: Windows) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    page = await open_console(windows, officer, "/#/compliance/retention/new_class")
    simulate = page.get_by_role("button", name="Simulate")
    await simulate.click()
    await expect_problem(page, "Name", "Give a name")
    await page.get_by_label("Name").fill("Wrong ones")
    for days in ("-5", "0", "40000", "1.5"):
        await page.get_by_label("Keep at least, in days").fill(days)
        await simulate.click()
        await expect_problem(page, "Keep at least, in days", "A period is 1 to 36,525 days.")
    await page.get_by_label("Keep at least, in days").fill("20")
    await page.get_by_label("Destroy after, in days").fill("10")
    await simulate.click()
    await expect_problem(page, "Destroy after, in days", "no end comes before the shortest time")
    await page.get_by_label("Destroy after, in days").fill("30")
    await page.get_by_label("As of which day").fill("2001-01-01")
    await simulate.click()
    await expect_problem(page, "As of which day", "Choose a day from tomorrow on")
    await page.get_by_label("As of which day").fill("")
    await simulate.click()
    await _apply(page)
    listed = (await officer.client.send("GET", "/api/compliance/retention/classes", None)).json()["classes"]
    used = next(each["class_id"] for each in listed if each["name"] == "Wrong ones")
    await page.goto("/#/compliance/retention/assign_default/shared")
    await page.get_by_label("Class").select_option(label="Wrong ones")
    await simulate.click()
    await _apply(page)
    await page.goto("/#/compliance/retention")
    card = page.locator(".card", has_text="Wrong ones")
    await expect(card).to_contain_text("In use: the default of every shared room")
    await expect(card.get_by_role("link", name="Remove")).to_have_count(0)
    await page.goto(f"/#/compliance/retention/remove_class/{used}")
    await expect(page.get_by_text("Something still has this class")).to_be_visible()
    await simulate.click()
    await expect(page.get_by_role("alert").filter(has_text="in use and cannot be removed")).to_be_visible()


async def test_every_version_is_opened_for_a_matter_with_what_keeps_it(
    office: Office, windows: Windows
) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    staff, customer, room = await talked(office, "Opened one")
    said = await customer.say(room["stream"], "The first version")
    edit = {"stream": room["stream"], "message_id": said["message_id"]}
    await customer.do("edit_message", text="The second version", **edit)
    await customer.do("delete_message", **edit)
    await staff.say((await staff.do("list_rooms"))["rooms"][0]["staff_stream"], "A note among colleagues")
    hold = await place(officer, room)
    page = await open_console(windows, officer, f"/#/compliance/rooms/{room['room_id']}")
    await expect(page.locator("room-record-page")).not_to_contain_text("version")
    await page.get_by_role("link", name="Open what is written").click()
    await page.get_by_label("Reason").fill("The dispute")
    await page.get_by_role("button", name="Open", exact=True).click()
    opened = page.locator(".opened-message")
    await expect(opened).to_have_count(5)
    gone = opened.filter(has_text="The first version")
    await expect(gone).to_contain_text("Version 1 · Mara Okafor")
    await expect(gone).to_contain_text("The second version")
    await expect(gone).to_contain_text("Deleted by Mara Okafor")
    await expect(gone).to_contain_text("1 hold")
    await gone.get_by_text("What keeps it, and until when").click()
    await expect(gone).to_contain_text("members see it")
    await expect(opened.filter(has_text="among colleagues")).to_contain_text("Internal note")
    await gone.get_by_role("link", name="Case 9").click()
    assert page.url.endswith(hold["hold_id"])
    await page.goto(f"/#/compliance/audit/subject={room['room_id']}")
    await expect(page.locator(".trail-line").first).to_contain_text("Content opened · Ruth Amadi")
    await expect(page.locator(".trail-line").first).to_contain_text("The dispute")


async def test_staff_label_a_message_and_customers_cannot(office: Office, windows: Windows) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    staff, customer, _ = await talked(office, "Labelled one")
    page = await open_console(windows, officer, "/#/compliance/retention/new_class")
    await page.get_by_label("Name").fill("Contract, ten years")
    await page.get_by_label("Keep at least, in days").fill("3650")
    await page.get_by_role("button", name="Simulate").click()
    await _apply(page)
    page = await open_for(windows, staff)
    await enter_room(page, "Labelled one")
    await page.locator(".message").first.hover()
    await page.get_by_role("button", name="Set a label").click()
    await page.get_by_label("Label", exact=True).select_option(label="Contract, ten years")
    await page.get_by_role("dialog").get_by_role("button", name="Set the label").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.locator(".message").last.hover()
    await page.locator(".message").first.hover()
    await page.get_by_role("button", name="Set a label").click()
    await expect(page.locator("dialog option:checked")).to_have_text("Contract, ten years")
    page = await open_for(windows, customer)
    await enter_room(page, "Labelled one")
    await page.locator(".message").first.hover()
    await expect(page.get_by_role("button", name="Reply")).to_be_visible()
    await expect(page.get_by_role("button", name="Set a label")).to_have_count(0)


async def test_a_message_and_its_files_have_labels_of_their_own(office: Office, windows: Windows) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    staff, customer, room = await talked(office, "With papers")
    await post_files(customer, room["stream"], "statement.pdf", "ledger.csv", text="The papers")
    hold = await place(officer, room)
    page = await open_console(windows, officer, "/#/compliance/retention/new_class")
    await page.get_by_label("Name").fill("Papers, six years")
    await page.get_by_label("Keep at least, in days").fill("2190")
    await page.get_by_role("button", name="Simulate").click()
    await _apply(page)
    desk = await open_for(windows, staff)
    await enter_room(desk, "With papers")
    await desk.locator(".message", has_text="The papers").hover()
    await desk.get_by_role("button", name="Set a label").click()
    await desk.get_by_label("Label of statement.pdf").select_option(label="Papers, six years")
    await desk.get_by_role("dialog").get_by_role("button", name="Set the label").click()
    await expect(desk.get_by_role("dialog")).to_have_count(0)
    await page.goto(f"/#/compliance/rooms/{room['room_id']}/open")
    await page.get_by_role("button", name="Open", exact=True).click()
    await expect_problem(page, "Reason", "Say why: the reason belongs to the record.")
    await page.get_by_label("Reason").fill("The dispute")
    await page.get_by_role("button", name="Open", exact=True).click()
    opened = page.locator(".opened-message", has_text="The papers")
    await opened.get_by_text("What keeps it, and until when").click()
    await expect(opened).to_contain_text("statement.pdf: Papers, six years")
    await expect(opened).not_to_contain_text("ledger.csv: ")
    await opened.get_by_role("button", name="Label").click()
    await page.get_by_label("Label", exact=True).select_option(label="Papers, six years")
    await expect(page.get_by_label("Label of statement.pdf").locator("option:checked")).to_have_text(
        "Papers, six years"
    )
    await page.get_by_label("Label of statement.pdf").select_option(label="Like the room")
    await page.get_by_role("dialog").get_by_role("button", name="Set the label").click()
    await expect(opened.locator(".badge", has_text="Papers, six years")).to_be_visible()
    await expect(opened).to_contain_text("Label: Papers, six years · keeps it until")
    await expect(opened).not_to_contain_text("statement.pdf: Papers")
    await expect(opened.get_by_role("link", name="Case 9")).to_have_attribute(
        "href", f"#/compliance/holds/{hold['hold_id']}"
    )
    await page.goto("/#/compliance/audit/act=content_labelled")
    lines = page.locator(".trail-line")
    await expect(lines).not_to_have_count(0)
    await lines.first.get_by_text("Details").click()
    await expect(lines.first).to_contain_text("“Papers, six years”")
    await expect(lines.first).not_to_contain_text("statement.pdf")


async def test_what_has_come_to_its_end_leaves_open_windows_and_says_since_when(
    office: Office,
    windows: Windows,
    node: RunningNode,
    owner: asyncpg.Connection,
    office_database: DatabaseUrls,
) -> None:
    staff, customer, room = await talked(office, "Ended one")
    _, ledger = await post_files(customer, room["stream"], "statement.pdf", "ledger.csv", text="The papers")
    page = await open_for(windows, customer)
    await enter_room(page, "Ended one")
    await expect(messages(page)).to_have_count(4)
    await expect(page.locator(".attachment", has_text="ledger.csv")).to_be_visible()
    day, year = await _make_class(owner, "A day", 1), await _make_class(owner, "A year", 365)
    await owner.execute("insert into room_classes (room_id, class_id) values ($1, $2)", room["room_id"], day)
    papers = await owner.fetchval("select message_id from files where file_id = $1", ledger)
    await _label(staff, f"messages/{papers}", year)
    await _label(staff, f"files/{ledger}", day)
    await _move_time(owner, timedelta(days=2))
    async with _worker(office_database) as database:
        await tell_what_expired(database)
    await expect(messages(page)).to_have_text(["The papers"])
    await expect(page.locator(".attachment", has_text="ledger.csv")).to_have_count(0)
    await expect(page.locator(".attachment", has_text="statement.pdf")).to_be_visible()
    await expect(page.locator(".beginning")).to_have_text(REMOVED)
    await customer.say(room["stream"], "Still here")
    await expect(messages(page)).to_have_text(["The papers", "Still here"])
    await page.reload()
    await expect(messages(page)).to_have_text(["The papers", "Still here"])
    await expect(page.locator(".attachment", has_text="ledger.csv")).to_have_count(0)
    await expect(page.locator(".beginning")).to_have_text(REMOVED)


async def test_an_officer_reads_since_when_members_see_it_no_more_and_what_has_no_text_left(
    office: Office,
    windows: Windows,
    node: RunningNode,
    owner: asyncpg.Connection,
    office_database: DatabaseUrls,
) -> None:
    _, customer, room = await talked(office, "Emptied one")
    officer = await office.make_staff("Ruth Amadi", "compliance")
    await post_files(customer, room["stream"], "statement.pdf", text="The papers")
    await place(officer, room, kinds=["files"])
    day, year = await _make_class(owner, "A single day", 1), await _make_class(owner, "A whole year", 365)
    await owner.execute(ASSIGN, room["room_id"], day)
    await _move_time(owner, timedelta(days=2))
    of_papers = "select message_id from files where room_id = $1 and message_id is not null"
    papers = await owner.fetchval(of_papers, room["room_id"])
    page = await open_console(windows, officer, f"/#/compliance/messages/{papers}")
    await expect(page.locator("message-record-page")).to_contain_text("a hold keeps only its files")
    async with _worker(office_database) as database:
        installation_id = await owner.fetchval("select installation_id from installation")
        settings = load_settings(node.environment)
        await run_disposition(database, await open_file_stores(settings, installation_id, has_files=True))
    await owner.execute(ASSIGN, room["room_id"], year)
    await customer.say(room["stream"], "Ended and held")
    await place(officer, room)
    ended = await owner.fetchval("select max(message_id::text)::uuid from messages")
    await _label(officer, f"messages/{ended}", day)
    await _move_time(owner, timedelta(days=2))
    await page.goto(f"/#/compliance/rooms/{room['room_id']}/open")
    await page.get_by_label("Reason").fill("The dispute")
    await page.get_by_role("button", name="Open", exact=True).click()
    opened = page.locator(".opened-message")
    await expect(opened.filter(has_text="Ended and held")).to_contain_text("Not visible to members since")
    emptied = opened.filter(has_text="statement.pdf")
    await expect(emptied).to_contain_text("The text was destroyed.")
    await expect(emptied.get_by_text("Not visible to members")).to_be_hidden()


async def _move_time(owner: asyncpg.Connection, ahead: timedelta) -> None:
    """What the database says that it is moves ahead, from where it was moved before."""
    moved = await owner.fetchval("select current_instant() - clock_timestamp()")
    await owner.execute(
        "create or replace function workroom.current_instant() returns timestamptz language sql volatile parallel safe "
        f"as $$ select clock_timestamp() + interval '{(moved + ahead).total_seconds()} seconds' $$"
    )


@asynccontextmanager
async def _worker(urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = await open_database(urls.service_url, application_name="workroom test worker")
    try:
        yield database
    finally:
        await database.close(0.5)


async def _make_class(owner: asyncpg.Connection, name: str, destroy_days: int) -> Any:
    return await owner.fetchval(
        "insert into retention_classes (class_id, name, counted_from, destroy_days) "
        "values (gen_random_uuid(), $1, 'sent', $2) returning class_id",
        name,
        destroy_days,
    )


async def _label(person: Person, what: str, class_id: Any) -> None:
    answer = await person.client.send("PATCH", f"/api/labels/{what}", {"class_id": str(class_id)})
    assert answer.status == 204, answer.body


async def _apply(page: Page) -> None:
    await page.get_by_role("button", name="Apply this change").click()
    await answer(page, REASON, "Apply this change")
    await expect(page.get_by_text(APPLIED)).to_be_focused()


async def _look_at_histogram(page: Page, *, goes: bool) -> None:
    """What is held is drawn and told apart from what goes: all that a run at that instant would meet."""
    figure = page.get_by_role("figure", name="By month of sending")
    await expect(figure.locator("rect.part-kept_by_holds")).to_have_count(1)
    await expect(figure.locator("rect.part-goes")).to_have_count(1 if goes else 0)
    await figure.get_by_text("The same as a table").click()
    await expect(figure.locator("tbody tr td:nth-of-type(1)").last).to_have_text("3" if goes else "0")
    await expect(figure.locator("tbody tr td:nth-of-type(2)").last).to_have_text("3")
