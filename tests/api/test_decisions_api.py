"""Decisions about single records, pins and undo, over the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from syncengine.models import KeptApart, Operation, RecordLink, RunKind, SyncRun
from tenants.models import Workspace, WorkspaceAPIKey
from tenants.urls import workspace_url
from tests import samples
from tests.samples import World

Url = Callable[..., str]
LATER = "2099-01-01T00:00:00Z"


@pytest.fixture
def made(workspace: Workspace) -> Iterator[World]:
    with samples.apps():
        yield samples.world()


def posts(made: World) -> dict[str, tuple[tuple[int, ...], dict[str, Any]]]:
    sync, ambiguous, linked = made.sync.pk, made.links["ambiguous"].pk, made.links["in_sync"].pk
    undo = SyncRun.objects.create(
        sync=made.sync, version=made.sync.active, kind=RunKind.UNDO, state="done", started_at=made.run.started_at
    )
    return {
        "api_answer_ambiguous": ((sync,), {"answer": "leave_out"}),
        "api_record_decide": ((sync, ambiguous), {"act": "leave_out"}),
        "api_record_pause": ((sync, linked), {}),
        "api_record_resume": ((sync, linked), {}),
        "api_record_pin": ((sync, linked), {"side": "b", "field": "job", "until": LATER}),
        "api_record_unpin": ((sync, linked), {"side": "b", "field": "job"}),
        "api_undo": ((sync,), {"record": linked}),
        "api_undo_approve": ((sync, undo.pk), {}),
        "api_undo_discard": ((sync, undo.pk), {}),
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
    assert not RecordLink.objects.exclude(decision="", pins={}, paused=False).filter(paused=False).exists()


def test_rule_5_8_an_ambiguous_record_is_decided(made: World, url: Url, api_client: APIClient) -> None:
    link = made.links["ambiguous"]
    address = url("api_record_decide", made.sync.pk, link.pk)
    assert api_client.post(address, {"act": "guess"}, format="json").status_code == 400
    assert api_client.post(address, {"act": "link"}, format="json").json() == {
        "remote_id": ["Name the record of the other side."]
    }
    assert api_client.post(address, {"act": "link", "remote_id": "nobody"}, format="json").status_code == 400
    samples.remote(made.sync.pair.stream_a, link.a_id, "Twin", {"first": "Twin"})
    answer = api_client.post(address, {"act": "keep_apart", "remote_id": "twin-1"}, format="json")
    assert answer.status_code == 400, "the candidate has no row yet: it was never planned"
    answer = api_client.post(address, {"act": "link", "remote_id": "twin-1"}, format="json")
    assert answer.status_code == 202 and answer.json()["b_id"] == "twin-1" and answer.json()["state"] == "waiting"
    assert api_client.post(address, {"act": "leave_out"}, format="json").status_code == 400, "it is linked now"
    assert api_client.post(address, {"act": "keep_apart"}, format="json").status_code == 202
    assert KeptApart.objects.get().b_id == "twin-1"


def test_rule_5_8_all_are_answered_at_once(made: World, url: Url, api_client: APIClient) -> None:
    address = url("api_answer_ambiguous", made.sync.pk)
    assert api_client.post(address, {"answer": "guess"}, format="json").status_code == 400
    assert api_client.post(address, {"answer": "leave_out"}, format="json").json() == {"records": 1}
    made.links["ambiguous"].refresh_from_db()
    assert made.links["ambiguous"].cause == "left_out"


def test_rule_9_5_pause_and_pin(made: World, url: Url, api_client: APIClient) -> None:
    at = (made.sync.pk, made.links["in_sync"].pk)
    assert api_client.post(url("api_record_pause", *at), {"until": LATER}, format="json").json()["state"] == "paused"
    assert api_client.post(url("api_record_resume", *at), format="json").json()["state"] == "waiting"
    pin = {"side": "b", "field": "job", "until": LATER}
    assert api_client.post(url("api_record_pin", *at), pin | {"field": "x"}, format="json").status_code == 400
    assert api_client.post(url("api_record_pin", *at), pin, format="json").status_code == 202
    assert api_client.get(url("api_record", *at)).json()["pins"] == {"b": {"job": "2099-01-01T00:00:00+00:00"}}
    assert api_client.post(url("api_record_unpin", *at), pin, format="json").status_code == 202
    assert api_client.get(url("api_record", *at)).json()["pins"] == {}


def test_rule_11_2_undo_is_shown_then_carried_out(made: World, url: Url, api_client: APIClient) -> None:
    link = made.links["in_sync"]
    address = url("api_undo", made.sync.pk)
    for wrong in ({}, {"run": 1, "record": 1}, {"mapping": "x"}):
        assert api_client.post(address, wrong, format="json").status_code == 400
    assert api_client.post(address, {"record": 10**9}, format="json").status_code == 404
    run = api_client.post(address, {"record": link.pk, "mapping": "first_name"}, format="json")
    assert run.status_code == 201 and run.json()["progress"]["planned"] == 1
    (op,) = api_client.get(url("api_operations", made.sync.pk, run.json()["id"])).json()["results"]
    original = Operation.objects.get(undoes=[])
    assert op["state"] == "held" and op["undoes"] == [original.pk]
    assert (op["changes"][0]["before"], op["changes"][0]["after"]) == ("Ada", "Augusta")
    approve = url("api_undo_approve", made.sync.pk, run.json()["id"])
    listed = url("api_runs", made.sync.pk)
    shown = [one["id"] for one in api_client.get(listed).json()["results"]]
    assert run.json()["id"] not in shown and shown, "it is only shown so far"
    assert api_client.post(approve, {}, format="json").json()["state"] == "running"
    assert run.json()["id"] in [one["id"] for one in api_client.get(listed).json()["results"]]
    assert api_client.post(approve, {}, format="json").status_code == 400, "once"
    assert api_client.post(url("api_undo_discard", made.sync.pk, run.json()["id"])).status_code == 400


def test_rule_11_3_each_value_tells_where_it_came_from(made: World, url: Url, api_client: APIClient) -> None:
    told = api_client.get(url("api_record", made.sync.pk, made.links["in_sync"].pk)).json()["origins"]
    first = {one["side"]: one for one in told if one["mapping"] == "first_name"}
    assert (first["b"]["origin"], first["b"]["rule"], first["b"]["before"]) == ("carried", "3.2", "Augusta")
    assert first["a"]["origin"] == "entered" and first["b"]["run"] == made.run.pk
