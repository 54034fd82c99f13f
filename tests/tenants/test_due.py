"""What is due, and who gets it."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from tenants import due, workspaces
from tenants.context import workspace_context
from tenants.models import Due, Workspace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def ago(minutes: float) -> datetime:
    return NOW - minutes * MINUTE


def times() -> dict[int, datetime]:
    return {item.target: item.at for item in Due.objects.all()}


# --- Schedule -----------------------------------------------------------------------------------------------


def test_the_earlier_time_stays(workspace: Workspace) -> None:
    due.schedule("sync", 1, NOW)
    due.schedule("sync", 1, NOW + MINUTE)
    assert times() == {1: NOW}
    due.schedule("sync", 1, ago(1))
    assert times() == {1: ago(1)}


def test_unless_later_is_wanted(workspace: Workspace) -> None:
    due.schedule("sync", 1, NOW)
    due.schedule("sync", 1, NOW + MINUTE, later=True)
    assert times() == {1: NOW + MINUTE}


def test_kinds_targets_and_workspaces_are_apart(workspace: Workspace, other_workspace: Workspace) -> None:
    for kind, target in (("sync", 1), ("sync", 2), ("check", 1)):
        due.schedule(kind, target, NOW)
    with workspace_context(other_workspace):
        due.schedule("sync", 1, NOW)
    due.cancel("sync", 1)
    left = {(item.workspace.slug, item.kind, item.target) for item in Due.objects.select_related("workspace")}
    assert left == {("acme", "sync", 2), ("acme", "check", 1), ("globex", "sync", 1)}


# --- Claim and done -----------------------------------------------------------------------------------------


def test_only_what_is_due_and_not_claimed(workspace: Workspace) -> None:
    due.schedule("sync", 1, ago(2))
    due.schedule("sync", 2, ago(1))
    due.schedule("sync", 3, NOW + MINUTE)
    claimed = due.claim(NOW, 10, hold=MINUTE)
    assert [item.target for item in claimed] == [1, 2]
    assert claimed[0].workspace == workspace
    assert due.claim(NOW, 10, hold=MINUTE) == []


def test_a_claim_runs_out(workspace: Workspace) -> None:
    due.schedule("sync", 1, NOW)
    assert due.claim(NOW, 10, hold=MINUTE)
    assert due.claim(NOW + 0.9 * MINUTE, 10, hold=MINUTE) == []
    assert len(due.claim(NOW + MINUTE, 10, hold=MINUTE)) == 1


def test_done_sets_the_next_time_or_ends_it(workspace: Workspace) -> None:
    due.schedule("sync", 1, NOW)
    due.schedule("sync", 2, NOW)
    due.claim(NOW, 10, hold=MINUTE)
    due.done("sync", 1, NOW + 5 * MINUTE)
    due.done("sync", 2, None)
    assert times() == {1: NOW + 5 * MINUTE}
    assert len(due.claim(NOW + 5 * MINUTE, 10, hold=MINUTE)) == 1


def test_a_wish_that_comes_in_meanwhile_is_not_lost(workspace: Workspace) -> None:
    for next_at in (NOW + 60 * MINUTE, None):
        due.schedule("sync", 1, NOW)
        due.claim(NOW, 10, hold=MINUTE)
        due.schedule("sync", 1, NOW + 0.2 * MINUTE)
        assert due.claim(NOW + 0.5 * MINUTE, 10, hold=MINUTE) == []  # still claimed
        due.done("sync", 1, next_at)
        assert times() == {1: NOW + 0.2 * MINUTE}
        due.cancel("sync", 1)


def test_a_wish_is_fulfilled_by_the_next_claim_after_a_crash(workspace: Workspace) -> None:
    due.schedule("sync", 1, NOW)
    due.claim(NOW, 10, hold=MINUTE)
    due.schedule("sync", 1, NOW + 0.2 * MINUTE)
    assert len(due.claim(NOW + 2 * MINUTE, 10, hold=MINUTE)) == 1  # the first holder died
    due.done("sync", 1, None)
    assert times() == {}


def test_what_was_cancelled_meanwhile_does_not_come_back(workspace: Workspace) -> None:
    due.schedule("sync", 1, NOW)
    due.claim(NOW, 10, hold=MINUTE)
    due.cancel("sync", 1)
    due.done("sync", 1, NOW + MINUTE)
    assert times() == {}


def test_suspended_workspaces_wait(workspace: Workspace) -> None:
    due.schedule("sync", 1, NOW)
    workspaces.suspend(workspace)
    assert due.claim(NOW, 10, hold=MINUTE) == []
    workspaces.resume(workspace)
    assert len(due.claim(NOW, 10, hold=MINUTE)) == 1


# --- Fairness and concurrency -------------------------------------------------------------------------------


@pytest.fixture
def busy(workspace: Workspace, other_workspace: Workspace) -> None:
    """Acme has 40 items that have waited for long; Globex two that are new."""
    for target in range(40):
        due.schedule("sync", target, ago(60 - target))
    with workspace_context(other_workspace):
        for target in range(2):
            due.schedule("sync", target, NOW)


def slugs(items: list[Due]) -> Counter[str]:
    return Counter(item.workspace.slug for item in items)


def test_workspaces_take_turns(busy: None) -> None:
    assert slugs(due.claim(NOW, 4, hold=MINUTE)) == {"acme": 2, "globex": 2}
    assert slugs(due.claim(NOW, 4, hold=MINUTE)) == {"acme": 4}


def test_what_a_workspace_has_claimed_counts_as_its_turns(
    busy: None, workspace: Workspace, other_workspace: Workspace
) -> None:
    assert slugs(due.claim(NOW, 6, hold=MINUTE)) == {"acme": 4, "globex": 2}
    with workspace_context(other_workspace):
        for target in range(10, 14):
            due.schedule("sync", target, NOW)
    # Acme holds four, Globex two: it catches up first.
    assert slugs(due.claim(NOW, 2, hold=MINUTE)) == {"globex": 2}


def test_two_workers_do_not_wait_for_each_other(committed: None, busy: None) -> None:
    first: list[Due] = []
    second: list[Due] = []

    def other_worker() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = '5s'")
        second.extend(due.claim(NOW, 100, hold=MINUTE))
        connection.close()

    with transaction.atomic():
        first.extend(due.claim(NOW, 10, hold=MINUTE))
        thread = threading.Thread(target=other_worker)
        thread.start()
        thread.join()
    assert (len(first), len(second)) == (10, 32)
    assert not {item.pk for item in first} & {item.pk for item in second}


def test_nothing_is_claimed_twice(committed: None, busy: None) -> None:
    claimed: list[int] = []
    start = threading.Barrier(4)

    def worker() -> None:
        start.wait()
        while items := due.claim(NOW, 3, hold=MINUTE):
            claimed.extend(item.pk for item in items)
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A worker may find all that is left locked by others and stop; whatever it leaves, somebody else has.
    assert len(claimed) == len(set(claimed))
    assert len(claimed) + len(due.claim(NOW, 100, hold=MINUTE)) == 42


# --- Long work ----------------------------------------------------------------------------------------------


def make_long(target: int, at: datetime = NOW) -> None:
    due.schedule("sync", target, ago(100))
    Due.objects.filter(target=target).update(claimed_until=ago(90))
    due.done("sync", target, at, is_long=True)


def test_some_workers_are_kept_free_of_long_work(workspace: Workspace, other_workspace: Workspace) -> None:
    for target in range(5):
        make_long(target, ago(9 - target))
    with workspace_context(other_workspace):
        make_long(10)
        due.schedule("sync", 11, NOW)
    first = due.claim(NOW, 100, hold=MINUTE, longest=2)
    assert [(item.workspace.slug, item.target) for item in first] == [("acme", 0), ("globex", 10), ("globex", 11)]
    assert due.claim(NOW, 100, hold=MINUTE, longest=2) == []
    due.done("sync", 0, NOW, is_long=True)
    assert [item.target for item in due.claim(NOW, 100, hold=MINUTE, longest=2)] == [1], "who waited longest"
    due.done("sync", 1, NOW)
    assert {item.target for item in due.claim(NOW, 100, hold=MINUTE, longest=2)} == {1, 2}, "the one is long no more"


def test_a_claim_that_ran_out_frees_its_place_among_the_long_ones(workspace: Workspace) -> None:
    for target in range(3):
        make_long(target)
    assert len(due.claim(NOW, 100, hold=MINUTE, longest=2)) == 2
    assert len(due.claim(NOW + 2 * MINUTE, 100, hold=MINUTE, longest=2)) == 2


def test_a_hundred_small_ones_do_not_wait_for_one_that_has_a_lot_to_do(
    workspace: Workspace, other_workspace: Workspace
) -> None:
    """Counted in turns: four workers, of which two may be busy with long work; each round a slice ends."""
    for target in range(50):
        make_long(target, ago(50))
    waited: Counter[int] = Counter()
    with workspace_context(other_workspace):
        for target in range(100, 110):
            due.schedule("sync", target, NOW)
    at_work: list[Due] = []
    for round_ in range(10):
        now = NOW + timedelta(seconds=round_)
        at_work += due.claim(now, 4 - len(at_work), hold=MINUTE, longest=2)
        assert sum(item.is_long for item in at_work) <= 2
        for item in [one for one in at_work if not one.is_long]:
            with workspace_context(item.workspace):
                due.done(item.kind, item.target, now + 10 * MINUTE)
            at_work.remove(item)
            waited[item.target] = round_
    assert len(waited) == 10 and max(waited.values()) == 4, "two a round, whatever else there is"
