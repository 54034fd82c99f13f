"""What somebody does on the pages, step by step. Each step ends where its last sentence has been seen.

All of them work without JavaScript too.
"""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from .counterparts import AddressBook, Crm

BOOK, CRM = "People", "Customers"
"""What the accounts are called."""


def sign_up(page: Page, *, workspace: str, email: str, password: str) -> None:
    """From the public page into a workspace of one's own."""
    page.goto("/")
    page.get_by_role("link", name="Make a workspace").click()
    page.get_by_label("Workspace name").fill(workspace)
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", level=1, name=workspace)).to_be_visible()


def log_in(page: Page, *, email: str, password: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def go_to(page: Page, part: str) -> None:
    """Choose a part of the workspace in the header."""
    page.locator("#site-nav").get_by_role("link", name=part, exact=True).click()
    expect(page.locator("#site-nav [aria-current=page]")).to_have_text(part)


def open_app(page: Page, label: str) -> None:
    """From the marketplace to the form that connects an app."""
    page.get_by_role("link", name=label, exact=True).click()
    page.get_by_role("link", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", level=1, name=f"Connect {label}")).to_be_visible()


def fill_book(page: Page, book: AddressBook, *, password: str = "") -> None:
    """Send the form of an address book, with its own password unless another one is given."""
    page.get_by_label("Server address").fill(book.server.url)
    page.get_by_label("User name").fill(book.user)
    page.get_by_label("Password").fill(password or book.server.password)
    page.get_by_label("Name of the account").fill(BOOK)
    page.get_by_role("button", name="Test and connect").click()


def fill_crm(page: Page, crm: Crm) -> None:
    page.get_by_label("Kind of database").select_option("PostgreSQL")
    page.get_by_label("Host").fill(crm.host)
    page.get_by_label("Port").fill(str(crm.port))
    page.get_by_label("Database", exact=True).fill(crm.database)
    page.get_by_label("User", exact=True).fill(crm.user)
    page.get_by_label("Password").fill(crm.password)
    page.get_by_label("Name of the account").fill(CRM)
    page.get_by_role("button", name="Test and connect").click()


def see_said(page: Page, sentence: str) -> None:
    """The site answers to what was just done."""
    expect(page.locator("#messages")).to_contain_text(sentence)


def see_connected(page: Page, name: str) -> None:
    see_said(page, f"“{name}” is connected.")
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def say_what_contacts_are(page: Page) -> None:
    """On the page of the database: its table of contacts holds contacts. That is proposed from its name."""
    page.get_by_role("link", name="Contacts", exact=True).click()
    kind = page.get_by_label("What is it?")
    expect(kind.locator("option:checked")).to_have_text("Contacts")
    expect(page.get_by_text("Proposed from its name; save to confirm it.")).to_be_visible()
    expect(page.get_by_label("What First name stands for").locator("option:checked")).to_have_text("First name")
    page.get_by_role("button", name="Save").click()
    see_said(page, "Saved what “Contacts” is.")


def connect_both(page: Page, book: AddressBook, crm: Crm) -> None:
    """From any page of the workspace."""
    go_to(page, "Marketplace")
    open_app(page, "CardDAV")
    fill_book(page, book)
    see_connected(page, BOOK)
    go_to(page, "Marketplace")
    open_app(page, "SQL database")
    fill_crm(page, crm)
    see_connected(page, CRM)
    say_what_contacts_are(page)


def begin_setting_up(page: Page) -> None:
    """From home to the settings of a new sync: with two accounts there is nothing to choose but the objects."""
    go_to(page, "Home")
    page.get_by_role("link", name="Set up a sync").first.click()
    expect(page.get_by_role("radio", name=re.compile("^Contacts"))).to_be_checked()
    expect(page.get_by_role("radio", name=re.compile("^People"))).to_be_checked()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", name="Which records are the same")).to_be_visible()


def review(page: Page) -> None:
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="What this sync does")).to_be_visible()


def save_and_sync(page: Page) -> None:
    page.get_by_role("button", name="Save and sync").click()
    see_said(page, "The sync is on.")


def turn_off(page: Page) -> None:
    page.get_by_role("link", name="Turn off").click()
    page.get_by_role("button", name="Turn off").click()
    see_said(page, "The sync is off.")


def turn_on(page: Page) -> None:
    page.get_by_role("button", name="Turn on").click()
    see_said(page, "The sync is on.")


def tile(label: str) -> str:
    """Selector of the number that stands over this label on a sync's page."""
    return f".tiles .card:has-text('{label}') .stat-value"
