"""The content security policy and Trusted Types, provoked in the page itself as somebody who found a hole would."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, Route

from tests.browser.chromium import Windows
from tests.browser.office import Office, enter_room, messages, open_for

MARK = "() => window.injected === true"
IN_THE_PAGE = {
    "a script": "<script>window.injected = true</script>",
    "a handler": '<img src="/static/absent" onerror="window.injected = true">',
    "a script of another site": '<script src="data:text/javascript,window.injected = true"></script>',
}
SINKS = {
    "innerHTML": "document.body.innerHTML = '<b>hello</b>'",
    "insertAdjacentHTML": "document.body.insertAdjacentHTML('beforeend', '<b>hello</b>')",
    "document.write": "document.write('<b>hello</b>')",
    "a script's text": "document.createElement('script').text = '1'",
    "a script's address": "document.createElement('script').src = '/static/application.js'",
    "a policy of one's own": "trustedTypes.createPolicy('mine', { createHTML: (text) => text })",
}


async def _open_with(windows: Windows, markup: str, *, bypass_csp: bool) -> Page:
    """The start page with markup in it that we did not write, under the headers that we did send."""

    async def inject(route: Route) -> None:
        answer = await route.fetch()
        text = (await answer.text()).replace("</body>", markup + "</body>")
        assert markup in text
        await route.fulfill(response=answer, body=text)

    page = await windows.open("/static/icon.svg", bypass_csp=bypass_csp)
    await page.route(f"{windows.url}/", inject)
    await page.goto("/")
    await page.wait_for_load_state("load")
    return page


@pytest.mark.parametrize("markup", IN_THE_PAGE.values(), ids=IN_THE_PAGE)
async def test_a_script_that_got_into_the_page_is_not_run(windows: Windows, markup: str) -> None:
    unguarded = await _open_with(windows, markup, bypass_csp=True)
    await unguarded.wait_for_function(MARK)
    windows.complaints.clear()

    page = await _open_with(windows, markup, bypass_csp=False)
    assert not await page.evaluate(MARK)
    refusals = [said for said in windows.complaints if re.search("script-src", said)]
    assert refusals, windows.complaints
    windows.complaints.clear()


@pytest.mark.parametrize("act", SINKS.values(), ids=SINKS)
async def test_text_does_not_become_markup_or_code(office: Office, windows: Windows, act: str) -> None:
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Provoked")
    await person.say(room["stream"], "Good morning")
    page = await open_for(windows, person)
    await enter_room(page, "Provoked")
    await messages(page).first.wait_for()
    refusal = await page.evaluate(
        f"() => {{ try {{ {act}; return ''; }} catch (error) {{ return error.name; }} }}"
    )
    assert refusal == "TypeError"
    assert await page.locator("b").count() == 0
    assert any("Trusted" in said for said in windows.complaints), windows.complaints
    windows.complaints.clear()


async def test_the_page_sends_nothing_elsewhere(windows: Windows) -> None:
    page = await windows.open()
    refusal = await page.evaluate(
        "() => fetch('https://elsewhere.example/').then(() => 'sent', (error) => error.name)"
    )
    assert refusal == "TypeError"
    assert any("connect-src" in said for said in windows.complaints), windows.complaints
    windows.complaints.clear()
