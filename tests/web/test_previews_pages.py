"""Pages of previews, and of what the brake holds: who may decide, and what is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from django.test import Client
from django.utils import timezone

from syncengine import previews, services
from syncengine.core.mapping import Direction
from syncengine.models import Operation, OperationState, RunPhase, RunState, Sync, SyncRun
from tenants.models import Workspace
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


def ready(made: World, *, text: str = "") -> SyncRun:
    """A preview with a link, a change and a creation."""
    run = previews.start(draft(made), actor="test")
    run.state, run.phase, run.finished_at = RunState.DONE, RunPhase.DONE, timezone.now()
    run.progress = {"counts": {"link": 1, "create_a": 1, "update_a": 1, "leave_out": 7}}
    run.save()
    change = {"field": "job", "before": f"Cook{text}", "after": f"Baker{text}", "mapping": "job_title", "rule": "3.4"}
    for kind, side, label, a, b in [
        ("link", "", "Alan Turing", "a7", "b7"),
        ("update", "a", "Ada Lovelace", "a1", "b1"),
        ("create", "a", "Grace Hopper", None, "b9"),
    ]:
        row = samples.operation(
            made, made.links["in_sync"], [change | {"reason": "winner"}] if side else [],
            run=run, state=OperationState.HELD, hold="preview", ended_at=None, sent_at=None,
        )  # fmt: skip
        row.link, row.kind, row.side, row.label, row.a_id, row.b_id = None, kind, side, label + text, a, b
        row.save()
    return run


def held(made: World) -> SyncRun:
    run = samples.running(made)
    run.progress |= {"brake": {"changes": 600, "clears": 0, "most_changes": 500, "most_clears": None}}
    run.save()
    Sync.objects.filter(pk=made.sync.pk).update(attention="brake", attention_reason="More than usual.")
    change = {"field": "job", "before": None, "after": "x", "mapping": "job_title", "rule": "3.2"}
    samples.operation(made, made.links["in_sync"], [change], run=run, state="held", hold="brake", ended_at=None)
    return run


POSTS = {
    "sync_preview_start": {},
    "sync_preview_decide": {"do": "all"},
    "sync_held_release": {},
    "sync_held_decline": {},
    "sync_reopen": {},
}


def test_only_admins_decide(
    made: World,
    url: Url,
    member_client: Callable[..., Client],
    stranger_client: Client,
    client: Client,
    other_workspace: Workspace,
) -> None:
    run = ready(made)
    held(made)
    before = list(Operation.objects.order_by("pk").values_list("pk", "state"))
    viewer, admin = member_client("viewer"), member_client("admin")
    for name, said in POSTS.items():
        assert viewer.post(url(name, made.sync.pk), said).status_code == 403
        assert stranger_client.post(url(name, made.sync.pk), said).status_code == 404
        assert stranger_client.post(workspace_url(other_workspace, name, made.sync.pk), said).status_code == 404
        assert client.post(url(name, made.sync.pk), said).status_code == 302
        assert admin.get(url(name, made.sync.pk)).status_code == 405
    assert list(Operation.objects.order_by("pk").values_list("pk", "state")) == before
    assert previews.current(made.sync) == run


def test_rule_11_1_everybody_may_look(
    made: World, url: Url, member_client: Callable[..., Client], stranger_client: Client, other_workspace: Workspace
) -> None:
    address, viewer = url("sync_preview", made.sync.pk), member_client("viewer")
    assert "No preview" in viewer.get(address).text
    ready(made)
    text = viewer.get(address).text
    assert all(word in text for word in ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Baker", "Rule 3.4", "wins"))
    assert "Carry out all" not in text and 'type="checkbox"' not in text
    assert stranger_client.get(address).status_code == 404
    assert stranger_client.get(workspace_url(other_workspace, "sync_preview", made.sync.pk)).status_code == 404


def test_rule_11_1_found_by_record_field_side_and_rule(made: World, url: Url, owner_client: Client) -> None:
    ready(made)
    address = url("sync_preview", made.sync.pk)
    for said, names in [
        ({"search": "hopper"}, {"Grace Hopper"}),
        ({"search": "a7"}, {"Alan Turing"}),
        ({"field": "job", "kind": "update"}, {"Ada Lovelace"}),
        ({"side": "a"}, {"Ada Lovelace", "Grace Hopper"}),
        ({"side": "x", "kind": "x"}, {"Ada Lovelace", "Grace Hopper", "Alan Turing"}),
        ({"rule": "3.2"}, set()),
        ({"after": "99999999"}, set()),
    ]:
        text = owner_client.get(address, said).text
        assert {n for n in ("Ada Lovelace", "Grace Hopper", "Alan Turing") if n in text} == names, said


def test_rule_11_1_while_it_is_made(made: World, url: Url, owner_client: Client) -> None:
    text = owner_client.get(url("sync_review", draft(made).pk)).text
    assert url("sync_preview_start", made.sync.pk) in text and url("sync_start", made.sync.pk) in text
    answer = owner_client.post(url("sync_preview_start", made.sync.pk), follow=True)
    assert url("sync_preview_progress", made.sync.pk) in answer.text
    progress = owner_client.get(url("sync_preview_progress", made.sync.pk))
    assert progress.status_code == 200 and "every 2s" in progress.text
    SyncRun.objects.filter(kind="preview").update(state="failed", error="Wrong password.")
    over = owner_client.get(url("sync_preview_progress", made.sync.pk))
    assert over.status_code == 286 and over.headers["HX-Refresh"] == "true"
    assert "Wrong password." in owner_client.get(url("sync_preview", made.sync.pk)).text


def test_rule_11_1_marked_then_carried_out(made: World, url: Url, owner_client: Client) -> None:
    run = ready(made)
    address = url("sync_preview_decide", made.sync.pk)
    change = run.operations.get(kind="update")
    assert "Tick some" in owner_client.post(address, {"do": "leave_out"}, follow=True).text
    owner_client.post(address, {"do": "leave_out", "operation": [change.pk, "x"]})
    assert run.operations.get(state="declined") == change
    owner_client.post(address, {"do": "take_in", "operation": change.pk})
    assert not run.operations.filter(state="declined").exists()
    answer = owner_client.post(address, {"do": "leave_out_found", "search": "hopper", "after": "0"})
    assert answer["Location"].endswith("?search=hopper&after=0")
    assert run.operations.get(state="declined").kind == "create"
    assert "all but what is left out" in owner_client.get(url("sync_preview", made.sync.pk)).text
    text = owner_client.post(address, {"do": "all"}, follow=True).text
    assert "what was approved is being carried out" in text
    run.refresh_from_db()
    assert run.decided_by
    assert "has ended" in owner_client.post(address, {"do": "all"}, follow=True).text


@pytest.mark.parametrize(
    ("do", "states"),
    [
        ("only", {"link": "declined", "update": "held", "create": "declined"}),
        ("none", {"link": "declined", "update": "declined", "create": "declined"}),
        ("discard", {}),
        ("something else", {"link": "held", "update": "held", "create": "held"}),
    ],
)
def test_rule_11_1_some_or_none(made: World, url: Url, owner_client: Client, do: str, states: dict[str, str]) -> None:
    run = ready(made)
    ticked = run.operations.get(kind="update").pk
    owner_client.post(url("sync_preview_decide", made.sync.pk), {"do": do, "operation": ticked})
    assert dict(run.operations.values_list("kind", "state")) == states


def test_rule_11_1_required_by_the_workspace(made: World, url: Url, owner_client: Client) -> None:
    workspace = url("settings")
    assert "preview_required" in owner_client.get(workspace).text
    owner_client.post(workspace, {"name": "Acme", "time_zone": "UTC", "country": "", "preview_required": "on"})
    draft(made)
    text = owner_client.get(url("sync_review", made.sync.pk)).text
    assert url("sync_start", made.sync.pk) not in text and "wants a preview" in text
    refused = owner_client.post(url("sync_start", made.sync.pk), follow=True).text
    assert "wants a preview" in refused
    assert Sync.objects.get(pk=made.sync.pk).settings.direction is Direction.TWO_WAY


def test_rule_11_4_what_the_brake_holds(
    made: World, url: Url, owner_client: Client, member_client: Callable[..., Client]
) -> None:
    run = held(made)
    text = owner_client.get(url("sync_detail", made.sync.pk)).text
    assert "600 records would be changed" in text and "Change in Sales" in text
    assert url("sync_held_release", made.sync.pk) in text
    assert "Ada Lovelace" in owner_client.get(url("run_detail", made.sync.pk, run.pk) + "?state=held").text
    seen = member_client("viewer").get(url("sync_detail", made.sync.pk)).text
    assert "600 records" in seen and url("sync_held_release", made.sync.pk) not in seen
    assert "It is carried out." in owner_client.post(url("sync_held_release", made.sync.pk), follow=True).text
    assert Operation.objects.filter(state="planned", decided_at__isnull=False).count() == 1
    again = owner_client.post(url("sync_held_decline", made.sync.pk), follow=True).text
    assert "holds nothing" in again


def test_rule_11_4_thresholds_on_the_settings_page(made: World, url: Url, owner_client: Client) -> None:
    address = url("sync_settings", made.sync.pk)
    assert 'name="brake_changes" value="500"' in owner_client.get(address).text
    said = {"brake_changes": "7", "brake_clears": "-1", "brake_clears_percent": "101", "brake_changes_percent": ""}
    owner_client.post(address, said)
    sync = Sync.objects.get(pk=made.sync.pk)
    assert services.current_settings(sync).brake == replace(sync.settings.brake, changes=7)
    assert "more than 7 records or 20 % changed" in owner_client.get(url("sync_review", sync.pk)).text


def test_rule_11_1_what_was_declined_is_reopened(
    made: World, url: Url, owner_client: Client, member_client: Callable[..., Client]
) -> None:
    link = made.links["excluded"]
    link.a_id, link.cause, link.decision, link.decided_by = None, "declined", "declined", "ann"
    link.save()
    page, listed = url("record_detail", made.sync.pk, link.pk), url("sync_records", made.sync.pk) + "?state=excluded"
    one, every = url("record_reopen", made.sync.pk, link.pk), url("sync_reopen", made.sync.pk)
    assert one in owner_client.get(page).text and every in owner_client.get(listed).text
    viewer = member_client("viewer")
    assert one not in viewer.get(page).text and every not in viewer.get(listed).text
    assert viewer.post(one).status_code == 403
    assert "is planned again" in owner_client.post(one, follow=True).text
    link.refresh_from_db()
    assert (link.decision, link.replan, link.state) == ("", True, "waiting")
    assert "Nothing of this was declined" in owner_client.post(every, follow=True).text


def test_texts_from_outside_are_shown_as_text(made: World, url: Url, owner_client: Client) -> None:
    ready(made, text="<script>x</script>")
    text = owner_client.get(url("sync_preview", made.sync.pk)).text
    assert "<script>x" not in text and "&lt;script&gt;x" in text


def left_alone(run: SyncRun) -> None:
    record = {"b": None, "detail": "Job: Baker", "candidates": []}
    run.progress["counts"] |= {"leave_out": 60, "ask": 1, "fail": 1}
    run.save()
    rows = [{**record, "a": f"a{n}", "label": f"Baker {n:02}"} for n in range(60)]
    run.untouched.create(state="excluded", cause="filter_a", records=rows)
    twin = {"a": None, "b": "t1", "label": "Twin <b>", "detail": "", "candidates": ["x1"]}
    run.untouched.create(state="failing", cause="ambiguous", records=[twin])
    run.untouched.create(
        state="failing", cause="missing_required", records=[{**record, "a": "r1", "label": "Somebody else"}]
    )


def test_rule_11_1_what_is_left_alone_is_listed_by_its_cause(
    made: World, url: Url, member_client: Callable[..., Client], stranger_client: Client, other_workspace: Workspace
) -> None:
    left_alone(ready(made))
    address, viewer = url("sync_preview", made.sync.pk), member_client("viewer")
    tiles = viewer.get(address).text
    assert all(f"?kind={kind}" in tiles for kind in ("leave_out", "ask", "fail")) and "Baker 00" not in tiles
    page = viewer.get(address, {"kind": "leave_out"}).text
    assert "Baker 00" in page and "Job: Baker" in page and "Rule 6.2" in page and "Twin" not in page
    assert "Baker 49" in page and "Baker 50" not in page and "after=" in page
    assert "Baker 57" in viewer.get(address, {"kind": "leave_out", "search": "57"}).text
    assert "There are none" in viewer.get(address, {"kind": "leave_out", "cause": "no_email"}).text
    asked = member_client("admin").get(address, {"kind": "ask"}).text
    assert "Twin &lt;b&gt;" in asked and "x1" in asked and "Somebody else" not in asked and "Carry out all" in asked
    assert "Somebody else" in viewer.get(address, {"kind": "fail", "after": "nonsense"}).text
    assert stranger_client.get(address, {"kind": "ask"}).status_code == 404
    elsewhere = workspace_url(other_workspace, "sync_preview", made.sync.pk)
    assert stranger_client.get(elsewhere, {"kind": "ask"}).status_code == 404
