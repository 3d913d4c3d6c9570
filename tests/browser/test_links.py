"""The token of a link: in nothing that the browser asks for, and in its tab only as long as it is of use."""

from __future__ import annotations

from urllib.parse import urldefrag, urlsplit

from playwright.async_api import Page, Request, expect

from tests.browser.chromium import Windows
from tests.browser.office import PASSWORD, Office, path_of, sign_in

KEPT = "Object.values(sessionStorage).join()"


async def test_the_token_of_a_link_is_in_no_address_that_the_browser_asks_for(
    office: Office, windows: Windows
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    room = await office.make_room(staff, "Behind a link", kind="shared")
    invitation = await staff.do("create_invitation", room_id=room["room_id"])
    password = path_of(await _password_link(office, "asked-for@provider.example"))
    for link in (password, f"/invitation#token={invitation['token']}", "/first-admin#token=" + "x" * 43):
        page = await windows.open("/static/icon.svg")
        asked = _watch_requests(page)
        await page.goto(link)
        await expect(page.get_by_label("password")).to_be_visible()
        await page.reload()
        await expect(page.get_by_label("password")).to_be_visible()
        token = link.rpartition("=")[2]
        said = [(urldefrag(request.url).url, await request.all_headers()) for request in asked]
        assert any(address.endswith("/static/application.js") for address, _ in said)
        assert [address for address, headers in said if token in f"{address} {headers}"] == []


async def test_a_link_leaves_the_address_at_once_and_outlives_a_reload(
    office: Office, windows: Windows
) -> None:
    page = await windows.open(path_of(await _password_link(office, "reloads@provider.example")))
    await expect(page.get_by_label("New password")).to_be_visible()
    assert _address(page) == ("/set-password", "", "")
    await page.reload()
    await _set_password(page)
    await expect(page.locator(".me-name")).to_have_text("reloads@provider.example")
    assert await page.evaluate(KEPT) == "", "a used link stays in the tab"


async def test_an_invitation_outlives_a_reload_and_signing_in(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    guest = await office.make_customer("Nora Lind", "Lind Glass")
    room = await office.make_room(staff, "Reloaded", kind="shared")
    invitation = await staff.do("create_invitation", room_id=room["room_id"])
    page = await windows.open(f"/invitation#token={invitation['token']}")
    await expect(page.get_by_role("button", name="I have an account")).to_be_visible()
    assert _address(page) == ("/invitation", "", "")
    await page.reload()
    await page.get_by_role("button", name="I have an account").click()
    await page.get_by_label("E-mail").fill(guest.email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("button", name="Join the room")).to_be_visible()
    await page.reload()
    await page.get_by_role("button", name="Join the room").click()
    await expect(page.get_by_role("navigation", name="Rooms")).to_be_visible()
    await expect(page.get_by_role("heading", name="Reloaded", level=1)).to_be_visible()
    assert await page.evaluate(KEPT) == "", "a used link stays in the tab"


async def test_a_link_opened_on_the_page_of_another_takes_its_place(office: Office, windows: Windows) -> None:
    first = path_of(await _password_link(office, "first@provider.example"))
    second = path_of(await _password_link(office, "second@provider.example"))
    page = await windows.open(first)
    await expect(page.get_by_label("New password")).to_be_visible()
    await page.goto(second)
    await page.wait_for_url("**/set-password")
    await _set_password(page)
    await expect(page.locator(".me-name")).to_have_text("second@provider.example")


async def test_a_link_that_was_not_used_is_forgotten_when_somebody_comes_in(
    office: Office, windows: Windows
) -> None:
    page = await windows.open(path_of(await _password_link(office, "elsewhere@provider.example")))
    await expect(page.get_by_label("New password")).to_be_visible()
    await page.goto("/")
    await sign_in(page, office.admin)
    assert await page.evaluate(KEPT) == "", "somebody else's link stays in the tab"


async def _password_link(office: Office, email: str) -> str:
    body = {"kind": "staff", "email": email, "display_name": email}
    return str((await office.admin.client.send("POST", "/api/accounts", body)).json()["link"])


async def _set_password(page: Page) -> None:
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_role("button", name="Set the password").click()


def _watch_requests(page: Page) -> list[Request]:
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    return asked


def _address(page: Page) -> tuple[str, str, str]:
    address = urlsplit(page.url)
    return address.path, address.query, address.fragment
