"""Files in a conversation: each shown as what it is, in a place that was kept for it, to those who may see it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest_asyncio
from PIL import Image
from playwright.async_api import Page, expect

from tests.browser.axe import AXE, look
from tests.browser.chromium import NARROW, Windows
from tests.browser.office import Office, Person, enter_room, line, open_details, open_for
from tests.browser.papers import PAPERS, PLACE, film, payload, pick, post_files, upload
from tests.servers import DatabaseUrls
from workroom import file_findings, messages
from workroom.file_previews import make_previews
from workroom.ids import FileId
from workroom.settings import load_settings
from workroom.storage.database import Database, open_database
from workroom.storage.file_store import FileStores
from workroom.storage.open_stores import open_file_stores
from workroom.storage.queries import queries

ATTACHMENT = ".attachments > .attachment"


class Workshop:
    """Does what the worker does, when a test says so."""

    def __init__(self, database: Database, stores: FileStores, owner: asyncpg.Connection) -> None:
        self._database = database
        self._stores = stores
        self._owner = owner

    async def make_previews(self) -> int:
        """Make what previews are wanted."""
        return await make_previews(self._database, self._stores)

    async def seal(self, *file_ids: str) -> None:
        """As if these files had come to an installation with a virus scanner."""
        await self._owner.execute(
            "update workroom.files set scan_state = 'unchecked' where file_id = any($1::uuid[])", file_ids
        )

    async def scan(self, stream: str, file_id: str, *, is_infected: bool) -> None:
        """Record what the scanner said."""
        async with self._database.transaction() as transaction:
            await messages.lock_rooms_of(transaction, [stream])  # type: ignore[list-item]
            await file_findings.record_scan(transaction, FileId(file_id), is_infected=is_infected)  # type: ignore[arg-type]


@pytest_asyncio.fixture(scope="module")
async def workshop(
    node_environment: dict[str, str], node: object, office_database: DatabaseUrls
) -> AsyncIterator[Workshop]:
    """A worker of the module's node."""
    settings = load_settings(node_environment)
    database = await open_database(office_database.service_url, application_name="workshop")
    owner = await asyncpg.connect(office_database.owner_url)
    async with database.read() as reading:
        epoch = await reading.fetch_one(queries.events.read_epoch)
    stores = await open_file_stores(settings, epoch["installation_id"], has_files=True)
    yield Workshop(database, stores, owner)
    await owner.close()
    await database.close()


async def test_ten_kinds_are_sent_at_once_and_each_is_shown_as_what_it_is(
    office: Office, windows: Windows, workshop: Workshop
) -> None:
    staff, person = await _two(office)
    await office.make_room(person, "Ten kinds", staff)
    page = await open_for(windows, person)
    await enter_room(page, "Ten kinds")
    provider = await open_for(windows, staff)
    await enter_room(provider, "Ten kinds")
    await pick(page, *map(payload, PAPERS), payload("film.webm", await film(page), "video/webm"))
    await expect(page.locator("upload-card[data-state=whole]")).to_have_count(12)
    await page.get_by_role("button", name="Describe kiln.jpg").click()
    await page.get_by_label("What does the picture show?").fill("A kiln, open")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(provider.locator(ATTACHMENT)).to_have_count(12)
    await expect(page.locator("upload-card")).to_have_count(0)
    await expect(line(provider, "Ten kinds").locator(".room-last")).to_have_text("Mara Okafor: 12 files")
    await expect(provider.locator(".picture-note")).to_have_text(["Being prepared…"] * 4)
    before = await _boxes(provider)

    assert await workshop.make_previews() >= 5
    pictures = provider.locator(".picture-frame img")
    await expect(pictures).to_have_count(4)
    await _all_loaded(provider)
    assert await _boxes(provider) == before, "nothing jumps when pictures come"
    await expect(pictures.first).to_have_attribute("alt", "A kiln, open")
    await expect(provider.get_by_role("link", name="Open statement.pdf").locator("img")).to_be_visible()
    await _plays(provider, "audio", 2)
    await _plays(provider, "video", 1)
    for name in ("papers.zip", "ledger.csv", "page.html", "drawing.svg"):
        card = provider.locator(".file-card", has_text=name).get_by_role("link")
        await expect(card).to_have_attribute("download", name)
    await expect(page.locator(".picture-frame canvas")).to_have_count(0)

    source = await pictures.first.get_attribute("src")
    small = await (await provider.request.get(str(source))).body()
    assert Image.open(io.BytesIO(PAPERS["kiln.jpg"][1])).getexif().get_ifd(PLACE), "this proves nothing"
    assert not Image.open(io.BytesIO(small)).getexif()
    if AXE.is_file():
        seen = await open_for(windows, staff, bypass_csp=True)
        await enter_room(seen, "Ten kinds")
        await open_details(seen)
        await expect(seen.locator(".listed-file")).to_have_count(8)
        await pick(seen, payload("receipt.png"))
        await expect(seen.get_by_role("button", name="Describe receipt.png")).to_be_visible()
        await look(seen, "a room with files")
        await seen.locator("[data-picture]").first.click()
        await look(seen, "the light-box")


