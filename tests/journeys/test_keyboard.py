"""The main forms by keyboard alone: everything is reached by Tab, in the order of the page, and seen to be."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from syncengine.models import Sync
from tenants.models import Role, Workspace

from . import steps
from .browser import focus_unseen, in_chromium
from .counterparts import AddressBook

pytestmark = in_chromium

MOST_TABS = 80


def test_signing_up(visit: Callable[..., Page], site: str) -> None:
    page = visit()
    page.goto("/")
    _tab_to(page, page.get_by_role("link", name="Make a workspace"))
    page.keyboard.press("Enter")
    for label, text in (("Workspace name", "Hooli"), ("Email", "gavin@hooli.example"), ("Password", "long-enough-1")):
        _tab_to(page, page.get_by_label(label))
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Hooli")).to_be_visible()


def test_connecting_an_app(
    visit: Callable[..., Page], url: Callable[..., str], in_workspace: Workspace, book: AddressBook
) -> None:
    page = visit(Role.ADMIN)
    page.goto(url("home"))
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    _tab_to(page, page.get_by_role("main").get_by_role("link", name="Connect an app"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Marketplace")).to_be_visible()
    _tab_to(page, page.get_by_role("link", name="CardDAV"))
    page.keyboard.press("Enter")
    _tab_to(page, page.get_by_role("link", name="Connect", exact=True))
    page.keyboard.press("Enter")
    for label, text in (
        ("Server address", book.server.url),
        ("User name", book.user),
        ("Password", book.server.password),
    ):
        _tab_to(page, page.get_by_label(label))
        page.keyboard.type(text)
    _tab_to(page, page.get_by_role("button", name="Test and connect"))
    page.keyboard.press("Enter")
    steps.see_connected(page, f"{book.user} at 127.0.0.1:{book.server.port}")


def test_changing_a_syncs_settings(visit: Callable[..., Page], url: Callable[..., str], in_step: Sync) -> None:
    page = visit(Role.ADMIN)
    page.goto(url("sync_detail", in_step.pk))
    _tab_to(page, page.locator(".page-header").get_by_role("link", name="Settings"))
    page.keyboard.press("Enter")
    _tab_to(page, page.get_by_role("radio", name="Two-way"))
    page.keyboard.press("ArrowRight")
    expect(page.locator("#mappings").get_by_role("combobox", name="Direction of First name")).to_have_count(0)
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#mappings").get_by_role("combobox", name="Direction of First name")).to_be_visible()
    _tab_to(page, page.get_by_label("Only persons with a valid e-mail address"))
    page.keyboard.press("Space")
    _tab_to(page, page.get_by_role("checkbox", name="Sync Notes"))
    page.keyboard.press("Space")
    _tab_to(page, page.get_by_role("button", name="Review"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Mapping off: Notes")).to_be_visible()
    expect(page.get_by_text("Persons without an e-mail address are synced too").first).to_be_visible()
    _tab_to(page, page.get_by_role("button", name="Save and sync"))
    page.keyboard.press("Enter")
    steps.see_said(page, "The sync is on.")


def _tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until this has the focus; on the way there the focus is always seen."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_TABS):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
        assert focus_unseen(page) == ""
    raise AssertionError(f"Tab does not lead to {wanted}")
