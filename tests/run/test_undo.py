"""Rule 11.2 through the engine: what was written goes back, where it is still ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.contract import Retry, WriteKind
from connectors.testing.memory import contacts
from syncengine import decisions, holding, services, undoing
from syncengine.core.mapping import Direction, Side
from syncengine.models import Operation, OperationState, RunKind, RunState, SyncRun
from syncengine.undoing import Target

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
BOB = {"first": "Bob", "last": "Ray", "mail": "bob@example.com"}


def changed(make_world: MakeWorld, *objects: Any, **settings: Any) -> tuple[World, str, str]:
    """Ann's job was changed in A, and came to B."""
    world = make_world(*objects, **settings)
    a, b = world.a.add(ANN, job="Cook", phone="+49 30 1"), world.b.add(ANN, job="Cook", phone="+49 30 1")
    world.rest()
    world.a.edit(a, job="Chef", phone="+49 30 2")
    world.rest()
    assert world.b.values(b)["job"] == "Chef"
    return world, a, b


def undo(world: World, target: Target, **approval: Any) -> SyncRun:
    world.sync.refresh_from_db()
    run = undoing.preview(world.sync, target, actor="ann")
    sent = world.writes
    undoing.approve(run, actor="ann", **approval)
    assert world.writes == sent, "approving sends nothing by itself"
    world.rest()
    run.refresh_from_db()
    assert (run.kind, run.state) == (RunKind.UNDO, RunState.DONE)
    return run


def last_run(world: World) -> SyncRun:
    return SyncRun.objects.filter(sync=world.sync).exclude(kind=RunKind.UNDO).order_by("-pk")[0]


def left(run: SyncRun) -> dict[str, list[str]]:
    return {
        op.error: [change["field"] for change in op.changes]
        for op in run.operations.filter(state=OperationState.REFUSED)
    }


def test_rule_11_2_a_run_goes_back_and_stays_so_until_one_side_is_edited(make_world: MakeWorld) -> None:
    world, a, b = changed(make_world)
    original = Operation.objects.get(link=world.link(a=a))
    run = undo(world, Target(run=last_run(world)))
    assert world.b.values(b)["job"] == "Cook" and world.b.values(b)["phone"] == "+49 30 1"
    assert world.a.values(a)["job"] == "Chef", "the side that it came from is not touched"
    original.refresh_from_db()
    mine = run.operations.get()
    assert original.state == "undone" and (mine.state, mine.undoes) == ("done", [original.pk])
    link = world.link(a=a)
    assert link.state == "in_sync" and set(link.notes.values()) == {"undone"}
    world.rests()
    world.settings()
    world.rest()
    assert world.b.values(b)["job"] == "Cook", "a pass over all records does not bring it back either"
    world.a.edit(a, job="Baker")
    world.rest()
    assert world.b.values(b)["job"] == "Baker" and world.b.values(b)["phone"] == "+49 30 1"
    assert list(world.link(a=a).notes.values()) == ["undone"]
    world.rests()


def test_rule_11_2_nothing_is_sent_before_it_is_approved(make_world: MakeWorld) -> None:
    world, _a, b = changed(make_world)
    run = undoing.preview(world.sync, Target(run=last_run(world)), actor="ann")
    world.rests()
    assert world.b.values(b)["job"] == "Chef" and run.operations.get().state == OperationState.HELD
    undoing.discard(run, actor="ann")
    assert not SyncRun.objects.filter(kind=RunKind.UNDO).exists()
    with pytest.raises(services.SyncError):
        undoing.approve(run, actor="ann")


def test_rule_11_2_only_what_is_still_ours(make_world: MakeWorld) -> None:
    world, a, b = changed(make_world, direction=Direction.A_TO_B)
    world.b.edit(b, job="Boss")
    world.rest()
    run = undo(world, Target(run=last_run(world)))
    assert world.b.values(b)["job"] == "Boss" and world.b.values(b)["phone"] == "+49 30 1"
    assert left(run) == {"edited": ["job"]}
    assert Operation.objects.get(link=world.link(a=a), undoes=[], kind="update").state == OperationState.DONE, "in part"
    world.rests()


