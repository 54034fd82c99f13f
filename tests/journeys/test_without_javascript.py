"""All that matters works without JavaScript: connect, set up, start, watch by loading anew, turn off."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Page, expect

from syncengine.models import Sync
from tenants.models import Role

from . import steps
from .browser import in_chromium
from .counterparts import IN_BOTH, ONLY_IN_BOOK, ONLY_IN_CRM, AddressBook, Crm

pytestmark = in_chromium

RUN_SECONDS = 60.0


def test_connect_set_up_start_and_turn_off(
    visit: Callable[..., Page], url: Callable[..., str], workers: None, book: AddressBook, crm: Crm
) -> None:
    page = visit(Role.OWNER, java_script_enabled=False)
    page.goto(url("home"))
    steps.connect_both(page, book, crm)
    steps.begin_setting_up(page)
    page.get_by_role("checkbox", name="Sync Job title").uncheck()
    steps.review(page)
    steps.save_and_sync(page)
    in_sync = page.locator(steps.tile("In sync"))
    deadline = time.monotonic() + RUN_SECONDS
    while in_sync.inner_text() != str(IN_BOTH + ONLY_IN_BOOK + ONLY_IN_CRM):
        assert time.monotonic() < deadline, "the first run does not end"
        time.sleep(0.5)
        page.reload()
    assert set(crm.read()) <= set(book.read())
    steps.turn_off(page)
    expect(page.locator("#standing")).to_have_text("Off")
    assert Sync.objects.get().state == "off"


def test_the_search_of_the_marketplace_is_a_form_too(visit: Callable[..., Page], url: Callable[..., str]) -> None:
    page = visit(Role.VIEWER, java_script_enabled=False)
    page.goto(url("marketplace"))
    page.get_by_role("searchbox", name="Search apps").fill("maria")
    page.keyboard.press("Enter")
    expect(page.locator("#apps h2")).to_have_text(["SQL database"])
