"""Two people who decide at once: one wins, the other is told (rules 5.8, 11.2 and 11.4). Real threads and locks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier

from syncengine import approvals, decisions, undoing
from syncengine.core.brake import Thresholds
from syncengine.decisions import Answer
from syncengine.models import Operation, OperationState, RecordLink
from syncengine.services import SyncError
from tenants.models import Workspace

from .conftest import MakeWorld, World
from .test_leases import in_threads

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}


def at_once(workspace: Workspace, *deeds: Callable[[], object]) -> tuple[list[int], list[str]]:
    """(which of them took effect, what the others were told)."""
    barrier, won, told = Barrier(len(deeds)), [], []

    def person(number: int, deed: Callable[[], object]) -> None:
        barrier.wait()
        try:
            deed()
        except SyncError as error:
            told.append(str(error))
        else:
            won.append(number)

    in_threads(workspace, *[lambda n=n, deed=deed: person(n, deed) for n, deed in enumerate(deeds)])
    return won, told


def ambiguous(make_world: MakeWorld) -> tuple[World, str]:
    """One of A that could be either of two in B."""
    world = make_world()
    one = world.a.add(ANN)
    world.b.add(ANN)
    world.b.add(ANN)
    world.rest()
    assert world.link(a=one).cause == "ambiguous"
    return world, one


def test_rule_5_8_two_people_link_one_record_differently(
    committed: None, make_world: MakeWorld, workspace: Workspace
) -> None:
    world, one = ambiguous(make_world)
    won, told = at_once(
        workspace,
        *[lambda b=b: decisions.link_records(world.sync, a_id=one, b_id=b, actor=f"of {b}") for b in ("1", "2")],
    )
    assert len(won) == 1 and len(told) == 1 and "linked already" in told[0]
    link = world.link(a=one)
    assert (link.b_id, link.decided_by) == (("1", "of 1"), ("2", "of 2"))[won[0]]
    world.rest()
    world.adds_up()


def test_rule_5_8_one_creates_what_the_other_leaves_out(
    committed: None, make_world: MakeWorld, workspace: Workspace
) -> None:
    world, one = ambiguous(make_world)
    link = world.link(a=one)
    won, told = at_once(
        workspace,
        lambda: decisions.create_new(world.sync, [link], actor="ann"),
        lambda: decisions.leave_out(world.sync, [link], actor="bob"),
    )
    assert len(won) == 1 and len(told) == 1 and "meanwhile" in told[0]
    world.rest()
    assert len(world.b.rows) == (3 if won == [0] else 2)
    assert world.link(a=one).decided_by == ("ann", "bob")[won[0]] or won == [0]


def test_rule_5_8_two_answers_to_all_at_once(committed: None, make_world: MakeWorld, workspace: Workspace) -> None:
    world, _one = ambiguous(make_world)
    counts: list[int] = []
    answers = (Answer.LEAVE_OUT, Answer.CREATE)
    at_once(
        workspace,
        *[lambda a=a: counts.append(decisions.answer_ambiguous(world.sync, a, actor=a.value)) for a in answers],
    )
    assert sorted(counts) == [0, 3], "nothing was left for the second"
    assert len(set(RecordLink.objects.filter(closed_at=None).values_list("decided_by", flat=True))) == 1


def test_rule_11_4_one_releases_what_the_other_declines(
    committed: None, make_world: MakeWorld, workspace: Workspace
) -> None:
    world = make_world(brake=Thresholds(0, 0, 0, 0))
    world.rest()
    for n in range(4):
        world.a.add(ANN, mail=f"p{n}@example.com")
    world.wait(minutes=1)
    world.slice()
    assert Operation.objects.filter(hold="brake").count() == 4
    won, told = at_once(
        workspace,
        lambda: approvals.release(world.sync, actor="ann"),
        lambda: approvals.decline(world.sync, actor="bob"),
    )
    assert len(won) == 1 and told == ["The brake holds nothing of this any more."]
    world.wait(minutes=1)
    world.rest()
    assert len(world.b.rows) == (4 if won == [0] else 0)
    assert set(Operation.objects.values_list("decided_by", flat=True)) == {("ann", "bob")[won[0]]}


def test_rule_11_2_one_approves_an_undo_that_the_other_discards(
    committed: None, make_world: MakeWorld, workspace: Workspace
) -> None:
    world = make_world()
    a = world.a.add(ANN, job="Cook")
    world.rest()
    world.wait(minutes=1)
    world.a.edit(a, job="Chef")
    world.rest()
    b = str(world.link(a=a).b_id)
    run = undoing.preview(world.sync, undoing.Target(link=world.link(a=a), mapping="job_title"), actor="ann")
    won, told = at_once(
        workspace,
        lambda: undoing.approve(run, actor="ann"),
        lambda: undoing.discard(run, actor="bob"),
        lambda: undoing.approve(run, actor="eve"),
    )
    assert len(won) == 1 and len(told) == 2
    assert all("approved this undo already" in text or "no such undo" in text for text in told), told
    world.now += timedelta(minutes=1)
    world.rest()
    undone = won != [1]
    assert (world.b.values(b)["job"] != "Chef") == undone
    assert Operation.objects.filter(state=OperationState.DONE).exclude(undoes=[]).exists() == undone