def test_rule_11_2_a_form_of_the_app_is_still_ours(make_world: MakeWorld) -> None:
    right = contacts(rewrite=lambda values: {**values, "job": (values.get("job") or "").upper() or None})
    world = make_world(None, right)
    a = world.a.add(ANN, job="Cook")
    b = world.b.add(ANN, job="Cook")
    world.rest()
    world.a.edit(a, job="Chef")
    world.rest()
    assert world.b.values(b)["job"] == "CHEF"
    undo(world, Target(run=last_run(world)))
    assert world.b.values(b)["job"] == "COOK"
    world.rests()


def test_rule_11_2_edited_between_preview_and_sending(make_world: MakeWorld) -> None:
    world, _a, b = changed(make_world)
    run = undoing.preview(world.sync, Target(run=last_run(world)), actor="ann")
    undoing.approve(run, actor="ann")
    world.b.edit(b, job="Boss")
    world.rest()
    assert world.b.values(b)["job"] == "Boss" and world.b.values(b)["phone"] == "+49 30 1"
    run.refresh_from_db()
    assert run.state == RunState.DONE
    world.rest()
    assert world.a.values("1")["job"] == "Boss" and world.a.values("1")["phone"] == "+49 30 2"
    world.rests()


def test_rule_11_2_an_edit_of_the_other_side_meanwhile_is_not_lost(make_world: MakeWorld) -> None:
    world, a, b = changed(make_world)
    run = undoing.preview(world.sync, Target(run=last_run(world)), actor="ann")
    world.a.edit(a, job="Baker")
    undoing.approve(run, actor="ann")
    world.rest()
    assert world.b.values(b)["job"] == "Baker", "put back first, then edited"
    world.rests()


def test_rule_11_2_one_field_of_a_record(make_world: MakeWorld) -> None:
    world, a, b = changed(make_world)
    world.a.edit(a, job="Baker")
    world.rest()
    undo(world, Target(link=world.link(a=a), mapping="job_title"))
    assert world.b.values(b)["job"] == "Cook", "as it was before the first write"
    assert world.b.values(b)["phone"] == "+49 30 2"
    undo(world, Target(link=world.link(a=a)))
    assert world.b.values(b)["phone"] == "+49 30 1", "the rest of the record"
    with pytest.raises(services.SyncError):
        undoing.preview(world.sync, Target(link=world.link(a=a), mapping="job_title"), actor="ann")
    world.rests()


def test_rule_11_2_in_both_apps(make_world: MakeWorld) -> None:
    world = make_world()
    a, b = world.a.add(ANN, job="Cook"), world.b.add(ANN, phone="+49 30 1")
    world.rest()
    assert world.b.values(b)["job"] == "Cook" and world.a.values(a)["phone"] == "+49 30 1"
    undo(world, Target(run=last_run(world)))
    assert world.b.values(b).get("job") is None and world.a.values(a).get("phone") is None
    world.rests()


def test_rule_11_2_lists_go_back_on_both_sides(make_world: MakeWorld) -> None:
    fields = tuple(replace(f, multi_valued=f.name == "phone") for f in contacts().resource.fields)
    world = make_world(contacts(fields=fields), contacts(fields=fields))
    a, b = world.a.add(ANN, phone=["+49 30 1"]), world.b.add(ANN, phone=["+49 30 2"])
    world.rest()
    assert len(world.a.values(a)["phone"]) == len(world.b.values(b)["phone"]) == 2
    undo(world, Target(run=last_run(world)))
    assert (world.a.values(a)["phone"], world.b.values(b)["phone"]) == (["+49 30 1"], ["+49 30 2"])
    world.rests()
    world.a.edit(a, phone=["+49 30 1", "+49 30 3"])
    world.rest()
    assert world.b.values(b)["phone"] == ["+49 30 2", "+49 30 3"], "what is added later goes over as ever"
    world.rests()


def test_rule_9_5_an_undo_leaves_alone_what_is_held_still(make_world: MakeWorld) -> None:
    world, a, b = changed(make_world)
    later = datetime(2099, 1, 1, tzinfo=UTC)
    holding.pin_field(world.sync, world.link(a=a), side=Side.B, field="job", until=later, actor="ann")
    run = undo(world, Target(run=last_run(world)))
    assert world.b.values(b)["job"] == "Chef" and world.b.values(b)["phone"] == "+49 30 1"
    assert left(run) == {"held_still": ["job"]}
    holding.pause_records(world.sync, [world.link(a=a)], actor="ann")
    again = undoing.preview(world.sync, Target(link=world.link(a=a)), actor="ann")
    assert set(left(again)) == {"held_still"} and not again.operations.exclude(error="held_still").exists()
    world.rests()


