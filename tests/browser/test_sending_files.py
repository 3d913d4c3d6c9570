"""Files on their way: chosen, dropped, pasted; paused, cut off, refused; and never sent a second time for nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from playwright.async_api import CDPSession, Page, Request, Response, Route, expect

from tests.browser.chromium import NARROW, Windows
from tests.browser.office import (
    Office,
    Person,
    composer,
    enter_room,
    line,
    lose_line,
    open_details,
    open_for,
    write,
)
from tests.browser.papers import bring, payload, pick
from tests.line import Line

CARD = "upload-card"
POSTED = ".message[data-message-id] .text"
SLOW_BYTES_PER_SECOND = 2_000_000
LEFT_BEHIND = """async () => [
    ...Object.keys(localStorage).filter((key) => /upload|outbox/.test(key)),
    ...(await new Promise((resolve) => {
        const opening = indexedDB.open('workroom.files.' + ACCOUNT);
        opening.onupgradeneeded = () => opening.result.createObjectStore('files');
        opening.onsuccess = () => {
            const keys = opening.result.transaction('files').objectStore('files').getAllKeys();
            keys.onsuccess = () => { opening.result.close(); resolve(keys.result); };
        };
    })),
]"""


@pytest.fixture(scope="module")
def node_environment(node_environment: dict[str, str]) -> dict[str, str]:
    """A service that takes no files of more than 8 MB."""
    return {**node_environment, "WORKROOM_FILE_BYTES": "8000000"}


class Traffic:
    """What a page asks of uploads, how fast it may, and from which byte on the service took what it sent.

    A request may come while the one that was cut off is still being put away: it is refused, and comes again.
    """

    def __init__(self, page: Page) -> None:
        self.taken: list[int] = []
        self.methods: list[str] = []
        self._line: CDPSession | None = None
        self._page = page
        page.on("request", self._asked)
        page.on("response", self._answered)

    async def slow_down(self, bytes_per_second: int = SLOW_BYTES_PER_SECOND) -> None:
        """Let so much through from now on; -1 for everything."""
        if self._line is None:
            self._line = await self._page.context.new_cdp_session(self._page)
            await self._line.send("Network.enable")
        speed = {"downloadThroughput": -1, "uploadThroughput": bytes_per_second}
        await self._line.send("Network.emulateNetworkConditions", {"offline": False, "latency": 0, **speed})

    def _asked(self, request: Request) -> None:
        if "/api/uploads" in request.url:
            self.methods.append(request.method)

    def _answered(self, response: Response) -> None:
        if response.request.method == "PATCH" and response.ok:
            self.taken.append(int(response.request.headers["upload-offset"]))


async def test_an_upload_goes_on_after_a_reload_where_the_service_stands(
    office: Office, windows: Windows, tmp_path: Path
) -> None:
    page, person, staff, stream = await _in_a_room(office, windows, "Reloaded")
    traffic = Traffic(page)
    await traffic.slow_down()
    large = _large(tmp_path)
    await pick(page, large, _large(tmp_path, "small.bin", 9))
    await write(page, "With a large one")
    await write(page, "and a word after it")
    await expect(page.locator(".delivery").last).to_contain_text("Waits for the files before it.")
    await _until_sent(page, 0.4)
    await page.reload()
    await traffic.slow_down(-1)
    await expect(page.locator(POSTED)).to_have_text(["With a large one", "and a word after it"])
    assert traffic.methods.count("POST") == 2, "nothing was begun a second time"
    assert traffic.taken[0] == 0, "the small one"
    assert 1_000_000 < traffic.taken[1] < 6_000_000, "it went on where the service stood"

    answer = await staff.do("read_messages", stream=stream)
    assert [message["text"] for message in answer["messages"]] == ["With a large one", "and a word after it"]
    files = answer["messages"][0]["files"]
    assert [file["name"] for file in files] == ["large.bin", "small.bin"]
    fetched = await staff.client.send("GET", f"/api/files/{files[0]['file_id']}")
    assert fetched.body == large.read_bytes()
    assert await _left_behind(page, person) == []


async def test_a_second_window_leaves_the_upload_to_the_first_and_goes_on_when_it_is_closed(
    office: Office, windows: Windows, tmp_path: Path
) -> None:
    page, _, staff, stream = await _in_a_room(office, windows, "Two windows")
    first = Traffic(page)
    await first.slow_down(SLOW_BYTES_PER_SECOND // 3)
    await pick(page, _large(tmp_path))
    await write(page, "From two windows")
    await _until_sent(page, 0.2)
    other = await windows.open_tab(page.context, "/static/icon.svg")
    second = Traffic(other)
    await other.goto(page.url)
    await expect(other.locator(CARD)).to_contain_text("Waits for its turn")
    assert second.methods == []
    await page.close()
    await expect(other.locator(POSTED)).to_have_text("From two windows")
    assert (first.methods.count("POST"), "POST" in second.methods) == (1, False)
    assert second.taken[0] > 1_000_000
    answer = await staff.do("read_messages", stream=stream)
    assert [len(message["files"]) for message in answer["messages"]] == [1]


async def test_a_file_that_could_not_be_kept_is_asked_for_again_and_goes_on(
    office: Office, windows: Windows, tmp_path: Path
) -> None:
    page, person, staff, stream = await _in_a_room(office, windows, "Chosen again")
    traffic = Traffic(page)
    await traffic.slow_down()
    large = _large(tmp_path)
    await pick(page, large)
    await _until_sent(page, 0.4)
    address = page.url
    await page.goto("/static/icon.svg")
    await page.evaluate(
        """name => new Promise((done) => { indexedDB.deleteDatabase(name).onsuccess = done; })""",
        f"workroom.files.{person.id}",
    )
    await page.goto(address)
    card = page.locator(CARD)
    await expect(card).to_contain_text("Choose this file again")
    await write(page, "Not without it")
    await expect(page.locator(".upload-said")).to_contain_text("cannot be sent as it is")
    await expect(composer(page)).to_have_value("Not without it")
    (tmp_path / "elsewhere").mkdir()
    await pick(page, _large(tmp_path / "elsewhere"), button="Choose large.bin again")
    await expect(card).to_contain_text("That is another file")
    await traffic.slow_down(-1)
    await pick(page, large, button="Choose large.bin again")
    await expect(card).to_have_attribute("data-state", "whole")
    assert traffic.methods.count("POST") == 1
    assert traffic.taken[0] > 1_000_000
    await composer(page).press("Enter")
    await expect(page.locator(POSTED)).to_have_text("Not without it")
    answer = await staff.do("read_messages", stream=stream)
    assert answer["messages"][0]["files"][0]["byte_size"] == 6_000_000


async def test_an_upload_is_paused_goes_on_and_is_thrown_away(
    office: Office, windows: Windows, tmp_path: Path
) -> None:
    page, person, _, _ = await _in_a_room(office, windows, "Paused")
    traffic = Traffic(page)
    await traffic.slow_down()
    await pick(page, _large(tmp_path), _large(tmp_path, "small.bin", 9))
    await write(page, "Not yet")
    await _until_sent(page, 0.2)
    await page.get_by_role("button", name="Pause large.bin").click()
    await expect(page.locator(".delivery")).to_contain_text("Not sent: a file needs you.")
    asked = len(traffic.methods)
    await write(page, "A word that need not wait")
    await expect(page.locator(POSTED)).to_have_text("A word that need not wait")
    assert len(traffic.methods) == asked, "a pause is one"
    await page.get_by_role("button", name="Go on with large.bin").click()
    await expect(page.get_by_role("progressbar", name="Sending large.bin")).to_be_visible()
    await expect(page.locator(f"{CARD}[data-state=sending]")).to_contain_text("left")
    async with page.expect_request(lambda request: request.method == "DELETE"):
        await page.get_by_role("button", name="Remove large.bin").click()
    await expect(page.locator(POSTED)).to_have_text(["A word that need not wait", "Not yet"])
    await expect(page.locator(".file-card", has_text="small.bin")).to_be_visible()

    await pick(page, _large(tmp_path))
    await _until_sent(page, 0.1)
    await page.goto("/#/settings")
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert await _left_behind(page, person) == [], "signing out leaves nothing"


async def test_an_upload_whose_beginning_was_not_answered_is_begun_once(
    office: Office, windows: Windows
) -> None:
    page, _, staff, stream = await _in_a_room(office, windows, "Not answered")
    begun: list[str] = []

    async def lose_the_first_answer(route: Route) -> None:
        answer = await route.fetch()
        begun.append(answer.headers["location"])
        await (route.abort() if len(begun) == 1 else route.fulfill(response=answer))

    await page.route("**/api/uploads", lose_the_first_answer)
    await pick(page, payload("ledger.csv"))
    await expect(page.locator(CARD)).to_have_attribute("data-state", "whole")
    assert (len(begun), len(set(begun))) == (2, 1)
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator(".file-card", has_text="ledger.csv")).to_be_visible()
    answer = await staff.do("read_messages", stream=stream)
    assert answer["messages"][0]["files"][0]["file_id"] == begun[0].rpartition("/")[2]


async def test_files_are_dropped_and_pasted_and_a_text_stays_a_text(office: Office, windows: Windows) -> None:
    page, _, _, _ = await _in_a_room(office, windows, "Dropped")
    zone = page.locator(".drop-zone")
    await bring(page, "dragenter", "conversation-view", payload("kiln.jpg"))
    await expect(zone).to_have_text("Drop files here to send them to “Dropped”")
    await bring(page, "dragleave", "conversation-view", payload("kiln.jpg"))
    await expect(zone).to_be_hidden()
    await bring(page, "dragenter", "conversation-view", text="only a text")
    await expect(zone).to_be_hidden()
    await bring(page, "dragenter", "conversation-view", payload("kiln.jpg"))
    await bring(page, "drop", "conversation-view", payload("kiln.jpg"), payload("ledger.csv"))
    await expect(zone).to_be_hidden()
    await expect(composer(page)).to_be_focused()
    pasted = payload("image.png", payload("receipt.png")["buffer"], "image/png")
    await bring(page, "paste", "textarea", pasted)
    await bring(page, "paste", "textarea", pasted, text="a table, and a picture of it")
    cards = page.locator(f"{CARD} .file-name")
    await expect(cards).to_have_count(3)
    await expect(cards.last).to_contain_text("Pasted ")
    await page.get_by_role("button", name="Remove ledger.csv").click()
    await expect(cards).to_have_count(2)
    too_many = [payload(f"{number}.txt", b"x", "text/plain") for number in range(21)]
    await pick(page, *too_many)
    await expect(page.locator(".upload-said")).to_have_text(
        "A message takes up to 20 files: 3 were left out."
    )
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator(".attachment:not(:has(upload-card))")).to_have_count(20)
    await expect(line(page, "Dropped").locator(".room-last")).to_have_text("You: 20 files")
    await expect((await open_details(page)).locator(".listed-file")).to_have_count(20)


async def test_files_are_dropped_before_the_room_was_fetched_unless_it_is_archived(
    office: Office, windows: Windows, wire: Line
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    await office.make_room(staff, "In a hurry", kind="shared")
    archived = await office.make_room(staff, "Long ago", kind="shared")
    await staff.do("archive_room", room_id=archived["room_id"])
    page = await open_for(windows, staff, url=wire.url)
    await expect(line(page, "In a hurry")).to_be_visible()
    await lose_line(page, wire)
    await line(page, "Long ago").get_by_role("link").click()
    await expect(page.locator(".composer-closed")).to_be_visible()
    await bring(page, "dragenter", "conversation-view", payload("ledger.csv"))
    await expect(page.locator(".drop-zone")).to_be_hidden()
    await enter_room(page, "In a hurry")
    await bring(page, "dragenter", "conversation-view", payload("ledger.csv"))
    await expect(page.locator(".drop-zone")).to_have_text("Drop files here to send them to “In a hurry”")
    await bring(page, "drop", "conversation-view", payload("ledger.csv"))
    await page.get_by_role("button", name="Send", exact=True).click()
    wire.resume()
    await expect(page.locator(".file-card", has_text="ledger.csv")).to_be_visible(timeout=30_000)
    await expect(page.locator(CARD)).to_have_count(0)


async def test_a_phone_takes_the_picture_itself(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    await office.make_room(staff, "By phone", kind="shared")
    page = await open_for(windows, staff, size=NARROW, has_touch=True, is_mobile=True)
    await page.locator(".room-link", has_text="By phone").tap()
    async with page.expect_file_chooser() as asked:
        await page.get_by_role("button", name="Take a picture").tap()
    chooser = await asked.value
    assert await chooser.element.get_attribute("capture") == "environment"
    assert await chooser.element.get_attribute("accept") == "image/*"
    await chooser.set_files([payload("kiln.jpg")])
    await page.get_by_role("button", name="Send", exact=True).tap()
    await expect(page.locator(".picture-frame")).to_be_visible()
    await expect(page.locator(CARD)).to_have_count(0)


async def test_what_the_service_refuses_is_said_with_what_to_do(office: Office, windows: Windows) -> None:
    page, _, _, _ = await _in_a_room(office, windows, "Refused files")
    answers = [
        (413, {"code": "quota_exceeded", "retry": False, "params": {"quota": "room", "free": 12_000_000}}),
        (507, {"code": "storage_full", "retry": True, "params": {}}),
    ]

    async def refuse(route: Route) -> None:
        if route.request.method != "POST" or not answers:
            await route.fallback()
            return
        status, error = answers.pop(0)
        body = json.dumps({"error": {"message": "", **error}})
        await route.fulfill(status=status, content_type="application/json", body=body)

    await page.route("**/api/uploads", refuse)
    await pick(page, payload("ledger.csv"))
    card = page.locator(CARD)
    await expect(card).to_contain_text("12 MB are free in this room. Delete messages with files")
    await page.get_by_role("button", name="Try ledger.csv again").click()
    await expect(card).to_contain_text("The service has no space left at the moment. It goes on by itself")
    await expect(card).to_have_attribute("data-state", "whole")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator(".file-card", has_text="ledger.csv")).to_be_visible()


async def test_what_cannot_be_sent_is_told_to_whoever_does_not_see_it(
    office: Office, windows: Windows, tmp_path: Path
) -> None:
    page, _, _, _ = await _in_a_room(office, windows, "Told")
    refusal = {"error": {"code": "quota_exceeded", "params": {"quota": "room", "free": 12_000_000}}}
    refusals = [refusal, refusal]

    async def refuse(route: Route) -> None:
        await (route.fulfill(status=413, json=refusals.pop()) if refusals else route.fallback())

    await page.route("**/api/uploads", refuse)
    told = page.locator("upload-tray .unseen")
    await pick(page, payload("ledger.csv"))
    await expect(told).to_contain_text("ledger.csv: There is no room for it here")
    before = await told.locator("span").element_handle()
    assert before is not None
    await page.get_by_role("button", name="Try ledger.csv again").click()
    await expect(page.get_by_role("button", name="Try ledger.csv again")).to_be_visible()
    await expect(told).to_contain_text("ledger.csv: There is no room for it here")
    await page.wait_for_function("one => !one.isConnected", arg=before)
    await page.get_by_role("button", name="Try ledger.csv again").click()
    await expect(told).to_have_text("ledger.csv is ready to be sent.")
    huge = [_large(tmp_path, name, 8_000_001) for name in ("one.bin", "two.bin")]
    await pick(page, *huge)
    for name in ("one.bin", "two.bin"):
        await expect(told).to_contain_text(f"{name}: That is larger than 8 MB")
    await expect(page.locator(f"{CARD}[data-state=failed] .icon-button:visible")).to_have_count(2)


async def test_what_was_added_last_is_in_view_and_what_keeps_a_message_back_comes_into_it(
    office: Office, windows: Windows, tmp_path: Path
) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    await office.make_room(staff, "Many", kind="shared")
    page = await open_for(windows, staff, size=NARROW)
    await page.locator(".room-link", has_text="Many").click()
    await pick(page, _large(tmp_path, "huge.bin", 8_000_001))
    cards = page.locator(CARD)
    await expect(cards).to_have_attribute("data-state", "failed")
    await pick(page, *(payload(f"{number}.txt", b"x", "text/plain") for number in range(6)))
    await expect(page.locator(f"{CARD}[data-state=whole]")).to_have_count(6)
    await expect(cards.last).to_be_in_viewport()
    await expect(cards.first).not_to_be_in_viewport()
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(cards.first).to_be_in_viewport(ratio=1)


async def _in_a_room(office: Office, windows: Windows, name: str) -> tuple[Page, Person, Person, str]:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, name, staff)
    page = await open_for(windows, person)
    await enter_room(page, name)
    await expect(page.locator(".beginning")).to_be_visible()
    return page, person, staff, room["stream"]


async def _until_sent(page: Page, share: float) -> None:
    """Wait until so much of the largest file has left."""
    await page.wait_for_function(
        """share => [...document.querySelectorAll('upload-card progress')]
            .some((bar) => bar.max > 1e6 && bar.value / bar.max > share)""",
        arg=share,
    )


def _large(folder: Path, name: str = "large.bin", byte_size: int = 6_000_000) -> Path:
    """A file on the disk, too large to be sent in a moment."""
    path = folder / name
    path.write_bytes(os.urandom(byte_size))
    return path


async def _left_behind(page: Page, person: Person) -> list[str]:
    """What of uploads lies in the browser."""
    left: list[str] = await page.evaluate(LEFT_BEHIND.replace("ACCOUNT", json.dumps(person.id)))
    return left
