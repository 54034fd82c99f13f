"""Previews, through the real engine (rule 11.1)."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.forms.models import model_to_dict
from django.utils import timezone

from syncengine import approvals, previews, queries, services, tasks
from syncengine.core.mapping import Direction, SyncSettings
from syncengine.models import (
    FormerEnd,
    KeptApart,
    Operation,
    OperationState,
    RecordLink,
    RunState,
    SyncRun,
    SyncState,
)
from syncengine.run import preview as engine
from syncengine.run.bulk import insert_rows
from syncengine.run.clock import Clock
from syncengine.run.preview import run_preview_slice
from syncengine.services import SyncError
from tenants.models import Due

from .conftest import MakeWorld, World
from .test_crashes import Fate, Killed, ruled_by

ANN = {"first": "Ann", "last": "Lee"}
OPEN = (OperationState.PLANNED, OperationState.SENDING)


def new_world(make_world: MakeWorld, **settings: Any) -> World:
    """A sync that was never started."""
    world = make_world(**settings)
    services.turn_off(world.sync, actor="test")
    world.sync.runs.all().delete()
    version = world.sync.active
    assert version is not None
    world.sync.active, world.sync.state = None, SyncState.DRAFT
    world.sync.save()
    version.state = "draft"
    version.save()
    return world


def people(world: World) -> None:
    """Two to be linked (one differs), one of A alone, two of B alone, and one who stays out."""
    world.a.add(ANN, mail="one@example.com", job="Cook")
    world.b.add(ANN, mail="ONE@example.com")
    world.a.add(ANN, mail="two@example.com", job="Cook")
    world.b.add(ANN, mail="two@example.com", job="Baker")
    world.a.add(ANN, mail="left@example.com")
    world.b.add(ANN, mail="right1@example.com")
    world.b.add(ANN, mail="right2@example.com")
    world.b.add(ANN)


def ready(world: World, run: SyncRun | None = None, **clock: Any) -> SyncRun:
    run = run or previews.start(world.sync, actor="ann")
    for _ in range(60):
        if run_preview_slice(run.pk, Clock(now=world.tick, **clock)).quiet:
            break
    run.refresh_from_db()
    assert run.state == RunState.DONE, run.error
    # People decide in their own time, whatever the test's clock says.
    run.finished_at = timezone.now()
    run.save()
    return run


def draft(world: World, **changes: Any) -> None:
    world.sync.refresh_from_db()
    services.save_settings(world.sync, replace(world.sync.settings, **changes), actor="ann")


def shown(run: SyncRun) -> list[tuple[str, str, str | None, str | None]]:
    rows = previews.operations(run).order_by("pk")
    return sorted((row.kind, row.side, row.a_id or "", row.b_id or "") for row in rows)


def memory() -> list[Any]:
    """All that the engine knows of links and operations of the settings in effect."""
    links = [model_to_dict(link) | {"pk": link.pk} for link in RecordLink.objects.order_by("pk")]
    journal = [model_to_dict(op) for op in Operation.objects.exclude(hold="preview").order_by("pk")]
    return [links, journal, FormerEnd.objects.count(), KeptApart.objects.count()]


def test_rule_11_1_before_a_first_run_the_exact_plan(make_world: MakeWorld) -> None:
    world = new_world(make_world)
    people(world)
    run = ready(world)
    assert world.writes == 0 and memory() == [[], [], 0, 0]
    assert Counter((kind, side) for kind, side, _a, _b in shown(run)) == {
        ("link", ""): 2,
        ("update", "b"): 2,
        ("create", "a"): 2,
        ("create", "b"): 1,
    }
    counts = run.progress["counts"]
    assert (counts["link"], counts["create_a"], counts["create_b"], counts["leave_out"]) == (2, 2, 1, 1)
    change = previews.operations(run, previews.Wanted(search="2", kind="update")).get()
    assert change.label == "Ann Lee" and change.changes == [
        {"field": "job", "before": "Baker", "after": "Cook", "mapping": change.changes[0]["mapping"],
         "rule": "3.4", "reason": "winner"}
    ]  # fmt: skip
    previews.approve(run, actor="ann")
    world.rest()
    done = Operation.objects.filter(state=OperationState.DONE).exclude(kind="link")
    assert done.count() == 5 and set(done.values_list("decided_by", flat=True)) == {"ann"}
    assert {(op.kind, op.side) for op in done} == {("update", "b"), ("create", "a"), ("create", "b")}
    assert Operation.objects.count() == 7, "what was shown is what was carried out, row by row"
    assert world.states() == {"in_sync": 5, "excluded": 1}
    world.rests()


def test_rule_11_1_the_active_settings_go_on_undisturbed(make_world: MakeWorld) -> None:
    world = make_world(direction=Direction.A_TO_B)
    people(world)
    world.rest()
    draft(world, direction=Direction.TWO_WAY)
    before = memory()
    run = ready(world)
    assert memory() == before
    assert {(kind, side) for kind, side, _a, _b in shown(run)} == {("create", "a")}
    world.a.edit("1", phone="+49 30 1")
    world.wait(minutes=1)
    world.rest()
    assert world.b.rows["1"].values["phone"] == "+49 30 1"
    world.sync.refresh_from_db()
    assert world.sync.settings.direction is Direction.A_TO_B and "right1@example.com" not in str(world.a.all_values())
    previews.approve(run, actor="ann")
    world.rest()
    assert "right1@example.com" in str(world.a.all_values())
    world.rests()


def test_rule_11_1_some_are_carried_out(make_world: MakeWorld) -> None:
    world = new_world(make_world)
    people(world)
    run = ready(world)
    chosen = previews.operations(run).filter(kind__in=["link", "create"]).exclude(b_id="4")
    previews.approve(run, actor="ann", only=set(chosen.values_list("pk", flat=True)))
    world.rest()
    assert len(world.a.rows) == 4 and len(world.b.rows) == 6
    assert world.b.rows["2"].values["job"] == "Baker", "declined: both stay as they are"
    link = world.link(a="2", b="2")
    assert set(link.notes.values()) == {"declined"} and link.state == "in_sync"
    alone = next(link for link in world.open_links() if link.cause == "declined")
    assert (alone.state, alone.decided_by) == ("excluded", "ann")
    world.sync.refresh_from_db()
    world.settings()
    world.rest()
    world.rests()
    assert len(world.a.rows) == 4, "it stays so"
    world.a.edit("2", job="Smith")
    world.wait(minutes=1)
    world.rest()
    assert world.b.rows["2"].values["job"] == "Smith", "until somebody edits it"
    assert approvals.reopen(world.sync, actor="ann") == 1
    world.rest()
    assert len(world.a.rows) == 5
    world.rests()


def test_rule_11_1_none_is_carried_out(make_world: MakeWorld) -> None:
    world = new_world(make_world)
    people(world)
    run = ready(world)
    previews.decline(run, actor="ann")
    world.rest()
    assert world.writes == 0
    assert world.states() == {"excluded": 8}, "even links: those are kept apart"
    world.settings()
    world.rest()
    world.rests()
    assert world.writes == 0


def test_rule_11_1_marked_one_by_one(make_world: MakeWorld) -> None:
    world = new_world(make_world)
    people(world)
    run = ready(world)
    updates = previews.operations(run, previews.Wanted(kind="update"))
    assert previews.mark(run, updates, declined=True, actor="ann") == 2
    assert previews.mark(run, updates.filter(a_id="1"), declined=False, actor="ann") == 1
    previews.approve(run, actor="ann")
    world.rest()
    jobs = [world.b.rows[id_].values.get("job") for id_ in ("1", "2")]
    assert jobs == ["Cook", "Baker"]


def test_rule_11_1_what_moved_meanwhile_is_planned_again(make_world: MakeWorld) -> None:
    world = new_world(make_world)
    people(world)
    run = ready(world)
    world.a.edit("2", job="Smith")
    world.a.add(ANN, mail="late@example.com")
    previews.approve(run, actor="ann")
    world.rest()
    assert world.b.rows["2"].values["job"] == "Smith"
    again = Operation.objects.filter(state=OperationState.DONE, decided_at=None)
    assert sorted(op.kind for op in again) == ["create", "update"], "nobody had seen these"
    old = Operation.objects.get(state=OperationState.SUPERSEDED)
    assert old.changes[0]["after"] == "Cook" and old.link == world.link(a="2")
    assert world.sync.runs.get(preview=run).progress["again"] == 2
    world.rests()


def test_rule_11_1_approved_is_not_braked_but_for_what_is_planned_again(make_world: MakeWorld) -> None:
    none = SyncSettings(kind=None).brake.__class__(0, 0, 0, 0)
    world = new_world(make_world, brake=none)
    people(world)
    run = ready(world)
    world.a.edit("2", job="Smith")
    previews.approve(run, actor="ann")
    world.rest()
    assert len(world.a.rows) == 5 and world.b.rows["1"].values["job"] == "Cook"
    assert world.b.rows["2"].values["job"] == "Baker"
    world.sync.refresh_from_db()
    assert world.sync.attention == "brake"
    approvals.release(world.sync, actor="ann")
    world.rest()
    assert world.b.rows["2"].values["job"] == "Smith"
    world.rests()


def test_rule_11_1_in_chunks_and_slices_each_link_comes_up_once(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world(make_world)
    people(world)
    whole = shown(ready(world))
    monkeypatch.setattr(engine, "CHUNK", 1)
    run = ready(world, slice=timedelta(0))
    assert shown(run) == whole
    assert run.progress["counts"]["link"] == 2


def test_rule_11_1_a_preview_ends_after_24_hours(make_world: MakeWorld) -> None:
    world = new_world(make_world)
    people(world)
    run = ready(world)
    run.finished_at = timezone.now() - timedelta(hours=24)
    run.save()
    assert previews.current(world.sync) is None
    with pytest.raises(SyncError, match="ended"):
        previews.approve(run, actor="ann")
    assert run_preview_slice(run.pk).at is None
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED and not Operation.objects.exists()


def test_rule_11_1_another_draft_ends_it(make_world: MakeWorld) -> None:
    world = make_world()
    world.rest()
    draft(world, direction=Direction.A_TO_B)
    run = ready(world)
    draft(world, direction=Direction.B_TO_A)
    assert previews.current(world.sync) is None and not SyncRun.objects.filter(pk=run.pk).exists()
    run = previews.start(world.sync, actor="ann")
    services.discard_draft(world.sync, actor="ann")
    assert run_preview_slice(run.pk).at is None


def test_rule_11_1_decided_once(make_world: MakeWorld) -> None:
    world = new_world(make_world)
    people(world)
    run = previews.start(world.sync, actor="ann")
    with pytest.raises(SyncError, match="not ready"):
        previews.approve(run, actor="ann")
    run = ready(world, run)
    with pytest.raises(SyncError, match="not part"):
        previews.approve(run, actor="ann", only=[0])
    previews.approve(run, actor="ann")
    for late in (previews.approve, previews.decline, previews.discard):
        with pytest.raises(SyncError, match="already"):
            late(run, actor="bob")


def test_rule_11_1_required_by_the_workspace(make_world: MakeWorld) -> None:
    world = make_world()
    people(world)
    world.rest()
    previews.require(True, actor="ann")
    services.change_settings(world.sync, replace(world.sync.settings, direction=Direction.A_TO_B), actor="ann")
    world.sync.refresh_from_db()
    assert world.sync.settings.direction is Direction.TWO_WAY, "it waits as a draft"
    with pytest.raises(SyncError, match="preview"):
        services.start(world.sync, actor="ann")
    previews.approve(ready(world), actor="ann")
    world.rest()
    world.sync.refresh_from_db()
    assert world.sync.settings.direction is Direction.A_TO_B


def test_rule_11_1_an_account_that_is_lost_fails_it_in_words(make_world: MakeWorld) -> None:
    world = new_world(make_world)
    people(world)
    run = previews.start(world.sync, actor="ann")
    world.right.password = "other"
    assert run_preview_slice(run.pk, Clock(now=world.tick)).at is None
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.FAILED, "Wrong password.")


def test_rule_11_1_forgotten_while_it_is_made(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world = new_world(make_world)
    people(world)
    monkeypatch.setattr(engine, "CHUNK", 1)
    run = previews.start(world.sync, actor="ann")
    chunk = engine.Rehearsal._rehearse

    def forget_after(rehearsal: engine.Rehearsal, *args: Any) -> None:
        chunk(rehearsal, *args)
        previews.discard(run, actor="ann")

    monkeypatch.setattr(engine.Rehearsal, "_rehearse", forget_after)
    assert run_preview_slice(run.pk, Clock(now=world.tick)).at is None
    run.refresh_from_db()
    assert (run.state, run.error) == (RunState.CANCELLED, "") and not Operation.objects.exists()


def test_rule_11_1_made_by_the_queue_and_ended_by_it(make_world: MakeWorld) -> None:
    world = make_world()
    people(world)
    world.rest()
    draft(world, direction=Direction.A_TO_B)
    run = previews.start(world.sync, actor="ann")
    world.a.add(ANN, mail="new@example.com")
    Due.objects.all().update(claimed_until=None)
    Due.objects.filter(kind="sync").delete()
    tasks.run_preview(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.DONE
    assert Due.objects.get(kind="preview").at == run.finished_at + timedelta(hours=24)
    assert Due.objects.filter(kind="sync").exists(), "what it has read is news for the settings in effect"


@pytest.mark.parametrize("at", range(3, 40, 4))
def test_rule_11_1_killed_while_it_is_made(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    world = new_world(make_world)
    people(world)
    whole = shown(ready(world))
    monkeypatch.setattr(engine, "CHUNK", 2)
    run = previews.start(world.sync, actor="ann")
    fate = Fate(at=at)
    with ruled_by(fate, world):
        try:
            run_preview_slice(run.pk, Clock(now=world.tick))
        except Killed:
            fate.dead, fate.at = False, None
            world.wait(seconds=61)
    run.refresh_from_db()
    if run.state != RunState.DONE:
        ready(world, run)
    assert shown(run) == whole and memory() == [[], [], 0, 0]


@pytest.mark.parametrize("at", range(2, 60, 6))
def test_rule_11_1_killed_while_it_is_carried_out(make_world: MakeWorld, at: int) -> None:
    world = new_world(make_world)
    people(world)
    run = ready(world)
    only = set(previews.operations(run).exclude(kind="update", b_id="2").values_list("pk", flat=True))
    previews.approve(run, actor="ann", only=only)
    fate = Fate(at=at)
    with ruled_by(fate, world):
        try:
            world.rest()
        except Killed:
            fate.dead, fate.at = False, None
            world.wait(seconds=61)
    world.rest()
    assert len(world.a.rows) == 5 and len(world.b.rows) == 6
    assert [world.b.rows[id_].values.get("job") for id_ in ("1", "2")] == ["Cook", "Baker"]
    assert Operation.objects.filter(state=OperationState.DECLINED).count() == 1
    assert not Operation.objects.filter(state__in=OPEN).exists() and not Operation.objects.filter(hold="preview")
    world.wait(minutes=2)
    world.rest()
    world.rests()


@pytest.mark.slow
def test_rule_11_1_100_000_operations_are_searched_in_an_instant(make_world: MakeWorld) -> None:
    world = new_world(make_world)
    run = ready(world)
    now = timezone.now()
    for start in range(0, 100_000, 10_000):
        insert_rows([searched(run, n, now) for n in range(start, start + 10_000)])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE syncengine_operation")
    wanted = {
        "everything": (previews.Wanted(), 50),
        "record": (previews.Wanted(search="person 77777"), 1),
        "nobody": (previews.Wanted(search="no such person"), 0),
        "id": (previews.Wanted(search="a77777"), 1),
        "field": (previews.Wanted(field="job"), 50),
        "rare field": (previews.Wanted(field="fax"), 2),
        "no field": (previews.Wanted(field="no such field"), 0),
        "side": (previews.Wanted(side="a"), 50),
        "rare rule": (previews.Wanted(rule="3.11"), 2),
        "all four": (previews.Wanted(search="person 777", field="job", side="b", rule="3.4"), 50),
    }
    times = {}
    for name, (one, count) in wanted.items():
        began = time.perf_counter()
        assert len(queries.after_key(previews.operations(run, one), "", 50).rows) == count, name
        times[name] = round((time.perf_counter() - began) * 1000)
    print(times)
    assert max(times.values()) < 2000, times


def searched(run: SyncRun, n: int, now: datetime) -> Operation:
    rule, field = ("3.11", "fax") if n % 50_000 == 0 else ("3.4", "job")
    change = {"field": field, "before": "Cook", "after": "Baker", "mapping": field, "rule": rule, "reason": "winner"}
    return Operation(
        run=run,
        side="b" if n % 2 else "a",
        kind="update",
        a_id=f"a{n}",
        b_id=f"b{n}",
        label=f"Person {n:05}",
        changes=[change],
        state=OperationState.HELD,
        hold="preview",
        key=uuid.uuid4(),
        planned_at=now,
    )