# --- Creations ------------------------------------------------------------------------------------------------


def test_rule_11_2_a_creation_is_archived_and_not_made_again(make_world: MakeWorld) -> None:
    world = make_world()
    a = world.a.add(ANN)
    world.rest()
    (b,) = world.b.rows
    undo(world, Target(run=last_run(world)))
    assert not world.b.rows and world.right.calls["archive"] == 1 and world.a.rows
    link = world.link(a=a)
    assert (link.b_id, link.state, link.cause) == (None, "excluded", "undone")
    world.rests()
    world.settings()
    world.a.edit(a, job="Cook")
    world.rest()
    assert not world.b.rows and set(world.a.rows) == {a}, "our own deletion is never passed on"
    decisions.create_new(world.sync, [world.link(a=a)], actor="ann")
    world.rest()
    assert len(world.b.rows) == 1 and world.link(a=a).is_whole and b not in world.b.rows
    world.rests()


def test_rule_5_9_an_undone_creation_that_somebody_restores_is_no_new_record(make_world: MakeWorld) -> None:
    world = make_world(winner=Side.B, email_only=False)
    a = world.a.add({"first": "Ann", "last": "Lee", "job": "Cook"})
    world.rest()
    (b,) = world.b.rows
    before = world.link(a=a).pk
    undo(world, Target(run=last_run(world)))
    world.a.edit(a, job="Chef")
    world.rest()
    world.b.restore(b)
    world.rest()
    assert set(world.a.rows) == {a} and set(world.b.rows) == {b}
    link = world.link(a=a)
    assert (link.pk, link.b_id, link.state, link.decision) == (before, b, "in_sync", "")
    assert world.b.values(b)["job"] == "Chef", "what was edited meanwhile is the edit"
    world.rests()


def test_rule_5_9_an_undone_creation_that_was_made_anew_is_not_copied_once_it_is_restored(
    make_world: MakeWorld,
) -> None:
    world = make_world(email_only=False)
    a = world.a.add({"first": "Ann", "last": "Lee"})
    world.rest()
    (b,) = world.b.rows
    undo(world, Target(run=last_run(world)))
    decisions.create_new(world.sync, [world.link(a=a)], actor="ann")
    world.rest()
    world.b.restore(b)
    world.rest()
    assert set(world.a.rows) == {a}
    assert (world.link(b=b).cause, world.link(b=b).candidates) == ("ambiguous", [a])
    world.rests()


def test_rule_11_2_a_creation_that_somebody_touched_stays(make_world: MakeWorld) -> None:
    world = make_world()
    world.a.add(ANN)
    world.a.add(BOB)
    world.rest()
    ann = world.link(a="1").b_id
    world.a.edit("1", phone="+49 30 1")
    world.a.edit("2", phone="+49 30 2")
    world.rest()
    world.b.edit(ann, notes="Met in June")
    world.rest()
    first = SyncRun.objects.filter(sync=world.sync).order_by("pk")[0]
    run = undo(world, Target(run=first))
    assert set(world.b.rows) == {ann} and list(left(run)) == ["touched"]
    assert world.link(a="1").is_whole and world.link(a="2").cause == "undone", "our own later write is no touch"
    world.rests()


def test_rule_11_2_deleting_for_good_wants_a_confirmation(make_world: MakeWorld) -> None:
    writes = frozenset(WriteKind) - {WriteKind.ARCHIVE}
    world = make_world(None, contacts(writes=writes))
    world.a.add(ANN)
    world.rest()
    run = undoing.preview(world.sync, Target(run=last_run(world)), actor="ann")
    assert run.progress["deleted"] == 1
    with pytest.raises(services.SyncError) as error:
        undoing.approve(run, actor="ann")
    assert set(error.value.errors) == {"delete"}
    undoing.approve(run, actor="ann", delete=True)
    world.rest()
    assert not world.b.rows and world.right.calls["delete"] == 1
    world.rests()


