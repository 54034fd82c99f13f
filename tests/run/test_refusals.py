"""Apps that refuse: batches are halved, a run that is mostly refused is held off, the smallest scope stops (9.4)."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest
from django.test import override_settings

from connectors.contract import Idempotency, PermissionLost, Refusal, Refused, SignInAgain, WriteKind
from connectors.models import AccountState, ConnectedAccount
from connectors.testing.memory import contacts
from syncengine import checks, services
from syncengine.core.states import FailureClass
from syncengine.models import Operation, OperationState, RunState, SyncRun
from syncengine.words import ATTENTIONS, FAILURES

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee"}
BATCH = {WriteKind.CREATE: 100, WriteKind.UPDATE: 100}


class Moody:
    """Refuses records whose address begins with bad, or everything while it is cross."""

    cross = False

    def __call__(self, values: Any) -> Refused | None:
        if self.cross or str(values.get("mail")).startswith("bad"):
            return Refused(Refusal.APP_RULE, "Validation failed.")
        return None


@pytest.mark.parametrize("bad", [1, 7, 100])
@pytest.mark.parametrize("seed", range(3))
def test_rule_9_4_good_records_of_a_bad_batch_land_once_and_in_few_requests(
    make_world: MakeWorld, bad: int, seed: int
) -> None:
    right = contacts(atomic=True, batch=BATCH, refuse=Moody(), idempotency=Idempotency.KEY)
    world = make_world(None, right)
    guilty = random.Random(seed).sample(range(100), bad) if seed else range(100 - bad, 100)
    for n in range(100):
        world.a.add(ANN, mail=f"{'bad' if n in guilty else 'good'}{n}@example.com")
    world.slice()
    assert len(world.b.rows) == world.b.created_by_write == 100 - bad
    assert world.right.calls["write"] <= 1 + 2 * bad * math.log2(100)


def first_run(make_world: MakeWorld, count: int, bad: int = 0, **habits: Any) -> tuple[World, Moody]:
    moody = Moody()
    world = make_world(None, contacts(refuse=moody, batch={WriteKind.CREATE: 10}, **habits))
    for n in range(count):
        world.a.add(ANN, mail=f"{'bad' if n < bad else 'good'}{n}@example.com")
    return world, moody


def test_rule_9_4_a_run_that_is_mostly_refused_is_held_off_and_tried_again(make_world: MakeWorld) -> None:
    world, moody = first_run(make_world, 200)
    moody.cross = True
    world.slice()
    world.sync.refresh_from_db()
    assert len(world.right.sent) <= 70, "the rest is not sent"
    assert world.sync.attention == "refused" and "Validation failed." in world.sync.attention_reason
    assert "“Right” refused" in world.sync.attention_reason
    assert SyncRun.objects.get().state == RunState.RUNNING
    assert services.status_of(world.sync).standing == services.Standing.ATTENTION
    sent = len(world.right.sent)
    for _ in range(8):
        world.wait(minutes=1)
        world.slice()
    assert len(world.right.sent) == sent, "nor later, until its time has come"
    world.wait(minutes=3)
    found = world.slice()
    assert sent < len(world.right.sent) <= sent + 5, "then a few, to see"
    assert found.at is not None and world.sync.circuit != {}
    world.sync.refresh_from_db()
    assert world.sync.circuit["b"]["trips"] == 2 and world.sync.attention == "refused"
    moody.cross = False
    world.wait(minutes=21)
    world.rest()
    world.sync.refresh_from_db()
    assert world.sync.circuit == {} and world.sync.attention == ""
    world.wait(days=2)
    world.rest()
    assert len(world.b.rows) == world.b.created_by_write == 200 and world.states() == {"in_sync": 200}
    world.rests()


@override_settings(CIRCUIT_PERCENT=10, CIRCUIT_AT_LEAST=5)
def test_rule_9_4_the_share_is_the_operators(make_world: MakeWorld) -> None:
    world, _moody = first_run(make_world, 150, bad=30)
    world.slice()
    world.sync.refresh_from_db()
    assert world.sync.attention == "refused" and len(world.right.sent) < 150
    assert checks.check_bounds() == []
    with override_settings(CIRCUIT_PERCENT=0, CIRCUIT_AT_LEAST=100_000):
        assert [error.id for error in checks.check_bounds()] == ["syncengine.E001"] * 2


def test_rule_9_4_the_other_side_goes_on(make_world: MakeWorld) -> None:
    world, moody = first_run(make_world, 100)
    world.b.add(ANN, mail="theirs@example.com")
    moody.cross = True
    world.slice()
    world.b.add(ANN, mail="later@example.com")
    world.wait(minutes=1)
    world.slice()
    assert {"theirs@example.com", "later@example.com"} <= {v["mail"] for v in world.a.all_values().values()}


def test_rule_9_4_a_few_bad_records_hold_nobody_up(make_world: MakeWorld) -> None:
    world, _moody = first_run(make_world, 150, bad=30)
    world.slice()
    assert world.states() == {"in_sync": 120, "failing": 30, "failing:app_rule": 30} and world.sync.attention == ""
    world.wait(hours=3)
    world.slice()
    world.sync.refresh_from_db()
    assert world.sync.circuit == {}, "what failed before is no news"


def test_rule_9_3_a_person_who_retries_is_not_kept_waiting(make_world: MakeWorld) -> None:
    world, moody = first_run(make_world, 100)
    moody.cross = True
    world.slice()
    moody.cross = False
    assert services.retry_all(world.sync, cause="app_rule") > 0
    world.rest()
    assert world.states() == {"in_sync": 100}
    world.rests()


def test_rule_9_4_a_field_that_is_refused_everywhere_stops_only_itself(make_world: MakeWorld) -> None:
    def no_jobs(values: Any) -> Refused | None:
        return Refused(Refusal.APP_RULE, "No jobs here.", field="job") if values.get("job") else None

    world = make_world(None, contacts(refuse=no_jobs, batch=BATCH))
    for n in range(60):
        world.a.add(ANN, mail=f"p{n}@example.com", job="Cook")
    world.rest()
    world.sync.refresh_from_db()
    assert len(world.b.rows) == 60 and world.sync.attention == ""
    assert world.states() == {"failing": 60, "failing:app_rule": 60}


@pytest.mark.parametrize("method", ["read", "write"])
def test_rule_9_4_a_permission_lost_for_one_object_stops_no_account(make_world: MakeWorld, method: str) -> None:
    world = make_world()
    world.a.add(ANN, mail="ann@example.com")
    world.right.fail_next(method, PermissionLost("You may not see contacts."))
    world.slice()
    world.sync.refresh_from_db()
    account = ConnectedAccount.objects.get(remote_id="right")
    assert world.sync.attention == "permission" and "may not see" in world.sync.attention_reason
    assert account.state == AccountState.OK
    world.rest()
    world.sync.refresh_from_db()
    assert world.sync.attention == "" and len(world.b.rows) == 1


def test_rule_9_4_a_permission_lost_for_all_stops_the_account(make_world: MakeWorld) -> None:
    world = make_world()
    world.right.fail_next("read", PermissionLost("You may not."))
    world.right.fail_next("identify", PermissionLost("You may nothing."))
    world.slice()
    assert ConnectedAccount.objects.get(remote_id="right").state == AccountState.PERMISSION
    world.rest()
    assert ConnectedAccount.objects.get(remote_id="right").state == AccountState.OK


@pytest.mark.parametrize("error", [SignInAgain("Expired."), PermissionLost("You may nothing.")])
def test_rule_9_4_an_account_is_not_blamed_for_another(make_world: MakeWorld, error: Exception) -> None:
    world = make_world()
    world.right.fail_next("*", error, times=4)
    world.slice()
    states = dict(ConnectedAccount.objects.values_list("remote_id", "state"))
    assert states["left"] == AccountState.OK != states["right"]


@pytest.mark.parametrize("failure", list(FailureClass))
def test_rule_9_3_each_class_says_what_it_is_and_what_to_do(failure: FailureClass) -> None:
    words = FAILURES[failure]
    assert words.title and words.meaning and words.todo


def test_rule_9_2_each_reason_for_attention_has_words() -> None:
    assert all(words.title and words.meaning and words.todo for words in ATTENTIONS.values())
    assert "refused" in ATTENTIONS


@pytest.mark.parametrize("lock", [True, False], ids=["conditional writes", "a look before"])
def test_rule_3_9_what_a_person_edits_between_read_and_write_survives(make_world: MakeWorld, lock: bool) -> None:
    """Many times, at random moments: an edit of another field, or of the same one, just before our write."""
    world = make_world(contacts(lock=lock), contacts(lock=lock, batch=BATCH))
    for n in range(40):
        world.a.add(ANN, mail=f"p{n}@example.com", job="Cook", phone="+49 30 1")
    world.rest()
    pairs = [(link.a_id or "", link.b_id or "") for link in world.open_links()]
    dice, edited = random.Random(7), {}
    get, write = world.b.get, world.b.write

    def people() -> None:
        if dice.random() < 0.5:
            b = dice.choice(pairs)[1]
            edited[b] = f"Notes {len(edited)}"
            world.b.edit(b, notes=edited[b])

    def before_get(ids: Any) -> Any:
        people()
        return get(ids)

    def before_write(writes: Any) -> Any:
        if lock:
            people()
        return write(writes)

    world.b.get, world.b.write = before_get, before_write  # type: ignore[method-assign]
    for n in range(10):
        for a, _b in pairs:
            world.a.edit(a, job=f"Job {n}")
        world.rest()
    world.b.get, world.b.write = get, write  # type: ignore[method-assign]
    world.wait(minutes=1)
    world.rest()
    assert edited, "somebody edited"
    for a, b in pairs:
        assert world.b.values(b)["job"] == world.a.values(a)["job"] == "Job 9"
        if b in edited:
            assert world.a.values(a)["notes"] == world.b.values(b)["notes"] == edited[b]
    assert not Operation.objects.filter(state=OperationState.REFUSED).exists()
    world.rests()


@pytest.mark.parametrize("side", ["a", "b"], ids=["the refusal comes after it", "the refusal comes before it"])
def test_rule_3_7_what_an_answer_tells_survives_a_refusal_on_the_other_side(make_world: MakeWorld, side: str) -> None:
    """An edit that only the answer to our write shows; and the other side's write of the same link parks its field."""
    world = make_world()
    a = world.a.add(ANN, mail="ann@example.com", job="Cook", phone="+49 30 1")
    world.rest()
    b = world.link(a=a).b_id or ""
    here, there = (world.a, world.b) if side == "a" else (world.b, world.a)
    mine, other = (a, b) if side == "a" else (b, a)
    write = here.write

    def edited_meanwhile(writes: Any) -> Any:
        here.write = write  # type: ignore[method-assign]
        here.edit(mine, notes="Typed meanwhile")
        return write(writes)

    here.write = edited_meanwhile  # type: ignore[method-assign]
    there.refuse = lambda v: (
        Refused(Refusal.INVALID_VALUE, "No.", field="phone") if v.get("phone") == "+49 30 2" else None
    )
    here.edit(mine, phone="+49 30 2")
    there.edit(other, job="Chef")
    world.wait(minutes=1)
    world.rest()
    assert here.values(mine)["job"] == "Chef" and len(world.link(a=a).parked) == 1
    assert there.values(other)["notes"] == "Typed meanwhile"
    world.rests()


