"""Fills the demo's counterparts, and makes the workspace that keeps them in step.

`python -m syncsite.demo.setup`, while the address book runs, with DATABASE_URL set. Each step is left out where
it is done already, so that a set-up that was broken off goes on, and what people changed since stays.
"""

from __future__ import annotations

import os
import secrets
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncsite.settings")
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402

from connectors import accounts  # noqa: E402  (needs Django set up)
from connectors.contract import Kind  # noqa: E402
from connectors.models import ConnectedAccount  # noqa: E402
from syncengine import services  # noqa: E402
from syncengine.models import Sync  # noqa: E402
from syncsite.demo import OWNER, SLUG, book, sales  # noqa: E402
from syncsite.demo.people import invent  # noqa: E402
from syncsite.demo.place import book_found, demo_directory, sales_at  # noqa: E402
from syncsite.place import Unusable, keep_secret  # noqa: E402
from tenants.context import public_context, workspace_context  # noqa: E402
from tenants.models import Workspace  # noqa: E402
from tenants.workspaces import create_workspace  # noqa: E402

BOOK_NAME, SALES_NAME = "People", "Sales database"
KINDS = {"companies": Kind.COMPANY, "contacts": Kind.CONTACT, "deals": Kind.DEAL}
"""What the tables of the sales database hold. What their columns stand for shows in their names."""


def set_up() -> None:
    """Raises Unusable."""
    address_book = book_found()
    database = sales_at(os.environ["DATABASE_URL"])
    world = invent()
    if not book.is_filled(address_book):
        book.fill(address_book, world.book)
    sales.make(database, os.environ["DATABASE_URL"], world)
    with workspace_context(_workspace()):
        people, customers = _book_account(address_book), _sales_account(database)
        _sync(people, customers)


def _workspace() -> Workspace:
    with public_context():
        found = Workspace.objects.filter(slug=SLUG).first()
        return found or create_workspace(name="Northwind", slug=SLUG, owner=_owner(), country="DE")


def _owner() -> object:
    """Owner of the workspace, and staff, so that the admin can be looked at too."""
    password = keep_secret(demo_directory() / "owner_password", lambda: secrets.token_urlsafe(9))
    users = get_user_model().objects
    found = users.filter(email=OWNER).first()
    return found or users.create_superuser(username=OWNER, email=OWNER, password=password)


def _book_account(address_book: book.Book) -> ConnectedAccount:
    values = {"address": address_book.url, "user": book.USER, "password": address_book.password}
    return _account("carddav", BOOK_NAME, values)


def _sales_account(database: sales.Sales) -> ConnectedAccount:
    values = {
        "database_kind": "postgresql", "host": database.host, "port": str(database.port),
        "database": sales.DATABASE, "user": sales.ROLE, "password": database.password,
    }  # fmt: skip
    account = _account("sql", SALES_NAME, values)
    for obj in account.objects_offered.filter(name__in=KINDS):
        if obj.kind is None:
            accounts.set_meaning(obj, kind=KINDS[obj.name], fields={}, actor=OWNER)
    if not ConnectedAccount.objects.filter(is_home=True).exists():
        accounts.set_home(account, actor=OWNER)
    return account


def _account(app: str, name: str, values: dict[str, str]) -> ConnectedAccount:
    found = ConnectedAccount.objects.filter(app=app, name=name).first()
    return found or accounts.connect(app=app, name=name, values=values, actor=OWNER)


def _sync(people: ConnectedAccount, customers: ConnectedAccount) -> None:
    """Contacts of both, two-way. It starts as soon as the workers do, so that one can watch its first run."""
    if Sync.objects.exists():
        return
    contacts = customers.objects_offered.get(name="contacts")
    cards = next(o for o in services.objects_to_sync(people) if o.kind is Kind.CONTACT)
    sync = services.create_sync(object_a=cards, object_b=contacts, actor=OWNER)
    services.start(sync, actor=OWNER)


def main() -> int:
    try:
        set_up()
    except Unusable as error:
        print(error, file=sys.stderr)
        return 1
    except (accounts.AccountError, services.SyncError) as error:
        reasons = "; ".join(f"{field}: {reason}" if field else reason for field, reason in error.errors.items())
        print(f"the demo cannot be set up: {reasons}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
