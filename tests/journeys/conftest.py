"""What every journey starts from: a Chromium, the site, two real systems to connect, and workers where asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from connectors import accounts
from connectors.contract import Kind
from connectors.models import ConnectedAccount
from syncengine import services
from syncengine.models import Sync
from syncengine.run.runner import run_slice
from tenants.models import Membership, Workspace

from . import counterparts
from .browser import Visitors, launch
from .counterparts import AddressBook, Crm
from .steps import BOOK, CRM
from .workers import at_work

ACTOR = "owner@acme.example"


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One for all journeys. Not longer: Playwright keeps an event loop in this thread, which others would trip over."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # That loop runs no code of ours, and so none that would block it by asking the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def site(chromium: Browser, settings: Any, live_site: str) -> str:
    """The site's address. It may reach this machine, where the two systems are."""
    settings.SYNCSITE_ALLOW_PRIVATE_ADDRESSES = True
    return live_site


@pytest.fixture
def visitors(chromium: Browser, site: str) -> Iterator[Visitors]:
    """Afterwards none of their pages has met an error, or broken the content security policy."""
    found = Visitors(chromium, site)
    yield found
    found.close()
    assert not found.faults


@pytest.fixture
def visit(visitors: Visitors, member: Callable[..., Membership]) -> Callable[..., Page]:
    """A browser: `visit()` of nobody, `visit("viewer")` of a new member; `dark=True`; options of Playwright."""

    def make(role: str = "", *, of: Any = None, **options: Any) -> Page:
        return visitors.open(session=_session(member(role, of=of)) if role else "", **options)

    return make


def _session(membership: Membership) -> str:
    client = Client()
    client.force_login(membership.user)
    return client.cookies[django_settings.SESSION_COOKIE_NAME].value


@pytest.fixture
def book(tmp_path: Path) -> Iterator[AddressBook]:
    with counterparts.address_book(tmp_path / "book") as made:
        yield made


@pytest.fixture
def crm(committed: None) -> Iterator[Crm]:
    d = connection.settings_dict
    access = {"host": d["HOST"], "port": d["PORT"], "user": d["USER"], "password": d["PASSWORD"]}
    with (
        psycopg.connect(**access, dbname=d["NAME"], autocommit=True) as server,
        counterparts.crm(server, f"crm_of_{d['NAME']}") as made,
    ):
        yield made


@pytest.fixture
def workers(committed: None, site: str, book: AddressBook, crm: Crm, tmp_path: Path) -> Iterator[None]:
    """A queue cluster and a dispatcher on the test database. They stop before anything else that they use."""
    with at_work(tmp_path):
        yield


@pytest.fixture
def in_step(site: str, workspace: Workspace, book: AddressBook, crm: Crm) -> Sync:
    """Both systems connected to Acme, and a sync of their contacts that has come to rest."""
    addresses = connect("carddav", BOOK, book.settings)
    customers = connect("sql", CRM, crm.settings)
    contacts = customers.objects_offered.get(name="contacts")
    accounts.set_meaning(contacts, kind=Kind.CONTACT, fields={}, actor=ACTOR)
    sync = services.create_sync(object_a=contacts, object_b=addresses.objects_offered.get(), actor=ACTOR)
    services.start(sync, actor=ACTOR)
    while not run_slice(sync.pk).quiet:
        pass
    return sync


def connect(app: str, name: str, values: dict[str, str]) -> ConnectedAccount:
    return accounts.connect(app=app, name=name, values=values, actor=ACTOR)