async def test_what_is_found_out_about_a_file_is_shown_in_its_place(
    office: Office, windows: Windows, workshop: Workshop
) -> None:
    staff, person = await _two(office)
    stream = (await office.make_room(person, "Findings", staff))["stream"]
    page = await open_for(windows, staff)
    await enter_room(page, "Findings")
    clean, ill = [await upload(person, stream, name) for name in ("receipt.png", "papers.zip")]
    broken = await upload(person, stream, "broken.png", PAPERS["receipt.png"][1][:60])
    await workshop.seal(clean, ill)
    files = [{"file_id": file_id} for file_id in (clean, ill, broken)]
    posted = await person.do("post_message", stream=stream, text="", files=files)
    shown = page.locator(ATTACHMENT)
    await expect(shown.nth(0)).to_have_text("Being checked for viruses…")
    await expect(shown.nth(1)).to_contain_text("Being checked for viruses…")
    await expect(shown.nth(1).locator("a")).to_have_count(0)
    await workshop.scan(stream, ill, is_infected=True)
    await expect(shown.nth(1)).to_contain_text("A virus was found in it. It cannot be opened.")
    await workshop.scan(stream, clean, is_infected=False)
    await expect(shown.nth(0)).to_have_text("Being prepared…")
    await workshop.make_previews()
    await expect(shown.nth(0).locator("img")).to_be_visible()
    await expect(shown.nth(2).get_by_role("link")).to_have_attribute("download", "broken.png")

    await shown.nth(0).get_by_role("button").click()
    await expect(page.get_by_role("dialog", name="Pictures")).to_be_visible()
    await person.do("delete_message", stream=stream, message_id=posted["message_id"])
    await expect(page.get_by_role("dialog", name="Pictures")).to_have_count(0)
    await expect(page.get_by_text("This message was deleted.")).to_be_visible()
    await expect(shown).to_have_count(0)
    await expect((await open_details(page)).get_by_text("No files yet")).to_be_visible()


