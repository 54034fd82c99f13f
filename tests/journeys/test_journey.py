"""The main job, in a browser: from signing up to two real systems that are kept in step, in both directions."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from playwright.sync_api import Page, expect

from connectors.models import ConnectedAccount
from syncengine.models import Sync
from tenants.context import workspace_context
from tenants.models import Workspace

from . import steps
from .browser import amiss, in_chromium, same_document
from .counterparts import (
    IN_BOTH,
    NO_EMAIL_IN_BOOK,
    NO_EMAIL_IN_CRM,
    NO_SURNAME,
    ONLY_IN_BOOK,
    ONLY_IN_CRM,
    AddressBook,
    Crm,
    crowd,
    email,
)
from .steps import BOOK, CRM

pytestmark = in_chromium

OWNER, PASSWORD = "jo@initech.example", "a-long-enough-sentence"
CROWD = 240
"""So many that the first run takes longer than a page waits before it looks again."""
IN_STEP = IN_BOTH + ONLY_IN_BOOK + ONLY_IN_CRM + CROWD
CROSS_SECONDS, STAY_SECONDS = 60.0, 4.0


def test_from_signing_up_to_edits_that_cross(
    visit: Callable[..., Page], workers: None, book: AddressBook, crm: Crm
) -> None:
    crm.add(crowd(CROWD))
    page = visit()
    steps.sign_up(page, workspace="Initech", email=OWNER, password=PASSWORD)
    workspace = Workspace.objects.get(name="Initech")
    _search_as_one_types(page)
    _connect_with_a_wrong_password_first(page, workspace, book)
    _connect_the_database(page, crm)
    _set_up(page)
    _watch_the_first_run(page)
    _both_hold_the_same(book, crm)
    _lists_say_why(page)
    _edits_cross(page, book, crm)
    _nothing_crosses_while_it_is_off(page, workspace, book, crm)


def _search_as_one_types(page: Page) -> None:
    steps.go_to(page, "Marketplace")
    apps = page.locator("#apps h2")
    expect(apps).to_have_text(["CardDAV", "SQL database"])
    with same_document(page):
        search = page.get_by_role("searchbox", name="Search apps")
        search.press_sequentially("maria", delay=30)
        expect(apps).to_have_text(["SQL database"])
        search.fill("no such thing")
        expect(page.get_by_text("No app found")).to_be_visible()
        search.fill("address")
        expect(apps).to_have_text(["CardDAV"])
    expect(page).to_have_url(re.compile(r"/apps/\?q=address$"))


def _connect_with_a_wrong_password_first(page: Page, workspace: Workspace, book: AddressBook) -> None:
    steps.open_app(page, "CardDAV")
    steps.fill_book(page, book, password="not-this-one")
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("The app does not accept these credentials.")
    expect(page.get_by_label("Server address")).to_have_value(book.server.url)
    expect(page.get_by_label("Password")).to_have_value("")
    assert amiss(page) == []
    with workspace_context(workspace):
        assert not ConnectedAccount.objects.exists()
    steps.fill_book(page, book)
    steps.see_connected(page, BOOK)


def _connect_the_database(page: Page, crm: Crm) -> None:
    steps.go_to(page, "Marketplace")
    steps.open_app(page, "SQL database")
    steps.fill_crm(page, crm)
    steps.see_connected(page, CRM)
    page.get_by_role("button", name="Make it the main system").click()
    steps.see_said(page, f"“{CRM}” is your main system now.")
    expect(page.get_by_text("Contacts? Please confirm")).to_be_visible()
    steps.say_what_contacts_are(page)


def _set_up(page: Page) -> None:
    """Two-way, the database wins, job titles stay apart, only persons with an e-mail address."""
    steps.begin_setting_up(page)
    mappings = page.locator("#mappings")
    with same_document(page):
        page.locator(".pick label", has_text=f"{CRM} to {BOOK}").click()
        expect(mappings.get_by_role("combobox", name=re.compile("^Direction of")).first).to_have_count(0)
        page.locator(".pick label", has_text="Two-way").click()
        expect(mappings.get_by_role("combobox", name="Direction of First name")).to_be_visible()
    winner = page.get_by_label("This account wins")
    expect(winner.locator("option:checked")).to_have_text(CRM)
    assert amiss(page) == []
    expect(page.get_by_label("Only persons with a valid e-mail address")).to_be_checked()
    mappings.get_by_role("checkbox", name="Sync Job title").uncheck()
    steps.review(page)
    expect(page.get_by_text("a change on either side goes to the other")).to_be_visible()
    expect(page.get_by_text(f"the value of “{CRM}” is kept")).to_be_visible()
    expect(page.get_by_text("Persons without a valid e-mail address stay out")).to_be_visible()
    expect(page.get_by_text(re.compile("Left out:.*Job title"))).to_be_visible()


def _watch_the_first_run(page: Page) -> None:
    steps.save_and_sync(page)
    with same_document(page):
        under_way = page.get_by_role("region", name="Run under way")
        expect(under_way).to_contain_text("First run")
        expect(page.locator("#standing")).to_have_text("First run")
        assert amiss(page) == []
        expect(under_way).to_contain_text(re.compile(rf"Read in {CRM}\s*[1-9]"))
        expect(under_way).to_have_count(0, timeout=CROSS_SECONDS * 1000)
        expect(page.locator("#standing")).not_to_have_text("First run")
        expect(page.locator(steps.tile("In sync"))).to_have_text(str(IN_STEP))
        expect(page.locator(steps.tile("Waiting"))).to_have_text("0")
        expect(page.locator(steps.tile("Failing"))).to_have_text(str(NO_SURNAME))
        expect(page.locator(steps.tile("Excluded"))).to_have_text(str(NO_EMAIL_IN_BOOK + NO_EMAIL_IN_CRM))


def _both_hold_the_same(book: AddressBook, crm: Crm) -> None:
    cards, contacts = book.read(), crm.read()
    surnameless = {address for address, known in cards.items() if not known["family"]}
    assert len(surnameless) == NO_SURNAME and not surnameless & set(contacts)
    assert set(cards) - surnameless == set(contacts) and len(contacts) == IN_STEP
    for address, contact in contacts.items():
        card = cards[address]
        # What was switched off stayed as it was.
        assert card.pop("title") in ("Clerk", "") and contact.pop("title") in ("Manager", "")
        assert card == contact, address
    assert contacts[email(0)]["phone"] == "49309010000", "a blank is filled from the other side"
    assert contacts[email(1)]["phone"] == "49309010001", "where both differ, the database wins"


def _lists_say_why(page: Page) -> None:
    page.locator(".tiles").get_by_role("link", name="Failing").click()
    expect(page.locator("#records .list-group-item")).to_have_count(NO_SURNAME)
    page.get_by_role("link", name="Excluded").click()
    rows = page.locator("#records .list-group-item")
    expect(rows).to_have_count(NO_EMAIL_IN_BOOK + NO_EMAIL_IN_CRM)
    expect(rows.first).to_contain_text("e-mail")
    page.get_by_role("link", name="Overview").click()


def _edits_cross(page: Page, book: AddressBook, crm: Crm) -> None:
    book.change(email(2), "tel", "+49 30 5550102")
    _run_now(page)
    _until(lambda: crm.read()[email(2)]["phone"] == "49305550102")
    _see_change(page, "Phone", before="+49309010002", after="+49 30 5550102", account=CRM)
    crm.run("UPDATE contacts SET city = 'Turku' WHERE email = %s", [email(20)])
    _run_now(page)
    _until(lambda: book.read()[email(20)]["city"] == "Turku")
    _see_change(page, "Address", before="Graz", after="Turku", account=BOOK)


def _run_now(page: Page) -> None:
    page.get_by_role("button", name="Run now").click()
    steps.see_said(page, "Both sides are being looked at.")


def _see_change(page: Page, field: str, *, before: str, after: str, account: str) -> None:
    """It stands first under the last changes, without the page being loaded anew."""
    with same_document(page):
        change = page.locator("section", has_text="Last changes").locator(".list-group-item").first
        expect(change).to_contain_text(account)
        expect(change.locator("dt")).to_have_text([field])
        expect(change.locator(".was")).to_have_text(before)
        expect(change.locator(".now")).to_have_text(re.compile("^" + re.escape(after).replace(r"\ ", " ?")))
        expect(page.get_by_role("region", name="Run under way")).to_have_count(0)


def _nothing_crosses_while_it_is_off(page: Page, workspace: Workspace, book: AddressBook, crm: Crm) -> None:
    with workspace_context(workspace):
        # So often that what does not cross in a few seconds would not cross at all.
        Sync.objects.update(interval=1)
    crm.run("UPDATE contacts SET city = 'Cork' WHERE email = %s", [email(20)])
    _run_now(page)
    _until(lambda: book.read()[email(20)]["city"] == "Cork")
    steps.turn_off(page)
    expect(page.locator("#standing")).to_have_text("Off")
    assert amiss(page) == []
    crm.run("UPDATE contacts SET city = 'Basel' WHERE email = %s", [email(20)])
    book.change(email(2), "tel", "+49 30 5550103")
    deadline = time.monotonic() + STAY_SECONDS
    while time.monotonic() < deadline:
        assert book.read()[email(20)]["city"] == "Cork"
        assert crm.read()[email(2)]["phone"] == "49305550102"
        time.sleep(0.2)
    steps.turn_on(page)
    _until(lambda: book.read()[email(20)]["city"] == "Basel")
    _until(lambda: crm.read()[email(2)]["phone"] == "49305550103")


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + CROSS_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not cross in time"
        time.sleep(0.2)