def test_rule_11_2_where_nothing_is_ever_removed_it_is_listed(make_world: MakeWorld) -> None:
    world = make_world(None, contacts(writes=frozenset({WriteKind.CREATE, WriteKind.UPDATE})))
    world.a.add(ANN)
    world.rest()
    run = undoing.preview(world.sync, Target(run=last_run(world)), actor="ann")
    assert list(left(run)) == ["no_way"]
    with pytest.raises(services.SyncError):
        undoing.approve(run, actor="ann")


def test_rule_2_1_no_undo_overrides_a_direction(make_world: MakeWorld) -> None:
    world, _a, b = changed(make_world)
    world.settings(direction=Direction.B_TO_A)
    world.rest()
    first = SyncRun.objects.filter(sync=world.sync, operations__side="b").order_by("-pk")[0]
    run = undoing.preview(world.sync, Target(run=first), actor="ann")
    assert set(left(run)) == {"direction"} and not run.operations.filter(state=OperationState.HELD).exists()
    assert world.b.values(b)["job"] == "Chef"


# --- Twice, and cut off ---------------------------------------------------------------------------------------


def test_rule_11_2_started_twice_it_happens_once(make_world: MakeWorld) -> None:
    world, _a, b = changed(make_world)
    run = last_run(world)
    one = undoing.preview(world.sync, Target(run=run), actor="ann")
    two = undoing.preview(world.sync, Target(run=run), actor="bob")
    sent = len(world.right.sent)
    undoing.approve(one, actor="ann")
    with pytest.raises(services.SyncError):
        undoing.approve(one, actor="bob")
    undoing.approve(two, actor="bob")
    world.rest()
    assert world.b.values(b)["job"] == "Cook" and len(world.right.sent) == sent + 1
    assert not SyncRun.objects.filter(kind=RunKind.UNDO, state=RunState.RUNNING).exists()
    world.rests()


@pytest.mark.parametrize("effect", [0, None], ids=["nothing happened", "it happened"])
@pytest.mark.parametrize("lock", [False, True])
@pytest.mark.parametrize("what", ["value", "creation"])
def test_rule_11_2_a_lost_answer_in_the_middle(
    make_world: MakeWorld, what: str, lock: bool, effect: int | None
) -> None:
    right = contacts(lock=lock, settle=2)
    if what == "value":
        world, a, b = changed(make_world, None, right)
    else:
        world = make_world(None, right)
        a = world.a.add(ANN)
        world.rest()
    run = undoing.preview(world.sync, Target(run=last_run(world)), actor="ann")
    undoing.approve(run, actor="ann")
    world.right.fail_next("write", Retry("The connection was lost."), effect=effect)
    world.wait(minutes=1)
    world.rest()
    run.refresh_from_db()
    assert run.state == RunState.DONE and run.operations.get().state == OperationState.DONE
    if what == "value":
        assert world.b.values(b)["job"] == "Cook" and world.a.values(a)["job"] == "Chef"
    else:
        assert not world.b.rows and set(world.a.rows) == {a} and world.link(a=a).cause == "undone"
    world.rests()


class Killed(BaseException):
    """The worker is no more."""


@pytest.mark.parametrize("effect", [0, 1, None], ids=["before", "between", "after"])
def test_rule_11_2_a_worker_that_is_killed_in_the_middle(make_world: MakeWorld, effect: int | None) -> None:
    """Values of two records go back, each once, whatever the dead worker had done."""
    world, _a, b = changed(make_world, None, contacts(batch={WriteKind.UPDATE: 2}))
    other = world.a.add(BOB, job="Cook")
    world.rest()
    bob = world.link(a=other).b_id
    world.a.edit(other, job="Chef")
    world.a.edit("1", job="Baker")
    world.rest()
    run = undoing.preview(world.sync, Target(run=last_run(world)), actor="ann")
    undoing.approve(run, actor="ann")
    world.right.fail_next("write", Killed(), effect=effect)  # type: ignore[arg-type]
    with pytest.raises(Killed):
        world.slice()
    world.wait(minutes=2)
    world.rest()
    run.refresh_from_db()
    assert run.state == RunState.DONE and {op.state for op in run.operations.all()} == {OperationState.DONE}
    assert world.b.values(b)["job"] == "Chef" and world.b.values(bob)["job"] == "Cook"
    assert world.a.values("1")["job"] == "Baker" and world.a.values(other)["job"] == "Chef"
    world.rests()
