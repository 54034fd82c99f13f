"""Batches, lost answers and errors: section 10 of the rules, and rule 9.4."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from connectors import accounts
from connectors.contract import (
    ConnectorBroken,
    Idempotency,
    PermissionLost,
    RateLimited,
    Refusal,
    Refused,
    ResourceGone,
    Retry,
    SignInAgain,
    WriteKind,
)
from connectors.models import AccountState, ConnectedAccount
from connectors.testing.memory import contacts
from syncengine import decisions, deleting, services
from syncengine.core.mapping import Direction, MatchBy, Matching, Side
from syncengine.models import Operation, OperationState, RemoteRecord, SyncRun, SyncState
from syncengine.run.planning import Planner

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
BATCH = {WriteKind.CREATE: 32, WriteKind.UPDATE: 32}


def refuse_bad(values: Any) -> Refused | None:
    return Refused(Refusal.APP_RULE, "No.") if str(values.get("mail")).startswith("bad") else None


def fill(world: World, *, good: int, bad: int = 0) -> None:
    every = (good + bad) // bad if bad else 0
    for n in range(good + bad):
        kind = "bad" if bad and n % every == 0 and n // every < bad else "good"
        world.a.add(ANN, mail=f"{kind}{n}@example.com")


@pytest.mark.parametrize("bad", [0, 1, 3, 32])
def test_a_batch_that_is_all_or_nothing_is_halved(make_world: MakeWorld, bad: int) -> None:
    world = make_world(None, contacts(atomic=True, batch=BATCH, refuse=refuse_bad, idempotency=Idempotency.KEY))
    fill(world, good=32 - bad, bad=bad)
    world.slice()
    assert len(world.b.rows) == world.b.created_by_write == 32 - bad
    assert world.right.calls["write"] <= 1 + 2 * bad * 5
    assert world.states() == {
        k: v for k, v in {"in_sync": 32 - bad, "failing": bad, "failing:app_rule": bad}.items() if v
    }


def test_a_halved_batch_that_is_cut_off_keeps_what_was_answered(make_world: MakeWorld) -> None:
    """The second half fails for good reason: the first was answered, and is not sent again."""
    world = make_world(None, contacts(atomic=True, batch=BATCH, refuse=refuse_bad))
    fill(world, good=7, bad=1)
    write, calls = world.b.write, iter(range(100))

    def limited(writes: Any) -> Any:
        if next(calls) == 6:
            raise RateLimited("Too fast.", after=5)
        return write(writes)

    world.b.write = limited  # type: ignore[method-assign]
    assert (world.slice().at or world.now) > world.now
    made = world.b.created_by_write
    assert made == 3
    world.wait(seconds=6)
    world.slice()
    assert world.b.created_by_write == len(world.b.rows) == 7


@pytest.mark.parametrize("size", [1, 10])
def test_one_bad_record_holds_nobody_up(make_world: MakeWorld, size: int) -> None:
    world = make_world(None, contacts(batch={WriteKind.CREATE: size}, refuse=refuse_bad))
    fill(world, good=40, bad=2)
    world.slice()
    assert world.states() == {"in_sync": 40, "failing": 2, "failing:app_rule": 2}
    waits = []
    for _ in range(9):
        link = next(link for link in world.open_links() if link.cause == "app_rule")
        waits.append((link.next_try_at - world.now).total_seconds())
        world.now = link.next_try_at
        world.slice()
    assert [round(w / 60) for w in waits] == [1, 4, 16, 64, 256, 1024, 1440, 1440, 1440], (
        "ever later, at last once a day"
    )
    assert world.b.created_by_write == 40


# --- Lost answers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("happened", [0, 2, None], ids=["nothing", "a part", "all"])
@pytest.mark.parametrize("idempotency", list(Idempotency))
@pytest.mark.parametrize("matching", [Matching(), Matching(MatchBy.NOTHING)], ids=["by keys", "by nothing"])
def test_rule_10_4_a_lost_answer_makes_nothing_twice(
    make_world: MakeWorld, idempotency: Idempotency, happened: int | None, matching: Matching
) -> None:
    right = contacts(batch=BATCH, idempotency=idempotency, settle=5)
    world = make_world(None, right, matching=matching)
    for n in range(4):
        world.a.add(ANN, first=f"P{n}", mail=f"p{n}@example.com")
    world.right.fail_next("write", Retry("The connection was lost."), effect=happened)
    world.slice()
    world.wait(seconds=3)
    world.rest()
    lost = idempotency is Idempotency.NONE and matching.by is MatchBy.NOTHING
    expected = 4 if happened is None or not lost else happened
    assert len(world.b.rows) == world.b.created_by_write == expected and len(world.a.rows) == 4
    if expected < 4:
        assert world.states()["failing:in_doubt"] == 4 - expected, "put to a person"
        for link in world.open_links():
            if link.a_id is not None:
                world.a.edit(link.a_id, phone="+49 30 1")
        world.rest()
        assert len(world.b.rows) == expected, "an edit is no answer"
        services.retry_all(world.sync)
        world.rest()
        assert len(world.b.rows) == expected, "another try looks once more, and sends nothing"
        decisions.create_once_more(world.sync, world.links("in_doubt"), actor="ann")
        world.rest()
        assert len(world.b.rows) == 4
    world.rests()


def test_rule_10_4_people_who_look_alike_are_told_apart_by_their_numbers(make_world: MakeWorld) -> None:
    """No e-mail address, no company: nothing to match by, and a name in common says nothing."""
    world = make_world(None, contacts(), email_only=False)
    world.a.add(first="Kim", last="Poe", phone="+49 30 1")
    world.right.fail_next("write", Retry("The connection was lost."), effect=None)
    world.slice()
    world.rest()
    assert len(world.b.rows) == 1 and world.states() == {"in_sync": 1}
    world.rests()


def test_rule_10_4_what_is_in_doubt_stays_so_where_it_cannot_be_sent_again_just_now(make_world: MakeWorld) -> None:
    """The app knows its key, but takes nothing for a moment: what was made meanwhile is not met as if it were new."""
    world = make_world(None, contacts(idempotency=Idempotency.KEY), email_only=False)
    world.a.add(first="Kim", last="Poe", phone="+49 30 1")
    world.right.fail_next("write", Retry("The connection was lost."), effect=None)
    world.slice()
    world.right.fail_next("write", RateLimited("Too fast."))
    world.slice()
    assert Operation.objects.get().state == OperationState.SENDING
    world.rest()
    assert len(world.a.rows) == len(world.b.rows) == 1 and world.states() == {"in_sync": 1}
    world.rests()


def test_rule_10_4_a_doubt_that_waits_is_no_defect_and_holds_up_nobody(make_world: MakeWorld, caplog: Any) -> None:
    """It is looked at again once it can be settled, and both sides are looked at as ever until then."""
    world = make_world(None, contacts(settle=3600))
    world.a.add(ANN)
    world.right.fail_next("write", Retry("The connection was lost."), effect=None)
    world.slice()
    world.wait(seconds=40)
    found = world.slice()
    world.sync.refresh_from_db()
    assert Operation.objects.get().state == OperationState.SENDING, "it has not settled yet"
    assert (world.sync.setbacks, world.sync.attention) == (0, ""), world.sync.attention_reason
    assert found.at is not None and world.now < found.at <= world.now + timedelta(minutes=2)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_rule_10_4_what_people_make_meanwhile_waits_for_the_doubt(make_world: MakeWorld) -> None:
    """While a creation is in doubt, each new record of that side may be it, and so may what matches them."""
    world = make_world(None, contacts(settle=5))
    ann = world.a.add(ANN)
    world.right.fail_next("write", Retry("The connection was lost."), effect=None)
    world.slice()
    eve_b = world.b.add(ANN, first="Eve", mail="eve@example.com")
    eve_a = world.a.add(ANN, first="Eve", mail="eve@example.com")
    world.wait(seconds=62)
    world.slice()
    assert world.link(a=eve_a).state == "waiting" and len(world.a.rows) == len(world.b.rows) == 2
    world.rest()
    assert world.link(a=eve_a).b_id == eve_b and world.link(a=ann).is_whole
    assert world.states() == {"in_sync": 2}
    world.rests()


@pytest.mark.parametrize("idempotency", [Idempotency.NONE, Idempotency.STAMP])
@pytest.mark.parametrize("matching", [Matching(), Matching(MatchBy.NOTHING)], ids=["by keys", "by nothing"])
def test_rule_8_1_what_was_removed_while_its_creation_is_in_doubt_is_not_made_again(
    make_world: MakeWorld, idempotency: Idempotency, matching: Matching
) -> None:
    """Nor is its removal passed on: whether it was ours is likely, and no more than that."""
    world = make_world(None, contacts(idempotency=idempotency, settle=5), matching=matching)
    world.settings(deletions={Side.A: WriteKind.ARCHIVE})
    a = world.a.add(ANN)
    world.right.fail_next("write", Retry("The connection was lost."), effect=None)
    world.slice()
    world.right.fail_next("find", Retry("The connection was lost."))
    world.wait(seconds=40)
    world.slice()
    (b,) = world.b.rows
    assert RemoteRecord.objects.filter(stream=world.sync.pair.stream_b, gone=False).exists()
    assert not world.link(a=a).is_whole
    world.b.remove(b)
    world.wait(seconds=90)
    world.rest()
    assert not world.b.rows and set(world.a.rows) == {a} and world.link(a=a).cause == "deleted_in_b"
    world.rests()
    deleting.resync_deleted(world.sync, side=Side.B, actor="ann")
    world.rest()
    assert len(world.b.rows) == 1 and world.states() == {"in_sync": 1}
    world.rests()


def test_rule_10_4_an_update_in_doubt_is_compared_again(make_world: MakeWorld) -> None:
    world = make_world(direction=Direction.TWO_WAY)
    a, b = world.a.add(ANN), world.b.add(ANN)
    world.rest()
    for effect in (0, None):
        world.a.edit(a, job=f"Cook {effect}")
        world.right.fail_next("write", Retry("The connection was lost."), effect=effect)
        world.rest()
        assert world.b.values(b)["job"] == f"Cook {effect}"
    world.rests()
    assert Operation.objects.filter(state=OperationState.SENDING).count() == 0


def test_rule_2_1_a_doubt_never_overrides_a_direction(make_world: MakeWorld) -> None:
    """The creation was lost, and meanwhile nothing may be written there any more: it is only looked for."""
    world = make_world(None, contacts(idempotency=Idempotency.KEY))
    world.a.add(ANN)
    world.right.fail_next("write", Retry("The connection was lost."), effect=0)
    world.slice()
    world.settings(direction=Direction.B_TO_A)
    world.rest()
    assert not world.b.rows and world.states() == {"excluded": 1}


# --- Errors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["read", "write"])
def test_rule_9_4_sign_in_again_and_back_to_normal(make_world: MakeWorld, where: str) -> None:
    world = make_world()
    a = world.a.add(ANN)
    if where == "write":
        world.right.fail_next("write", SignInAgain("The token is revoked."), times=2)
    else:
        world.right.password = "changed"
    world.slice()
    world.sync.refresh_from_db()
    account = ConnectedAccount.objects.get(remote_id="right")
    assert (world.sync.attention, account.state) == ("sign_in", AccountState.SIGN_IN) and account.state_reason
    assert services.status_of(world.sync).standing == services.Standing.ATTENTION
    if where == "read":
        accounts.reconnect(account, values={"account": "right", "password": "changed"}, actor="test")
        services.look_again(account)
    world.rest()
    world.sync.refresh_from_db()
    account.refresh_from_db()
    assert (world.sync.attention, world.sync.attention_reason, account.state) == ("", "", AccountState.OK)
    assert world.link(a=a).is_whole and SyncRun.objects.get().error == ""


@pytest.mark.parametrize(
    ("error", "attention"),
    [
        (PermissionLost("You may not."), "permission"),
        (ResourceGone("No such table."), "object_gone"),
        (ConnectorBroken("What is this?"), "broken"),
        (ZeroDivisionError("a defect"), "broken"),
    ],
)
@pytest.mark.parametrize("method", ["read", "write", "get"])
def test_rule_9_4_whatever_stops_a_sync_is_shown_and_ends(
    make_world: MakeWorld, method: str, error: Exception, attention: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world(None, contacts(answers=method != "get"))
    a, b = world.a.add(ANN), world.b.add(ANN)
    world.rest()
    world.a.edit(a, job="Cook")
    world.a.add(ANN, mail="new@example.com")
    world.right.fail_next(method, error)
    with caplog.at_level(logging.WARNING):
        found = world.slice()
    world.sync.refresh_from_db()
    assert found.at is not None and world.sync.attention == attention and world.sync.attention_reason
    assert "open sesame" not in caplog.text
    if isinstance(error, ZeroDivisionError):
        assert "Traceback" in caplog.text and "a defect" not in world.sync.attention_reason
    world.rest()
    world.sync.refresh_from_db()
    assert world.sync.attention == "" and world.b.values(b)["job"] == "Cook" and len(world.b.rows) == 2
    world.rests()


def test_a_defect_of_our_own_is_shown_and_tried_again(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    world.a.add(ANN)
    with monkeypatch.context() as patched:
        patched.setattr("syncengine.run.planning.plan_creation", lambda *_: 1 / 0)
        waits = []
        for _ in range(12):
            waits.append(((world.slice().at or world.now) - world.now).total_seconds())
            world.wait(seconds=waits[-1])
    assert [round(w) for w in waits] == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600]
    world.sync.refresh_from_db()
    assert world.sync.attention == "broken" and "division" not in world.sync.attention_reason
    world.rest()
    world.sync.refresh_from_db()
    assert (world.sync.attention, world.sync.setbacks, len(world.b.rows)) == ("", 0, 1)


def test_a_passing_error_waits_ever_longer_and_forgets_it(make_world: MakeWorld) -> None:
    world = make_world()
    world.rest()
    for _ in range(2):
        world.right.fail_next("read", Retry("503"), times=4)
        waits = []
        for _ in range(4):
            waits.append(round(((world.slice().at or world.now) - world.now).total_seconds()))
            world.wait(seconds=waits[-1])
        assert waits == [5, 10, 20, 40]
        world.sync.refresh_from_db()
        assert world.sync.attention == "" and world.sync.attention_reason == "503"
        world.rest()
    world.sync.refresh_from_db()
    assert world.sync.attention_reason == ""


def test_a_rate_limit_waits_as_long_as_the_app_says(make_world: MakeWorld) -> None:
    world = make_world()
    world.a.add(ANN)
    world.right.fail_next("write", RateLimited("Too fast.", after=120))
    found = world.slice()
    assert found.at is not None and 119 < (found.at - world.now).total_seconds() < 121
    assert Operation.objects.get().state == OperationState.PLANNED, "nothing happened"
    world.rest()
    assert len(world.right.sent) == 2 and len(world.b.rows) == 1


# --- People who change their minds --------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", ["pause", "off", "settings"])
def test_rule_10_2_what_a_person_does_meanwhile_counts_at_once(make_world: MakeWorld, deed: str) -> None:
    """In the middle of a run somebody stops the sync, or changes what it does: the next batch is not sent."""
    world = make_world(None, contacts(batch={WriteKind.CREATE: 2}))
    for n in range(8):
        world.a.add(ANN, mail=f"p{n}@example.com", job="Cook")
    write, done = world.b.write, []

    def meanwhile(writes: Any) -> Any:
        if not done:
            done.append(True)
            match deed:
                case "pause":
                    services.pause(world.sync, actor="test")
                case "off":
                    services.turn_off(world.sync, actor="test")
                case "settings":
                    jobless = tuple(m for m in world.sync.settings.mappings if m.a != ("job",))
                    services.change_settings(world.sync, world.sync.settings.with_mappings(jobless), actor="test")
        return write(writes)

    world.b.write = meanwhile  # type: ignore[method-assign]
    world.slice()
    assert len(world.b.rows) == 2, "what was answered is stored, and no more is sent"
    assert Operation.objects.filter(state=OperationState.DONE).count() == 2
    world.sync.refresh_from_db()
    if deed == "settings":
        assert world.sync.state == SyncState.ON
        world.rest()
        assert sum("job" in world.b.values(id_) for id_ in world.b.rows) == 2
    else:
        assert world.slice().at is None and len(world.b.rows) == 2
        world.wait(hours=1)
        (services.resume if deed == "pause" else services.start)(world.sync, actor="test")
        world.rest()
        assert all(world.b.values(id_)["job"] == "Cook" for id_ in world.b.rows)
    assert len(world.b.rows) == 8
    world.rests()


def test_rule_10_2_a_full_pass_that_is_asked_for_meanwhile_is_made(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Just as a worker plans what changed, somebody saves settings: their pass over all records is not lost."""
    world = make_world()
    a, b = world.a.add(ANN, job="Cook"), world.b.add(ANN)
    world.mapping("job_title", enabled=False)
    world.rest()
    assert world.b.values(b).get("job") is None
    due, done = Planner._due_links, []

    def meanwhile(planner: Planner, most: int) -> Any:
        if not done:
            done.append(True)
            world.mapping("job_title", enabled=True)
        return due(planner, most)

    monkeypatch.setattr(Planner, "_due_links", meanwhile)
    world.a.edit(a, phone="+49 30 1")
    world.rest()
    assert done and world.b.values(b)["job"] == "Cook" and world.b.values(b)["phone"] == "+49 30 1"
    world.rests()