async def test_pictures_are_looked_at_by_keyboard_alone(
    office: Office, windows: Windows, workshop: Workshop
) -> None:
    staff, person = await _two(office)
    stream = (await office.make_room(person, "Light-box", staff))["stream"]
    await post_files(person, stream, "kiln.jpg", "ledger.csv", text="First")
    await post_files(staff, stream, "receipt.png", "stall.webp")
    await workshop.make_previews()
    page = await open_for(windows, staff)
    await enter_room(page, "Light-box")
    frames = page.locator(".picture-frame")
    await expect(frames.locator("img")).to_have_count(3)
    await frames.nth(1).focus()
    keys = page.keyboard
    await keys.press("Enter")
    box = page.get_by_role("dialog", name="Pictures")
    facts = box.locator(".light-box-facts")
    await expect(box.locator(".light-box-name")).to_have_text("receipt.png")
    await expect(facts).to_contain_text("You, Today")
    await expect(facts).to_contain_text("2 of 3")
    await expect(box.locator("img[src*='inline=1']")).to_have_js_property("naturalWidth", 400)
    await keys.press("ArrowRight")
    await expect(box.locator(".light-box-name")).to_have_text("stall.webp")
    await keys.press("ArrowRight")
    await expect(facts).to_contain_text("3 of 3")
    await keys.press("Home")
    await expect(facts).to_contain_text("Mara Okafor, Today")
    await expect(box.locator("img")).to_have_attribute("alt", "Picture: kiln.jpg")
    await expect(box.get_by_role("link", name="Download")).to_have_attribute("download", "kiln.jpg")
    await box.get_by_role("button", name="Actual size").press("Enter")
    await expect(box.get_by_role("button", name="Actual size")).to_have_attribute("aria-pressed", "true")
    await keys.press("ArrowRight")
    # In its actual size, arrow keys scroll.
    await expect(facts).to_contain_text("1 of 3")
    await keys.press("Escape")
    await expect(box).to_have_count(0)
    await expect(frames.nth(1)).to_be_focused()

    await keys.press("Enter")
    await box.get_by_role("button", name="Next picture").press("Enter")
    await expect(facts).to_contain_text("3 of 3")
    await expect(box.get_by_role("button", name="Close")).to_be_focused()
    await keys.press("ArrowLeft")
    await expect(facts).to_contain_text("2 of 3")


async def test_a_last_picture_that_is_taken_back_leaves_the_keyboard_to_the_others(
    office: Office, windows: Windows, workshop: Workshop
) -> None:
    staff, person = await _two(office)
    stream = (await office.make_room(person, "Taken back", staff))["stream"]
    await post_files(person, stream, "kiln.jpg", "receipt.png")
    last = {"file_id": await upload(person, stream, "stall.webp")}
    posted = await person.do("post_message", stream=stream, text="", files=[last])
    await workshop.make_previews()
    page = await open_for(windows, staff)
    await enter_room(page, "Taken back")
    await page.locator(".picture-frame").nth(1).click()
    facts = page.locator(".light-box-facts")
    await expect(facts).to_contain_text("2 of 3")
    await page.get_by_role("button", name="Next picture").focus()
    await person.do("delete_message", stream=stream, message_id=posted["message_id"])
    await expect(facts).to_contain_text("2 of 2")
    await page.keyboard.press("ArrowLeft")
    await expect(facts).to_contain_text("1 of 2")


async def test_the_rooms_files_are_listed_filtered_and_found_again(office: Office, windows: Windows) -> None:
    staff, person = await _two(office)
    stream = (await office.make_room(person, "Looked through", staff))["stream"]
    await post_files(person, stream, "kiln.jpg", "ledger.csv")
    await asyncio.gather(*(person.say(stream, f"Number {number}") for number in range(50)))
    await post_files(person, stream, "statement.pdf", "note.wav", "papers.zip", "page.html", "song.mp3")
    await post_files(staff, stream, "receipt.png", "oven.gif", "stall.webp")
    page = await open_for(windows, staff)
    await enter_room(page, "Looked through")
    details = await open_details(page)
    names = details.locator(".listed-file .file-name")
    newest = ["stall.webp", "oven.gif", "receipt.png", "song.mp3", "page.html", "papers.zip", "note.wav"]
    await expect(names).to_have_text([*newest, "statement.pdf"])
    await details.get_by_role("button", name="Show more").click()
    await expect(names).to_have_text([*newest, "statement.pdf", "ledger.csv", "kiln.jpg"])
    await expect(details.get_by_role("button", name="Show more")).to_be_hidden()

    await details.get_by_label("Kind").select_option("picture")
    await expect(names).to_have_text(["stall.webp", "oven.gif", "receipt.png", "kiln.jpg"])
    await details.get_by_label("Name contains").fill("KILN")
    await expect(names).to_have_text(["kiln.jpg"])
    await details.get_by_label("Name contains").fill("nothing like it")
    await expect(details.get_by_text("No file fits.")).to_be_visible()
    await details.get_by_label("Name contains").fill("")
    await details.get_by_label("Kind").select_option("text")
    await expect(names).to_have_text(["page.html", "ledger.csv"])
    await post_files(person, stream, "oven.gif", "ledger.csv")
    await expect(names).to_have_text(["ledger.csv", "page.html", "ledger.csv"])
    await details.get_by_role("button", name="Show ledger.csv in the conversation").last.click()
    first = page.locator(".message", has_text="ledger.csv").first
    await expect(first).to_be_focused()
    await expect(first.get_by_title("kiln.jpg")).to_be_visible()


