"""Rooms and the people in them: inviting, leaving, removing, renaming, archiving, promoting, deactivating."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.chromium import Windows
from tests.browser.office import (
    PASSWORD,
    Office,
    composer,
    enter_room,
    line,
    messages,
    open_details,
    open_for,
    path_of,
    sign_in,
    write,
)


async def test_an_invited_person_sees_the_room_from_there_on(office: Office, windows: Windows) -> None:
    page, room = await _shared_room_with_a_message(office, windows, "From now on")
    link = await _make_link(page)
    guest = await _register_with(windows, link, "Lena Voss", "Voss & Daughters")
    await enter_room(guest, "From now on")
    await expect(guest.get_by_text("You see what is written from here on.")).to_be_visible()
    await write(page, "Welcome, Lena")
    await expect(messages(guest)).to_have_text(["Welcome, Lena"])
    await expect(page.locator(".room-facts")).to_contain_text("Voss & Daughters")
    assert room


async def test_an_invited_person_sees_the_history_where_the_inviter_says_so(
    office: Office, windows: Windows
) -> None:
    page, _ = await _shared_room_with_a_message(office, windows, "With history")
    link = await _make_link(page, with_history=True)
    guest = await _register_with(windows, link, "Omar Haddad", "Haddad Tiles")
    await enter_room(guest, "With history")
    await expect(messages(guest)).to_have_text(["Written before"])


async def test_somebody_with_an_account_joins_by_link_and_a_used_or_revoked_link_is_worthless(
    office: Office, windows: Windows
) -> None:
    page, _ = await _shared_room_with_a_message(office, windows, "By link")
    person = await office.make_customer("Nora Lind", "Lind Glass")
    link = await _make_link(page)
    guest = await windows.open(link)
    await guest.get_by_role("button", name="I have an account").click()
    await guest.get_by_label("E-mail").fill(person.email)
    await guest.get_by_label("Password").fill(PASSWORD)
    await guest.get_by_role("button", name="Sign in").click()
    await guest.get_by_role("button", name="Join the room").click()
    await expect(guest.get_by_role("heading", name="By link", level=1)).to_be_visible()
    late = await windows.open(link)
    await expect(late.get_by_text("This invitation does not work any more")).to_be_visible()

    revoked = await _make_link(page)
    details = await open_details(page)
    await details.get_by_role("button", name=re.compile("^Revoke")).click()
    await expect(details.get_by_text("No link is open.")).to_be_visible()
    too_late = await windows.open(revoked)
    await expect(too_late.get_by_text("This invitation does not work any more")).to_be_visible()


async def test_renaming_archiving_and_reopening_is_seen_at_once(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    await office.make_room(person, "Old name", staff)
    customer = await open_for(windows, person)
    provider = await open_for(windows, staff)
    for page in (customer, provider):
        await enter_room(page, "Old name")
    details = await open_details(provider)
    await details.get_by_role("button", name="Rename").click()
    dialog = provider.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("New name")
    await dialog.get_by_role("button", name="Rename").click()
    await expect(customer.get_by_role("heading", name="New name", level=1)).to_be_visible()
    await expect(line(customer, "New name")).to_be_visible()
    await expect(customer).to_have_title("New name · Workroom")

    await details.get_by_role("button", name="Archive the room").click()
    await provider.get_by_role("dialog").get_by_role("button", name="Archive the room").click()
    await expect(customer.get_by_text("it can be read, not written")).to_be_visible()
    await expect(composer(customer)).to_be_hidden()
    await details.get_by_role("button", name="Open the room again").click()
    await provider.get_by_role("dialog").get_by_role("button", name="Open the room again").click()
    await expect(composer(customer)).to_be_visible()


async def test_whoever_is_removed_or_leaves_stops_seeing_the_room(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    colleague = await office.make_staff("Priya Raman")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    await office.make_room(person, "Leaving", staff)
    customer = await open_for(windows, person)
    provider = await open_for(windows, staff)
    for page in (customer, provider):
        await enter_room(page, "Leaving")
    details = await open_details(provider)
    await details.get_by_role("button", name="Add a member").click()
    dialog = provider.get_by_role("dialog")
    await dialog.get_by_label("Person").select_option(colleague.id)
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(details).to_contain_text("Members (3)")

    await details.get_by_role("button", name="Remove Mara Okafor").click()
    await provider.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    await expect(customer.get_by_text("You are no longer in this room.")).to_be_visible()
    await expect(line(customer, "Leaving")).to_have_count(0)
    await expect(details).to_contain_text("Members (2)")

    await details.get_by_role("button", name="Leave the room").click()
    await provider.get_by_role("dialog").get_by_role("button", name="Leave the room").click()
    await expect(line(provider, "Leaving")).to_have_count(0)
    await expect(provider.get_by_text("Pick a room")).to_be_visible()


async def test_the_provider_opens_a_shared_room_for_several_customers(
    office: Office, windows: Windows
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    for name in ("Blue Kiln", "Green Kiln"):
        await office.make_customer(f"Owner of {name}", name)
    page = await open_for(windows, staff, "/#/new-room")
    await page.get_by_label("What is it about?").fill("Two kilns")
    await page.get_by_label("Several customers").check()
    for name in ("Blue Kiln", "Green Kiln"):
        await page.get_by_label(name).check()
    await page.get_by_role("button", name="Open the room").click()
    await expect(page.locator(".room-facts")).to_contain_text("Shared room · Blue Kiln, Green Kiln")


async def test_an_admin_makes_promotes_and_deactivates_an_account(office: Office, windows: Windows) -> None:
    admin = await open_for(windows, office.admin, "/#/people")
    await admin.get_by_role("button", name="New account").click()
    dialog = admin.get_by_role("dialog")
    await dialog.get_by_label("Name", exact=True).fill("Ines Duarte")
    await dialog.get_by_label("E-mail").fill("ines@provider.example")
    await dialog.get_by_role("button", name="Make the account").click()
    link = await dialog.locator("input[readonly]").input_value()
    await dialog.get_by_role("button", name="Close").last.click()

    page = await windows.open(path_of(link))
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_role("button", name="Set the password").click()
    await expect(page.get_by_role("link", name="Desk")).to_be_visible()
    await expect(page.get_by_role("link", name="People")).to_have_count(0)

    card = admin.locator(".card", has_text="ines@provider.example")
    await card.get_by_label("Kind of account of Ines Duarte").select_option("admin")
    await admin.get_by_role("dialog").get_by_role("button", name="Change").click()
    await expect(card.locator(".badge").first).to_have_text("Administrator")
    await expect(page.get_by_text("You were signed out.")).to_be_visible()
    await page.get_by_label("E-mail").fill("ines@provider.example")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("link", name="People")).to_be_visible()

    await card.get_by_role("button", name="Deactivate: Ines Duarte").click()
    await admin.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
    await expect(page.get_by_text("This account was deactivated")).to_be_visible()
    await card.get_by_role("button", name="Reactivate: Ines Duarte").click()
    await expect(card.get_by_role("button", name="Deactivate: Ines Duarte")).to_be_visible()


async def test_settings_name_password_appearance_and_signing_out(office: Office, windows: Windows) -> None:
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    page = await sign_in(await windows.open(), person)
    other = await sign_in(await windows.open(), person)
    await page.get_by_role("link", name="Mara Okafor (Settings)").click()
    await page.get_by_label("Name", exact=True).fill("Mara Okafor-Lind")
    await page.get_by_role("button", name="Save the name").click()
    await expect(page.locator(".me-name")).to_have_text("Mara Okafor-Lind")
    await page.get_by_label("Dark").check()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")

    await page.get_by_label("Current password").fill("not the password")
    await page.get_by_label("New password").fill("another lake of herons")
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.get_by_text("The current password is not right.")).to_be_visible()
    await page.get_by_label("Current password").fill(PASSWORD)
    await page.get_by_label("New password").fill("another lake of herons")
    await page.get_by_role("button", name="Change the password").click()
    await expect(page.get_by_text("Your password is changed.")).to_be_visible()
    await expect(other.get_by_role("button", name="Sign in")).to_be_visible()
    await expect(page.get_by_role("heading", name="Settings")).to_be_visible()

    await page.evaluate("localStorage.setItem('kept', 'yes')")
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    left = await page.evaluate("Object.keys(localStorage).sort().join(' ')")
    assert left == "kept workroom.theme"


async def _shared_room_with_a_message(
    office: Office, windows: Windows, name: str
) -> tuple[Page, dict[str, Any]]:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(staff, name, person, kind="shared")
    await staff.say(room["stream"], "Written before")
    page = await open_for(windows, staff)
    await enter_room(page, name)
    return page, room


async def _make_link(page: Page, *, with_history: bool = False) -> str:
    details = await open_details(page)
    await details.get_by_role("button", name="Invite by link").click()
    dialog = page.get_by_role("dialog")
    if with_history:
        await dialog.get_by_label("May see what was written before").check()
    await dialog.get_by_role("button", name="Make the link").click()
    link = await dialog.locator("input[readonly]").input_value()
    await dialog.get_by_role("button", name="Close").last.click()
    return link


async def _register_with(windows: Windows, link: str, name: str, customer_name: str) -> Page:
    page = await windows.open(link)
    await page.get_by_label("Your name").fill(name)
    await page.get_by_label("Your company or household").fill(customer_name)
    await page.get_by_label("E-mail").fill(f"{name.split()[0].lower()}@guest.example")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Join the room").click()
    await expect(page.get_by_role("navigation", name="Rooms")).to_be_visible()
    return page