# --- Yes, and not done ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", [True, False], ids=["answers", "is read back"])
@pytest.mark.parametrize("lock", [True, False])
def test_rule_3_7_a_write_that_is_only_pretended_is_noticed(make_world: MakeWorld, answers: bool, lock: bool) -> None:
    """It takes each write, and ignores one field: that field is shown with its reason, the rest goes on, no loop."""
    right = contacts(answers=answers, lock=lock, batch={WriteKind.CREATE: 10, WriteKind.UPDATE: 10})
    world = make_world(contacts(), right)
    a = [world.a.add(ANN, mail=f"p{n}@example.com", job="Cook") for n in range(3)]
    world.rest()
    b = [world.link(a=id_).b_id or "" for id_ in a]
    write, deaf = world.b.write, [True]

    def ignores(writes: Any) -> Any:
        return write([replace(w, values={k: v for k, v in w.values.items() if not deaf or k != "job"}) for w in writes])

    world.b.write = ignores  # type: ignore[method-assign]
    new = world.a.add(ANN, mail="new@example.com", job="Clerk")
    for id_ in a:
        world.a.edit(id_, job="Baker", phone="+49 30 1")
    world.rest()
    for id_ in (*a, new):
        link = world.link(a=id_)
        assert (link.state, link.cause) == ("failing", "app_rule") and "still holds" in link.detail
    assert [world.a.values(id_)["job"] for id_ in a] == ["Baker"] * 3, "nothing is taken back"
    assert [world.b.values(id_)["phone"] for id_ in b] == ["+49 30 1"] * 3
    sent = len(world.right.sent)
    world.rests()
    assert len(world.right.sent) == sent and not world.left.sent
    deaf.clear()
    world.a.edit(a[0], job="Cook")
    world.a.edit(a[1], job="Judge")
    assert services.retry_all(world.sync, cause="app_rule") == 4
    world.rest()
    assert [world.b.values(id_)["job"] for id_ in b] == ["Cook", "Judge", "Baker"]
    assert world.states() == {"in_sync": 4}
    world.rests()