async def test_a_hostile_name_is_text_and_breaks_nothing(office: Office, windows: Windows) -> None:
    staff, person = await _two(office)
    room = await office.make_room(person, "Names", staff)
    markup = "<img src=x onerror=alert(1)>.pdf"
    endless = "w" * 240 + ".exe"
    for name in (markup, endless, "photo\u202egpj.exe", "../../etc/passwd"):
        file_id = await upload(person, room["stream"], name, b"\0 nothing in particular")
        await person.do("post_message", stream=room["stream"], text="", files=[{"file_id": file_id}])
    page = await open_for(windows, staff)
    await enter_room(page, "Names")
    details = await open_details(page)
    cleaned = ["_img src=x onerror=alert(1)_.pdf", endless, "photogpj.exe", "passwd"]
    await expect(page.locator(".messages .file-name")).to_have_text(cleaned)
    await expect(details.locator(".file-name")).to_have_text(cleaned[::-1])
    ending = page.locator(".messages .file-name").nth(1).locator(".file-ending")
    await expect(ending).to_have_text("wwww.exe")
    assert await ending.evaluate("ending => ending.scrollWidth <= ending.clientWidth"), "it is all in sight"
    for width in (320, 719, 1200):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_whoever_is_removed_loses_the_picture_they_look_at(
    office: Office, windows: Windows, workshop: Workshop
) -> None:
    staff, person = await _two(office)
    room = await office.make_room(staff, "Removed", person)
    (file_id,) = await post_files(staff, room["stream"], "receipt.png")
    await workshop.make_previews()
    page = await open_for(windows, person, size=NARROW, has_touch=True)
    await page.locator(".room-link", has_text="Removed").tap()
    await page.locator(".picture-frame").tap()
    await expect(page.get_by_role("dialog", name="Pictures").locator("img")).to_be_visible()
    assert (await page.request.get(f"/api/files/{file_id}/preview")).status == 200
    await staff.do("remove_member", room_id=room["room_id"], account_id=person.id)
    await expect(page.get_by_text("You are no longer in this room.")).to_be_visible()
    await expect(page.locator("dialog, .messages img")).to_have_count(0)
    for address in (f"/api/files/{file_id}", f"/api/files/{file_id}/preview"):
        assert (await page.request.get(address)).status == 404


async def _two(office: Office) -> tuple[Person, Person]:
    return await office.make_staff("Jonas Hartmann"), await office.make_customer("Mara Okafor", "Northwind")


async def _boxes(page: Page) -> list[Any]:
    """Where every file and every message is, and how tall all of it is."""
    boxes: list[Any] = await page.evaluate(
        """() => [...document.querySelectorAll('.attachment, .message, .messages')].map((element) => {
            const { x, y, width, height } = element.getBoundingClientRect();
            return [x, y, width, height].map(Math.round);
        })"""
    )
    assert len(boxes) > 5, "nothing was measured: this proves nothing"
    return boxes


async def _all_loaded(page: Page) -> None:
    """Scroll through, so that what is fetched lazily is, and wait until it is there."""
    for picture in await page.locator(".messages img").all():
        await picture.scroll_into_view_if_needed()
        await expect(picture).to_have_js_property("complete", True)
        await expect(picture).not_to_have_js_property("naturalWidth", 0)
    await page.locator(".scroller").evaluate("element => element.scrollTo(0, element.scrollHeight)")


async def _plays(page: Page, kind: str, count: int) -> None:
    players = page.locator(f"file-player > {kind}")
    await expect(players).to_have_count(count)
    for player in await players.all():
        await player.evaluate(
            "player => player.readyState > 0 || new Promise((known) => { player.onloadedmetadata = known; })"
        )
        await expect(player).to_be_visible()
