"""Records that one side has lost, over the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from syncengine import services
from syncengine.core.mapping import Direction
from syncengine.models import RecordLink, Stream, Sync, Wish
from tenants.models import Workspace, WorkspaceAPIKey
from tenants.urls import workspace_url
from tests import samples
from tests.samples import World

Url = Callable[..., str]


@pytest.fixture
def made(workspace: Workspace) -> Iterator[World]:
    with samples.apps():
        yield samples.world()


def posts(made: World) -> dict[str, tuple[tuple[int, ...], dict[str, Any]]]:
    return {
        "api_sync_resync": ((made.sync.pk,), {"side": "b"}),
        "api_sync_confirm_missing": ((made.sync.pk,), {"side": "b", "records": 12}),
        "api_record_keep_unlinked": ((made.sync.pk, made.links["deleted_in_b"].pk), {}),
        "api_sync_pass_on": ((made.sync.pk,), {"side": "b", "records": [made.links["deleted_in_b"].pk]}),
    }


def test_who_may_decide(
    made: World, url: Url, client: Client, owner_client: Client, workspace: Workspace, other_workspace: Workspace
) -> None:
    _row, reader = WorkspaceAPIKey.objects.create_key(workspace=workspace, name="reader", read_only=True)
    _row, other = WorkspaceAPIKey.objects.create_key(workspace=other_workspace, name="theirs")
    read_only = APIClient(headers={"authorization": f"Bearer {reader}"})
    theirs = APIClient(headers={"authorization": f"Bearer {other}"})
    for name, (args, said) in posts(made).items():
        assert client.post(url(name, *args), said).status_code == 401
        assert owner_client.post(url(name, *args), said).status_code == 401
        assert theirs.post(url(name, *args), said, format="json").status_code == 401
        assert theirs.post(workspace_url(other_workspace, name, *args), said, format="json").status_code == 404
        assert read_only.post(url(name, *args), said, format="json").status_code == 403
    assert not RecordLink.objects.exclude(wish="").exists()


def test_resync(made: World, url: Url, api_client: APIClient) -> None:
    address, link = url("api_sync_resync", made.sync.pk), made.links["deleted_in_b"].pk
    assert api_client.post(address, {"side": "x"}, format="json").status_code == 400
    assert api_client.post(address, {"side": "b", "records": []}, format="json").status_code == 400
    assert api_client.post(address, {"side": "b", "records": [0]}, format="json").status_code == 400
    answer = api_client.post(address, {"side": "b", "records": [link]}, format="json")
    assert answer.status_code == 202, answer.json()
    assert answer.json()["records"] == 1 and answer.json()["run"]["kind"] == "resync"
    assert RecordLink.objects.get(pk=link).wish == Wish.RESYNC


def test_resync_against_the_direction(made: World, url: Url, api_client: APIClient) -> None:
    sync = Sync.objects.get(pk=made.sync.pk)
    services.change_settings(sync, replace(sync.settings, direction=Direction.B_TO_A), actor="test")
    answer = api_client.post(url("api_sync_resync", sync.pk), {"side": "b"}, format="json")
    assert answer.status_code == 400 and "does not allow writing" in str(answer.json())


def test_many_missing_records_are_confirmed(made: World, url: Url, api_client: APIClient) -> None:
    sync = Sync.objects.get(pk=made.sync.pk)
    address, stream = url("api_sync_confirm_missing", sync.pk), Stream.objects.filter(pk=sync.pair.stream_b_id)
    assert api_client.post(address, {"side": "b", "records": 12}, format="json").status_code == 400
    stream.update(missing=12)
    assert api_client.get(url("api_sync", sync.pk)).json()["missing"] == {"b": 12}
    assert api_client.post(address, {"side": "b", "records": 11}, format="json").status_code == 400
    assert api_client.post(address, {"side": "b", "records": 12}, format="json").status_code == 200
    assert stream.get().missing_confirmed == 12


def test_passing_deletions_on(made: World, url: Url, api_client: APIClient) -> None:
    sync, link = url("api_sync", made.sync.pk), made.links["deleted_in_b"].pk
    said, address = {"side": "b", "records": [link]}, url("api_sync_pass_on", made.sync.pk)
    assert api_client.get(sync).json()["settings"]["deletions"] == {"a": "off", "b": "off"}
    assert "not switched on" in str(api_client.post(address, said, format="json").json())
    assert api_client.patch(sync, {"deletions": {"a": "update"}}, format="json").status_code == 400
    assert api_client.patch(sync, {"deletions": {"a": "archive"}}, format="json").status_code == 200
    assert api_client.get(sync).json()["settings"]["deletions"] == {"a": "archive", "b": "off"}
    assert api_client.post(address, {"side": "b"}, format="json").status_code == 400
    answer = api_client.post(address, said, format="json")
    assert answer.status_code == 202 and RecordLink.objects.get(pk=link).wish == Wish.PASS_ON
    assert api_client.patch(sync, {"deletions": {"a": "off"}}, format="json").status_code == 200
    assert api_client.get(sync).json()["settings"]["deletions"]["a"] == "off"


def test_a_merge_is_decided(made: World, url: Url, api_client: APIClient) -> None:
    link = made.links["deleted_in_b"]
    address = url("api_record_keep_unlinked", made.sync.pk, link.pk)
    assert api_client.post(address).status_code == 400
    RecordLink.objects.filter(pk=link.pk).update(cause="merged")
    assert api_client.post(address).status_code == 202
    assert RecordLink.objects.get(pk=link.pk).wish == Wish.KEEP_APART
