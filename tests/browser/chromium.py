"""The system's Chromium, driven by Playwright, and windows of it that fail a test when the page complains.

A window is a browser of its own: cookies and storage are not shared. Anything the content security policy refuses, and
any error nobody caught, fails the test that opened the window.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

# The first is the same engine without a window; it opens a page in half the time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = (1440, 900)
NARROW = (390, 844)
PATIENCE_MS = 10_000
COMPLAINT = re.compile(r"Content Security Policy|Trusted|Refused to|Uncaught", re.IGNORECASE)


@asynccontextmanager
async def run_chromium() -> AsyncIterator[Browser]:
    """A headless browser; the test is skipped where the system has none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("there is no Chromium: apt install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


class Windows:
    """The windows of one test. They are closed, and what their pages complained of is looked at, at its end."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self.url = url

    async def open(
        self,
        path: str = "/",
        *,
        url: str | None = None,
        size: tuple[int, int] = WIDE,
        color_scheme: str = "light",
        bypass_csp: bool = False,
        cookies: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Page:
        """Open a new window at an address of the service."""
        context = await self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            base_url=url or self.url,
            color_scheme=color_scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
            locale="en-GB",
            bypass_csp=bypass_csp,
            **options,
        )
        self._contexts.append(context)
        await context.add_cookies(
            [
                {"name": name, "value": value, "url": url or self.url}
                for name, value in (cookies or {}).items()
            ]
        )
        return await self.open_tab(context, path)

    async def open_tab(self, context: BrowserContext, path: str = "/") -> Page:
        """Open one more page with the cookies and the storage of a window."""
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(f"{error}\n{error.stack}"))
        await page.goto(path)
        return page

    async def close(self) -> None:
        """Close every window."""
        for context in self._contexts:
            await context.close()

    def _listen(self, message: ConsoleMessage) -> None:
        if COMPLAINT.search(message.text):
            self.complaints.append(message.text)
