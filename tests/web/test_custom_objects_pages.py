"""Two objects of which nobody has said what they are: a person says that they are alike (page and API)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.test import Client
from rest_framework.test import APIClient

from connectors.testing import memory_related as kinds
from syncengine.models import Sync
from tenants.models import Workspace
from tests.run.related import Accounts, make, new_world

Url = Callable[..., str]


@pytest.fixture
def fleet(workspace: Workspace) -> Iterator[Accounts]:
    with ExitStack() as installed:
        yield make(new_world(installed), (kinds.custom("vehicles"), kinds.custom("cars")))


def chosen(fleet: Accounts) -> dict[str, int]:
    a, b = fleet.accounts
    return {"object_a": a.objects_offered.get().pk, "object_b": b.objects_offered.get().pk}


def test_rule_5_6_a_page_asks_whether_two_custom_objects_are_alike(
    fleet: Accounts, owner_client: Client, viewer_client: Client, stranger_client: Client, url: Url
) -> None:
    a, b = fleet.accounts
    address = url("sync_new")
    form = {"a": a.pk, "b": b.pk, **chosen(fleet)}
    page = owner_client.get(address, {"a": a.pk, "b": b.pk}).content.decode()
    assert 'name="alike"' in page and f'name="object_a" value="{form["object_a"]}"' in page
    refused = owner_client.post(address, form)
    assert refused.status_code == 422 and "or that they are alike" in refused.content.decode()
    for client in (viewer_client, stranger_client):
        assert client.post(address, {**form, "alike": "on"}).status_code in (302, 403, 404)
    assert not Sync.objects.exists()
    assert owner_client.post(address, {**form, "alike": "on"}).status_code == 302
    assert Sync.objects.get().versions.get().load().kind is None


def test_rule_5_6_custom_objects_over_the_api(fleet: Accounts, api_client: APIClient, url: Url) -> None:
    refused = api_client.post(url("api_syncs"), chosen(fleet), format="json")
    assert refused.status_code == 400 and "object_a" in str(refused.json())
    made = api_client.post(url("api_syncs"), {**chosen(fleet), "alike": True}, format="json")
    assert made.status_code == 201
