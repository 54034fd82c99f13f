"""Every kind of object goes through the engine, matched as rules 5.3 to 5.6 say, with what refers to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from connectors.contract import Field, FieldType
from connectors.testing import memory_related as kinds
from connectors.testing.memory_related import ref
from syncengine import services
from syncengine.core.mapping import MatchBy, Matching
from syncengine.services import SyncError
from tenants.models import Workspace

from .related import MakeAccounts, ids, make, new_world

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}


@pytest.fixture
def make_accounts(workspace: Workspace) -> Iterator[MakeAccounts]:
    installed = ExitStack()
    with installed:
        yield lambda *objects: make(new_world(installed), *objects)


def test_rule_5_3_leads_are_persons_and_may_be_paired_with_contacts(make_accounts: MakeAccounts) -> None:
    crm = make_accounts((kinds.leads(), kinds.people()), (kinds.firms(), kinds.firms()))
    acme = crm.left["companies"].add(name="Acme")
    ann = crm.left["leads"].add(ANN, company_id=ref(acme))
    same = crm.right["contacts"].add(ANN, phone="+49 30 1234567")
    new = crm.left["leads"].add(first="Bob", last="Ray", mail="bob@example.com", company_id=ref(acme))
    crm.sync("leads", "contacts")
    crm.sync("companies")
    crm.rest()
    assert crm.other("leads", ann) == same and len(crm.right["contacts"].rows) == 2
    for lead in (ann, new):
        there = crm.right["contacts"].values(crm.other("leads", lead))
        assert ids(there["company_id"]) == [crm.other("companies", acme)]
    crm.rests()


def test_rule_5_5_products_by_sku_then_by_name(make_accounts: MakeAccounts) -> None:
    shop = make_accounts((kinds.products(), kinds.products()))
    bolt, nut, rod, nail = (
        shop.left["products"].add(name=name, sku=sku)
        for name, sku in (("Bolt", "B-1"), ("Nut", None), ("Rod", "R-1"), ("Nail", None))
    )
    same = shop.right["products"].add(name="Big bolt", sku="b-1")
    nuts = shop.right["products"].add(name="nut", sku="N-1")
    other_rod = shop.right["products"].add(name="Rod", sku="R-2")
    shop.sync("products")
    shop.rest()
    assert shop.other("products", bolt) == same and shop.other("products", nut) == nuts
    assert shop.other("products", rod) != other_rod, "two SKUs that differ are two products"
    assert len(shop.right["products"].rows) == 5 and shop.link("products", a=nail).is_whole
    shop.rests()


def test_rule_5_5_deals_line_items_and_activities_are_never_matched_by_themselves(make_accounts: MakeAccounts) -> None:
    """And go across with all that they refer to."""
    sales = make_accounts(
        (kinds.people(), kinds.people()),
        (kinds.products(), kinds.products()),
        (kinds.deals(), kinds.deals()),
        (kinds.line_items(), kinds.line_items()),
        (kinds.activities(), kinds.activities()),
    )
    left = sales.left
    ann, bolt = left["contacts"].add(ANN), left["products"].add(name="Bolt")
    deal = left["deals"].add(title="Big one", contact_id=[ref(ann)])
    item = left["line_items"].add(title="Bolts", deal_id=ref(deal), product_id=ref(bolt), quantity="5")
    call = left["activities"].add(subject="Call", contact_id=[ref(ann)], deal_id=ref(deal))
    twin = sales.right["deals"].add(title="Big one")
    for name in ("activities", "line_items", "deals", "products", "contacts"):
        sales.sync(name)
    sales.rest()
    there = {
        name: sales.right[name].values(sales.other(name, id_))
        for name, id_ in (("deals", deal), ("line_items", item), ("activities", call))
    }
    assert sales.other("deals", deal) != twin and len(sales.right["deals"].rows) == 2
    assert ids(there["deals"]["contact_id"]) == [sales.other("contacts", ann)]
    assert ids(there["line_items"]["deal_id"]) == ids(there["activities"]["deal_id"]) == [sales.other("deals", deal)]
    assert ids(there["line_items"]["product_id"]) == [sales.other("products", bolt)]
    assert ids(there["activities"]["contact_id"]) == [sales.other("contacts", ann)]
    sales.rests()


def test_rule_7_1_groups_keep_their_members_on_both_sides(make_accounts: MakeAccounts) -> None:
    book = make_accounts((kinds.people(), kinds.people()), (kinds.groups(), kinds.groups()))
    people = [book.left["contacts"].add(ANN, mail=f"p{n}@example.com") for n in range(3)]
    group = book.left["groups"].add(name="Choir", members=[ref(p) for p in people[:2]])
    book.sync("groups")
    book.sync("contacts")
    book.rest()
    there = book.other("groups", group)
    assert ids(book.right["groups"].values(there)["members"]) == [book.other("contacts", p) for p in people[:2]]
    book.right["groups"].edit(there, members=[ref(book.other("contacts", p)) for p in people[1:]])
    book.rest()
    assert ids(book.left["groups"].values(group)["members"]) == people[1:]
    book.rests()


def test_rule_5_6_custom_objects_that_a_person_says_are_alike(make_accounts: MakeAccounts) -> None:
    driver = Field("driver", "Driver", FieldType.REFERENCE, target="contacts")
    fleet = make_accounts(
        (kinds.custom("vehicles", driver), kinds.custom("cars", replace(driver, name="who"))),
        (kinds.custom("trips"), kinds.custom("tours")),
        (kinds.people(), kinds.people()),
    )
    ann = fleet.left["contacts"].add(ANN)
    van = fleet.left["vehicles"].add(plate="B-AB 12", colour="red", driver=ref(ann))
    same = fleet.right["cars"].add(plate="b-ab 12")
    objects = [
        fleet.accounts[0].objects_offered.get(name="vehicles"),
        fleet.accounts[1].objects_offered.get(name="cars"),
    ]
    with pytest.raises(SyncError, match="alike"):
        services.create_sync(object_a=objects[0], object_b=objects[1], actor="test")
    plate = Matching(MatchBy.FIELD, "plate", "plate")
    fleet.sync("vehicles", "cars", alike=True, matching=plate)
    fleet.sync("trips", "tours", alike=True)
    fleet.sync("contacts")
    fleet.rest()
    assert fleet.other("vehicles", van) == same
    there = fleet.right["cars"].values(same)
    assert there["colour"] == "red" and ids(there["who"]) == [fleet.other("contacts", ann)]
    fleet.rests()


def test_rule_1_an_object_of_no_kind_is_not_synced_with_one_of_a_kind(make_accounts: MakeAccounts) -> None:
    fleet = make_accounts((kinds.custom("vehicles"), kinds.people()))
    a, b = (
        fleet.accounts[0].objects_offered.get(name="vehicles"),
        fleet.accounts[1].objects_offered.get(name="contacts"),
    )
    with pytest.raises(SyncError, match="Say first what kind"):
        services.create_sync(object_a=a, object_b=b, actor="test", alike=True)
