"""What pages and API say of associations (section 7): on the settings, on a record, and who sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.test import Client
from rest_framework.test import APIClient

from connectors.contract import PermissionLost
from connectors.testing import memory_related as kinds
from connectors.testing.memory_related import COMPANIES, ref
from syncengine import services
from syncengine.core.mapping import Which
from tenants.models import Workspace
from tests.run.related import Accounts, make, new_world

Url = Callable[..., str]


@pytest.fixture
def crm(workspace: Workspace) -> Iterator[Accounts]:
    """Ann of Acme; nothing syncs companies yet."""
    with ExitStack() as installed:
        made = make(
            new_world(installed),
            (kinds.firms(), kinds.firms()),
            (kinds.people(COMPANIES), kinds.people(COMPANIES)),
            (kinds.invoices(), kinds.invoices()),
        )
        acme = made.left["companies"].add(name="Acme")
        made.left["contacts"].add(first="Ann", last="Lee", mail="ann@example.com", company_id=[ref(acme, "Acme")])
        made.sync("contacts")
        made.rest()
        yield made


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_rule_7_2_pages_say_what_is_not_carried_and_why(crm: Accounts, viewer_client: Client, url: Url) -> None:
    sync, link = crm.syncs["contacts"], crm.link("contacts", a="1")
    settings, record = url("sync_settings", sync.pk), url("record_detail", sync.pk, link.pk)
    assert "not synced between these accounts" in text(viewer_client, settings)
    assert "nothing syncs such records between Left and Right" in text(viewer_client, record)
    crm.sync("companies", start=False)
    assert "is not on: what is not linked yet" in text(viewer_client, settings)
    services.start(crm.syncs["companies"], actor="test")
    crm.left.fail_next("read", PermissionLost("no"))
    crm.slice("companies")
    crm.rest("contacts")
    page = text(viewer_client, record)
    assert "Waiting for a related record" in page and "follows by itself" in page
    assert "Waiting for a related record" in text(viewer_client, url("sync_records", sync.pk) + "?state=waiting")
    crm.rest()
    page = text(viewer_client, record)
    assert "follows by itself" not in page and "Acme" in page


def test_rule_7_3_primary_or_all_is_chosen_on_the_mapping(
    crm: Accounts, owner_client: Client, viewer_client: Client, url: Url
) -> None:
    sync = crm.syncs["contacts"]
    address = url("sync_mapping", sync.pk, "company_ref")
    assert 'name="which"' in text(owner_client, address)
    assert viewer_client.post(address, {"which": "all"}).status_code == 403
    assert owner_client.post(address, {"which": "all"}).status_code == 302
    assert services.current_settings(sync).mappings[-1].which is Which.ALL


def test_rule_7_3_none_marked_primary_is_said_on_the_record(
    crm: Accounts, viewer_client: Client, api_client: APIClient, url: Url
) -> None:
    sync, link = crm.syncs["contacts"], crm.link("contacts", a="1")
    page, api = url("record_detail", sync.pk, link.pk), url("api_record", sync.pk, link.pk)
    assert "marks none of several" not in text(viewer_client, page)
    assert api_client.get(api).json()["unmarked"] == []
    globex = crm.left["companies"].add(name="Globex")
    crm.left["contacts"].edit("1", company_id=[ref(globex), ref("1")])
    crm.world.wait(minutes=11)
    crm.rest()
    assert "Left marks none of several as the primary one" in text(viewer_client, page)
    assert api_client.get(api).json()["unmarked"] == [{"mapping": "company_ref", "side": "a"}]
    crm.left["contacts"].edit("1", company_id=[ref(globex), {**ref("1"), "primary": True}])
    crm.world.wait(minutes=11)
    crm.rest()
    assert "marks none of several" not in text(viewer_client, page)
    assert api_client.get(api).json()["unmarked"] == []


def test_rule_7_4_invoices_and_companies_are_said_to_be_done_by_hand(
    crm: Accounts, viewer_client: Client, url: Url
) -> None:
    invoices = crm.sync("invoices", start=False)
    assert "associated by hand" in text(viewer_client, url("sync_settings", invoices.pk))
    assert "associated by hand" not in text(viewer_client, url("sync_settings", crm.syncs["contacts"].pk))


def test_rule_7_2_strangers_see_nothing_of_it(crm: Accounts, stranger_client: Client, url: Url) -> None:
    sync, link = crm.syncs["contacts"], crm.link("contacts", a="1")
    assert stranger_client.get(url("record_detail", sync.pk, link.pk)).status_code in (302, 403, 404)


def test_rule_7_2_the_api_lists_what_is_not_carried(crm: Accounts, api_client: APIClient, url: Url) -> None:
    sync, link = crm.syncs["contacts"], crm.link("contacts", a="1")
    (one,) = api_client.get(url("api_record", sync.pk, link.pk)).json()["pending"]
    assert one == {"id": "1", "side": "a", "label": "Acme", "obstacle": "no_sync", "mappings": ["company_ref"]}
