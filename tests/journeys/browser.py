"""A real Chromium, and a watch over all that goes wrong in it unseen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Response, expect

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PATIENCE = 20_000
"""Milliseconds. Two cores may be busy with other tests."""

CHECKS = Path(__file__).with_name("checks.js").read_text()
TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""


def executable() -> str | None:
    """Where Chromium is, if it is installed."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


in_chromium = [
    pytest.mark.browser,
    pytest.mark.skipif(executable() is None, reason="no Chromium is installed here"),
]
"""Marks of a module whose tests drive a browser."""


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=executable(), args=list(OPTIONS))


class Visitors:
    """Browsers that look at one site, each with cookies of its own; `faults` is what went wrong in any of them."""

    def __init__(self, chromium: Browser, site: str) -> None:
        self.faults: list[str] = []
        self._chromium = chromium
        self._site = site
        self._contexts: list[BrowserContext] = []
        expect.set_options(timeout=PATIENCE)

    def open(self, *, session: str = "", dark: bool = False, **options: Any) -> Page:
        """A page of a new browser, with this session key if there is one. `options` are Playwright's."""
        given = {"viewport": WIDE, "locale": "en-GB", "color_scheme": "dark" if dark else "light", **options}
        context = self._chromium.new_context(base_url=self._site, **given)
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.add_init_script(TELL_VIOLATIONS)
        if session:
            context.add_cookies([{"name": "sessionid", "value": session, "url": self._site}])
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.faults.append(f"error: {error.error}"))
        context.on("response", self._see)
        return context.new_page()

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        # Chromium says of refused forms and unknown pages, too, that it "failed to load" them: `_see` knows better.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.faults.append(f"console: {message.text}")

    def _see(self, response: Response) -> None:
        asked = response.request
        if response.status >= 500 or (response.status >= 400 and asked.resource_type != "document"):
            self.faults.append(f"{response.status}: {asked.method} {asked.url}")


@contextmanager
def same_document(page: Page) -> Iterator[None]:
    """What happens in the block happens without the page being loaded anew."""
    page.evaluate("window.isTheSame = true")
    yield
    assert page.evaluate("window.isTheSame === true"), "the page was loaded anew"


def amiss(page: Page) -> list[str]:
    """What is wrong with how the page is built, whether it can be read, and how wide it is, on a phone too."""
    found = [*_ask(page, "structure"), *hard_to_read(page), *_ask(page, "overflow")]
    page.set_viewport_size(NARROW)
    found += [f"narrow: {one}" for one in _ask(page, "overflow")]
    page.set_viewport_size(WIDE)
    return found


def hard_to_read(page: Page) -> list[str]:
    """Texts that stand out too little from what is behind them."""
    return _ask(page, "contrast")


def focus_unseen(page: Page) -> str:
    """Says what has the focus if it does not show; blank if it does."""
    return "".join(_ask(page, "focusUnseen"))


def _ask(page: Page, check: str) -> list[str]:
    return [str(one) for one in page.evaluate(f"() => {{ {CHECKS}; return {check}(); }}")]
