"""Section 7 of the rules, through the engine: references across the syncs of an account pair."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from connectors.testing import memory_related as kinds
from connectors.testing.memory_related import ref
from tenants.models import Workspace

from .related import Accounts, MakeAccounts, make, new_world

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
BOB = {"first": "Bob", "last": "Ray", "mail": "bob@example.com"}


@pytest.fixture
def make_accounts(workspace: Workspace) -> Iterator[MakeAccounts]:
    installed = ExitStack()
    with installed:
        yield lambda *objects: make(new_world(installed), *objects)


@pytest.fixture
def crm(make_accounts: MakeAccounts) -> Accounts:
    """Companies and people on both sides; ids differ."""
    number = lambda n: f"r{n}"  # noqa: E731
    return make_accounts((kinds.firms(), kinds.firms(make_id=number)), (kinds.people(), kinds.people(make_id=number)))


def company_of(accounts: Accounts, side: str, id_: str) -> str | None:
    app = accounts.left if side == "a" else accounts.right
    value = app["contacts"].values(id_)["company_id"]
    return value["id"] if value else None


def test_rule_7_1_a_reference_goes_across_as_the_link_of_its_target(crm: Accounts) -> None:
    acme, globex = crm.left["companies"].add(name="Acme"), crm.left["companies"].add(name="Globex")
    ann = crm.left["contacts"].add(ANN, company_id=ref(acme, "Acme"))
    crm.sync("companies")
    crm.sync("contacts")
    crm.rest()
    there = crm.other("contacts", ann)
    assert company_of(crm, "b", there) == crm.other("companies", acme)
    crm.rests()
    crm.right["contacts"].edit(there, company_id=ref(crm.other("companies", globex), "Globex"))
    crm.rest()
    assert company_of(crm, "a", ann) == globex
    crm.rests()
