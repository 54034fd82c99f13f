"""Makes the pictures of the README from a demo of its own: `python -m tests.journeys.screenshots`.

Light, 1280 × 900. Takes two or three minutes: the demo's first run is waited for, and so are a few edits that cross.
"""

from __future__ import annotations

import subprocess
import sys

from playwright.sync_api import Page, expect, sync_playwright

from syncsite.demo import OWNER, SLUG
from syncsite.place import CHECKOUT, data_directory
from tests.harness.site import Site

from . import steps
from .browser import WIDE, launch

PICTURES = CHECKOUT / "docs" / "images"
REST_SECONDS = 600


def main() -> int:
    with Site(data_directory() / "screenshots") as site, sync_playwright() as playwright:
        assert site.in_step(REST_SECONDS).good
        site.call("demo-edit")
        assert site.in_step(REST_SECONDS).good
        browser = launch(playwright)
        page = browser.new_page(viewport=WIDE, color_scheme="light", locale="en-GB", base_url=site.url)
        password = (site.data / "demo" / "owner_password").read_text().strip()
        steps.log_in(page, email=OWNER, password=password)
        _take_sync(page)
        browser.close()
    return 0


def _take_sync(page: Page) -> None:
    """The page of the demo's sync at rest, with the edits that have just crossed."""
    page.goto(f"/w/{SLUG}/syncs/")
    page.get_by_role("main").get_by_role("link").first.click()
    expect(page.get_by_role("region", name="Run under way")).to_have_count(0, timeout=REST_SECONDS * 1000)
    page.reload()
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / "sync.png", animations="disabled")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(error.stderr)
