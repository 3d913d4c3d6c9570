"""Retention in the console: simulated with its picture, left and come back to, applied; and what members see of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.chromium import PATIENCE_MS, Windows
from tests.browser.office import Office, enter_room, messages, open_for
from tests.browser.test_compliance import REASON, answer, open_console, place, talked
from tests.nodes import RunningNode
from tests.servers import DatabaseUrls
from workroom.expiry_rounds import tell_what_expired
from workroom.storage.database import open_database


@pytest_asyncio.fixture
async def owner(office_database: DatabaseUrls) -> Any:
    connection = await asyncpg.connect(office_database.owner_url, server_settings={"search_path": "workroom"})
    yield connection
    await connection.close()


async def test_a_class_is_simulated_left_come_back_to_and_applied(office: Office, windows: Windows) -> None:
    officer = await office.make_staff("Ruth Amadi", "compliance")
    *_, held = await talked(office, "Held one")
    *_, free = await talked(office, "Free one")
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
        await expect(work).to_contain_text("ready", timeout=PATIENCE_MS)
        await page.goto(simulation)
        goes = page.locator(".amount.goes")
        await expect(goes).to_contain_text("Nothing goes." if room is held else "3 messages")
        if room is held:
            await expect(page.locator("simulation-page")).to_contain_text("Held: 3 messages")
        await _look_at_histogram(page, goes=room is free)
        await _apply(page)
    await page.goto("/#/compliance/retention")
    await expect(page.locator(".card", has_text="Talk, thirty days")).to_contain_text("2 rooms")
    await page.goto(f"/#/compliance/rooms/{held['room_id']}")
    await expect(page.get_by_role("region", name="What is due, and when")).to_contain_text("3")


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


async def test_what_has_come_to_its_end_leaves_open_windows_and_says_since_when(
    office: Office,
    windows: Windows,
    node: RunningNode,
    owner: asyncpg.Connection,
    office_database: DatabaseUrls,
) -> None:
    _, customer, room = await talked(office, "Ended one")
    page = await open_for(windows, customer)
    await enter_room(page, "Ended one")
    await expect(messages(page)).to_have_count(3)
    class_id = await owner.fetchval(
        "insert into retention_classes (class_id, name, counted_from, destroy_days) "
        "values (gen_random_uuid(), 'A day', 'sent', 1) returning class_id"
    )
    await owner.execute(
        "insert into room_classes (room_id, class_id) values ($1::uuid, $2)", room["room_id"], class_id
    )
    later = timedelta(days=2).total_seconds()
    await owner.execute(
        "create or replace function workroom.current_instant() returns timestamptz language sql volatile "
        f"parallel safe as $$ select clock_timestamp() + interval '{later} seconds' $$"
    )
    database = await open_database(office_database.service_url, application_name="workroom test worker")
    try:
        await tell_what_expired(database)
    finally:
        await database.close(0.5)
    await expect(messages(page)).to_have_count(0, timeout=PATIENCE_MS)
    await expect(page.locator(".beginning")).to_contain_text("were removed after the agreed period")
    await customer.say(room["stream"], "Still here")
    await expect(messages(page)).to_have_text(["Still here"])
    await page.reload()
    await expect(messages(page)).to_have_text(["Still here"])
    await expect(page.locator(".beginning")).to_contain_text("were removed after the agreed period")


async def _apply(page: Page) -> None:
    await page.get_by_role("button", name="Apply this change").click()
    await answer(page, REASON, "Apply this change")
    await expect(page.get_by_text("Applied. A changed rule")).to_be_visible()


async def _look_at_histogram(page: Page, *, goes: bool) -> None:
    """What is held is drawn and told apart from what goes: all that a run at that instant would meet."""
    figure = page.get_by_role("figure", name="By month of sending")
    await expect(figure.locator("rect.part-kept_by_holds")).to_have_count(1)
    await expect(figure.locator("rect.part-goes")).to_have_count(1 if goes else 0)
    await figure.get_by_text("The same as a table").click()
    await expect(figure.locator("tbody tr td:nth-of-type(1)").last).to_have_text("3" if goes else "0")
    await expect(figure.locator("tbody tr td:nth-of-type(2)").last).to_have_text("3")
