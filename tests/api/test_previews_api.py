"""Previews, and what the brake holds, over the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from syncengine import services
from syncengine.core.mapping import Direction
from syncengine.models import Operation, OperationState, RunPhase, RunState, Sync, SyncRun
from tenants.models import Workspace, WorkspaceAPIKey
from tenants.urls import workspace_url
from tests import samples
from tests.samples import World

Url = Callable[..., str]


@pytest.fixture
def made(workspace: Workspace) -> Iterator[World]:
    with samples.apps():
        yield samples.world()


def draft(made: World) -> Sync:
    sync = Sync.objects.get(pk=made.sync.pk)
    services.save_settings(sync, replace(sync.settings, direction=Direction.B_TO_A), actor="test")
    return sync


def ready(made: World, api_client: APIClient, url: Url) -> SyncRun:
    """A preview with an update, a creation and a link."""
    draft(made)
    answer = api_client.post(url("api_preview", made.sync.pk))
    assert answer.status_code == 202 and answer.json()["state"] == "running"
    run = SyncRun.objects.get(pk=answer.json()["id"])
    run.state, run.phase, run.finished_at = RunState.DONE, RunPhase.DONE, timezone.now()
    run.progress = {"counts": {"link": 1, "create_a": 1, "update_a": 1}}
    run.save()
    held = {"run": run, "state": OperationState.HELD, "hold": "preview", "ended_at": None, "sent_at": None}
    change = {"field": "job", "before": "Cook", "after": "Baker", "mapping": "job_title", "rule": "3.4"}
    for kind, side, label, a, b in [
        ("update", "a", "Ada Lovelace", "a1", "b1"),
        ("create", "a", "Grace Hopper", None, "b9"),
        ("link", "", "Alan Turing", "a7", "b7"),
    ]:
        row = samples.operation(made, made.links["in_sync"], [change] if side else [], **held)
        row.link, row.kind, row.side, row.label, row.a_id, row.b_id = None, kind, side, label, a, b
        row.save()
    return run


def test_rule_11_1_a_preview_over_the_api(made: World, url: Url, api_client: APIClient) -> None:
    assert api_client.get(url("api_preview", made.sync.pk)).status_code == 404
    assert api_client.post(url("api_preview", made.sync.pk)).status_code == 400, "there is no draft"
    run = ready(made, api_client, url)
    shown = api_client.get(url("api_preview", made.sync.pk)).json()
    assert (shown["state"], shown["counts"]["link"]) == ("done", 1) and shown["ends_at"]
    address = url("api_preview_operations", made.sync.pk)
    rows = api_client.get(address).json()["results"]
    assert [(row["kind"], row["label"], row["record"]) for row in rows] == [
        ("update", "Ada Lovelace", None),
        ("create", "Grace Hopper", None),
        ("link", "Alan Turing", None),
    ]
    assert rows[0]["changes"][0]["after"] == "Baker" and rows[0]["changes"][0]["rule"] == "3.4"
    for said, found in [
        ({"search": "grace"}, 1), ({"search": "b7"}, 1), ({"search": "b"}, 0), ({"field": "job"}, 2),
        ({"field": "x"}, 0), ({"side": "a"}, 2), ({"rule": "3.4"}, 2), ({"rule": "3.2"}, 0), ({"kind": "link"}, 1),
        ({"decision": "declined"}, 0), ({"decision": "approved", "kind": "create"}, 1),
    ]:  # fmt: skip
        assert len(api_client.get(address, said).json()["results"]) == found, said
    mark = {"operations": [rows[0]["id"]], "declined": True}
    assert api_client.post(url("api_preview_mark", made.sync.pk), mark, format="json").json() == {"operations": 1}
    answer = api_client.post(url("api_preview_approve", made.sync.pk), {"operations": [rows[1]["id"]]}, format="json")
    assert answer.status_code == 202, answer.json()
    assert SyncRun.objects.get(pk=answer.json()["id"]).preview_id == run.pk
    states = dict(Operation.objects.filter(run=run).values_list("kind", "state"))
    assert states == {"update": "declined", "create": "held", "link": "declined"}
    assert api_client.post(url("api_preview_approve", made.sync.pk)).status_code == 404, "there is none any more"


def test_rule_11_1_none_of_it_or_forgotten(made: World, url: Url, api_client: APIClient) -> None:
    ready(made, api_client, url)
    assert api_client.delete(url("api_preview", made.sync.pk)).status_code == 204
    assert Sync.objects.get(pk=made.sync.pk).settings.direction is Direction.TWO_WAY
    run = ready(made, api_client, url)
    wrong = api_client.post(url("api_preview_approve", made.sync.pk), {"operations": [0]}, format="json")
    assert wrong.status_code == 400 and "not part" in str(wrong.json())
    assert api_client.post(url("api_preview_decline", made.sync.pk)).status_code == 202
    assert Sync.objects.get(pk=made.sync.pk).settings.direction is Direction.B_TO_A
    assert set(Operation.objects.filter(run=run).values_list("state", flat=True)) == {"declined"}


def test_rule_11_1_it_ends_after_a_day(made: World, url: Url, api_client: APIClient) -> None:
    run = ready(made, api_client, url)
    run.finished_at -= timedelta(days=1)
    run.save()
    assert api_client.get(url("api_preview", made.sync.pk)).status_code == 404


def held(made: World) -> list[Operation]:
    run = samples.running(made)
    run.progress = {"brake": {"changes": 600, "clears": 0, "most_changes": 500, "most_clears": None}}
    run.save()
    Sync.objects.filter(pk=made.sync.pk).update(attention="brake", attention_reason="Too much")
    change = {"field": "job", "before": None, "after": "x", "mapping": "job_title", "rule": "3.2"}
    return [
        samples.operation(
            made, made.links[name], [change], run=run, state="held", hold="brake", ended_at=None, side="b"
        )
        for name in ("in_sync", "waiting")
    ]


def test_rule_11_4_what_the_brake_holds_over_the_api(made: World, url: Url, api_client: APIClient) -> None:
    assert api_client.get(url("api_held", made.sync.pk)).json()["operations"] == {}
    assert api_client.post(url("api_held_release", made.sync.pk)).status_code == 400
    first, second = held(made)
    shown = api_client.get(url("api_held", made.sync.pk)).json()
    assert shown["operations"] == {"update_b": 2} and shown["most_changes"] == 500
    one = api_client.post(url("api_held_release", made.sync.pk), {"operations": [first.pk]}, format="json")
    assert one.status_code == 200 and one.json()["attention"] == "brake"
    rest = api_client.post(url("api_held_decline", made.sync.pk), format="json")
    assert rest.status_code == 200 and rest.json()["attention"] == ""
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("planned", "declined") and second.decided_by


def test_rule_11_4_thresholds_over_the_api(made: World, url: Url, api_client: APIClient) -> None:
    address = url("api_sync", made.sync.pk)
    assert api_client.get(address).json()["settings"]["brake"]["changes"] == 500
    answer = api_client.patch(address, {"brake": {"changes": 5}}, format="json")
    assert answer.json()["settings"]["brake"] == {
        "changes": 5, "changes_percent": 20, "clears": 10, "clears_percent": 1
    }  # fmt: skip
    assert api_client.patch(address, {"brake": {"clears_percent": 101}}, format="json").status_code == 400


def test_rule_11_1_what_was_declined_is_reopened(made: World, url: Url, api_client: APIClient) -> None:
    address, link = url("api_reopen", made.sync.pk), made.links["excluded"]
    assert api_client.post(address).status_code == 400
    link.cause, link.decision = "declined", "declined"
    link.save()
    assert api_client.post(address, {"records": [link.pk + 1000]}, format="json").status_code == 400
    assert api_client.post(address, {"records": [link.pk]}, format="json").status_code == 200
    link.refresh_from_db()
    assert (link.decision, link.replan) == ("", True)


def requests(made: World) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        ("post", "api_preview", {}),
        ("delete", "api_preview", {}),
        ("post", "api_preview_mark", {"operations": [1], "declined": True}),
        ("post", "api_preview_approve", {}),
        ("post", "api_preview_decline", {}),
        ("post", "api_held_release", {}),
        ("post", "api_held_decline", {}),
        ("post", "api_reopen", {}),
        ("get", "api_preview", {}),
        ("get", "api_preview_operations", {}),
        ("get", "api_preview_untouched", {}),
        ("get", "api_held", {}),
    ]


def test_who_may(
    made: World,
    url: Url,
    client: Client,
    owner_client: Client,
    workspace: Workspace,
    other_workspace: Workspace,
    api_client: APIClient,
) -> None:
    ready(made, api_client, url)
    held(made)
    _row, reader = WorkspaceAPIKey.objects.create_key(workspace=workspace, name="reader", read_only=True)
    _row, other = WorkspaceAPIKey.objects.create_key(workspace=other_workspace, name="theirs")
    read_only = APIClient(headers={"authorization": f"Bearer {reader}"})
    theirs = APIClient(headers={"authorization": f"Bearer {other}"})
    before = list(Operation.objects.order_by("pk").values_list("pk", "state"))
    for method, name, said in requests(made):
        address = url(name, made.sync.pk)
        assert getattr(client, method)(address, said).status_code == 401
        assert getattr(owner_client, method)(address, said).status_code == 401
        assert getattr(theirs, method)(address, said, format="json").status_code == 401
        there = workspace_url(other_workspace, name, made.sync.pk)
        assert getattr(theirs, method)(there, said, format="json").status_code == 404
        allowed = 200 if method == "get" else 403
        assert getattr(read_only, method)(address, said, format="json").status_code == allowed, name
    assert list(Operation.objects.order_by("pk").values_list("pk", "state")) == before


def test_rule_11_1_what_is_left_alone_over_the_api(made: World, url: Url, api_client: APIClient) -> None:
    address = url("api_preview_untouched", made.sync.pk)
    assert api_client.get(address).status_code == 404, "there is no preview"
    run = ready(made, api_client, url)
    record = {"b": None, "detail": "Job: Baker", "candidates": []}
    rows = [{**record, "a": f"a{n}", "label": f"Baker {n:02}"} for n in range(60)]
    run.untouched.create(state="excluded", cause="filter_a", records=rows)
    twin = {"a": None, "b": "t1", "label": "Twin", "detail": "", "candidates": ["x1"]}
    run.untouched.create(state="failing", cause="ambiguous", records=[twin])
    first = api_client.get(address, {"cause": "filter_a"}).json()
    assert first["results"][0] == {
        "kind": "leave_out", "state": "excluded", "cause": "filter_a", "rule": "6.2", "label": "Baker 00",
        "detail": "Job: Baker", "a_id": "a0", "b_id": None, "candidates": [],
    }  # fmt: skip
    rest = api_client.get(address, {"cause": "filter_a", "after": first["next"]}).json()
    assert (len(first["results"]), len(rest["results"]), rest["next"]) == (50, 10, "")
    (asked,) = api_client.get(address, {"kind": "ask"}).json()["results"]
    assert asked["candidates"] == [{"id": "x1", "label": ""}] and asked["rule"] == "5.8"
    for said, count in [({"search": "a7"}, 1), ({"side": "b"}, 1), ({"rule": "6.1"}, 0), ({"rule": "5.8"}, 1)]:
        assert len(api_client.get(address, said).json()["results"]) == count, said
    assert api_client.get(address, {"kind": "nonsense"}).status_code == 400
