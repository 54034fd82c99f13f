"""Section 8 of the rules, through the engine: never passed on, never inferred from what was merely not seen."""

from __future__ import annotations

from typing import Any

import pytest

from connectors import accounts
from connectors.contract import (
    ConnectorBroken,
    CursorExpired,
    PermissionLost,
    RateLimited,
    ReadStrategy,
    Retry,
    SignInAgain,
)
from connectors.models import AccountState
from connectors.testing.memory import MemoryObject, contacts
from syncengine import deleting
from syncengine.core.deletion import shrinks_too_much
from syncengine.core.mapping import Side
from syncengine.models import DirtyRecord, RecordLink, RemoteRecord
from syncengine.services import SyncError

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
READS = [
    {"read": ReadStrategy.LISTING},
    {"read": ReadStrategy.LISTING, "lists_versions": True},
    {"read": ReadStrategy.SINCE},
    {"read": ReadStrategy.SINCE, "tombstones": True},
    {"read": ReadStrategy.DELTA, "tombstones": True},
]


def in_step(make_world: MakeWorld, count: int = 1, **habits: Any) -> tuple[World, list[str], list[str]]:
    world = make_world(contacts(**habits), contacts(**habits))
    ids = [world.a.add(ANN, mail=f"p{n}@example.com") for n in range(count)]
    world.rest()
    return world, ids, [str(world.link(a=id_).b_id) for id_ in ids]


def look(world: World) -> None:
    """Long enough for the next complete listing."""
    world.wait(minutes=11)
    world.rest()


@pytest.mark.parametrize("habits", READS)
@pytest.mark.parametrize("side", ["a", "b"])
def test_rule_8_1_a_deletion_is_never_passed_on(make_world: MakeWorld, side: str, habits: dict[str, Any]) -> None:
    world, (a, other), (b, _) = in_step(make_world, 2, **habits)
    here, there, lost, kept = (world.a, world.b, a, b) if side == "a" else (world.b, world.a, b, a)
    here.remove(lost)
    look(world)
    assert (world.link(a=a).state, world.link(a=a).cause) == ("failing", f"deleted_in_{side}")
    assert kept in there.rows and world.link(a=other).state == "in_sync"
    there.edit(kept, job="Cook")
    look(world)
    assert lost not in here.rows and len(here.rows) == 1, "an edit of the survivor does not recreate it"
    assert world.link(a=a).cause == f"deleted_in_{side}"
    world.rests()
    here.restore(lost)
    look(world)
    assert world.link(a=a).state == "in_sync" and here.values(lost)["job"] == "Cook"
    world.rests()


@pytest.mark.parametrize("habits", READS)
def test_rule_8_1_deleted_in_both_is_closed(make_world: MakeWorld, habits: dict[str, Any]) -> None:
    world, (a,), (b,) = in_step(make_world, **habits)
    world.a.remove(a)
    look(world)
    world.b.remove(b)
    look(world)
    assert RecordLink.objects.get().state == "closed" and world.states() == {}
    world.a.restore(a)
    look(world)
    assert world.link(a=a).cause == "deleted_in_b" and not world.b.rows, "what is back is not copied as if it were new"
    world.b.restore(b)
    look(world)
    assert world.states() == {"in_sync": 1}
    world.rests()


def test_rule_8_1_a_record_without_another_end_is_closed(make_world: MakeWorld) -> None:
    world = make_world()
    a = world.a.add(first="Kim")
    world.rest()
    world.a.remove(a)
    world.rest()
    assert world.states() == {} and not world.open_links()


@pytest.mark.parametrize("habits", READS)
def test_rule_8_4_an_empty_listing_proves_nothing(make_world: MakeWorld, habits: dict[str, Any]) -> None:
    """The index of the app is lost: it lists nothing, and still knows each record by its id."""
    world, *_ = in_step(make_world, 5, **habits)
    hide(world.b, list(world.b.rows))
    look(world)
    assert world.states() == {"in_sync": 5} and not RemoteRecord.objects.filter(gone=True).exists()


def test_rule_8_4_a_listing_that_shrinks_is_looked_at_twice(make_world: MakeWorld) -> None:
    world, ids, others = in_step(make_world, 6)
    hide(world.b, others[:4])
    world.b.remove(others[5])
    world.rest()
    assert world.states() == {"in_sync": 5, "failing": 1, "failing:deleted_in_b": 1}
    assert world.link(a=ids[5]).cause == "deleted_in_b"


def hide(one: MemoryObject, ids: list[str]) -> None:
    """Pages do not show these any more; `get` does."""
    page = one.page

    def without(cursor: Any) -> Any:
        found = page(cursor)
        shown = {name: tuple(r for r in found.records if r.id not in ids) for name in ("records",)}
        versions = tuple(v for v in found.versions if v[0] not in ids)
        return type(found)(**{**{n: getattr(found, n) for n in found.__slots__}, **shown, "versions": versions})

    one.page = without  # type: ignore[method-assign]


@pytest.mark.parametrize(
    "error",
    [
        Retry("cut"),
        ConnectorBroken("an HTML page"),
        SignInAgain("expired"),
        RateLimited("slow", 1),
        CursorExpired("old"),
    ],
)
def test_rule_8_4_a_listing_that_failed_infers_nothing(make_world: MakeWorld, error: Exception) -> None:
    """The third page fails. What the listing would have lacked is looked for in the next one only."""
    world, *_ = in_step(make_world, 7, page_size=2)
    pages, page = iter(range(100)), world.b.page

    def fails(cursor: Any) -> Any:
        if next(pages) == 2:
            raise error
        return page(cursor)

    world.b.page = fails  # type: ignore[method-assign]
    for _ in range(8):
        world.wait(minutes=11)
        world.slice()
    assert world.states() == {"in_sync": 7} and not RemoteRecord.objects.filter(gone=True).exists()
    assert world.writes == 7 and world.slice().quiet


def test_rule_8_4_a_second_look_that_fails_proves_nothing(make_world: MakeWorld) -> None:
    world, (a, *_), (b, *_) = in_step(make_world, 2)
    world.b.remove(b)
    world.right.fail_next("get", Retry("cut"))
    world.slice()
    assert world.states() == {"in_sync": 2} and DirtyRecord.objects.exists()
    world.wait(minutes=1)
    world.rest()
    assert world.link(a=a).cause == "deleted_in_b"


def test_rule_8_4_a_link_end_that_the_stream_never_saw_is_unread(make_world: MakeWorld) -> None:
    """After a disconnection the remote records are forgotten; the links stay. One end was deleted meanwhile."""
    world, (a, other), (b, other_b) = in_step(make_world, 2)
    RemoteRecord.objects.filter(remote_id__in=[b, other_b], stream=world.sync.pair.stream_b).delete()
    hide(world.b, [other_b])
    world.b.remove(b)
    for id_ in (a, other):
        world.a.edit(id_, job="Cook")
    world.rest()
    assert world.link(a=a).cause == "deleted_in_b", "read by its id, and not found"
    assert world.link(a=other).state == "in_sync" and world.b.values(other_b)["job"] == "Cook"


def test_rule_8_4_a_cut_page_is_stored_and_the_pass_goes_on(make_world: MakeWorld) -> None:
    """A worker that stops between pages: the next one goes on, and nobody is gone."""
    world, *_ = in_step(make_world, 6, page_size=2)
    for _ in range(3):
        world.left.fail_next("read", KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            world.slice()
        world.wait(minutes=2)
    world.rest()
    assert world.states() == {"in_sync": 6}


# --- Listings that shrink too much --------------------------------------------------------------------------


def blind(one: MemoryObject, ids: list[str]) -> None:
    """The app neither lists these nor finds them by their ids, and says that all is well."""
    hide(one, ids)
    get = one.get
    one.get = lambda wanted: get([id_ for id_ in wanted if id_ not in ids])  # type: ignore[method-assign]


def see(one: MemoryObject) -> None:
    """All is shown again."""
    vars(one).pop("page"), vars(one).pop("get", None)


@pytest.mark.parametrize("habits", [READS[0], READS[1], READS[2]])
@pytest.mark.parametrize("hidden", [14, 11])
def test_rule_8_4_a_large_shrink_waits_for_a_person(make_world: MakeWorld, hidden: int, habits: dict[str, Any]) -> None:
    """A permission is lost, and the app answers as if there were nothing: neither lists nor reads by id tell."""
    world, ids, others = in_step(make_world, 14, **habits)
    blind(world.b, others[:hidden])
    world.a.edit(ids[0], job="Cook")
    world.a.edit(ids[13], job="Baker")
    look(world)
    assert not RemoteRecord.objects.filter(gone=True).exists()
    assert world.states() == ({"in_sync": 13, "waiting": 1} if hidden < 14 else {"in_sync": 12, "waiting": 2})
    assert world.sync.attention == "missing" and f"{hidden} of its records" in world.sync.attention_reason
    assert hidden == 14 or world.b.values(others[13])["job"] == "Baker", "its values count"
    look(world)
    assert world.sync.attention == "missing" and world.writes == 14 + (hidden < 14)
    see(world.b)
    look(world)
    assert world.states() == {"in_sync": 14} and world.sync.attention == ""
    assert world.b.values(others[0])["job"] == "Cook"
    world.rests()


def test_rule_8_4_a_large_shrink_is_confirmed(make_world: MakeWorld) -> None:
    world, _ids, others = in_step(make_world, 14)
    for id_ in others[:12]:
        world.b.remove(id_)
    world.rest()
    assert world.states() == {"in_sync": 14} and world.sync.attention == "missing"
    with pytest.raises(SyncError, match="12 records"):
        deleting.confirm_missing(world.sync, side=Side.B, records=11, actor="test")
    with pytest.raises(SyncError, match="No records"):
        deleting.confirm_missing(world.sync, side=Side.A, records=12, actor="test")
    deleting.confirm_missing(world.sync, side=Side.B, records=12, actor="test")
    world.rest()
    assert world.states() == {"in_sync": 2, "failing": 12, "failing:deleted_in_b": 12}
    assert world.sync.attention == "" and len(world.a.rows) == 14
    world.rests()


def test_rule_8_4_a_word_about_these_is_none_about_others(make_world: MakeWorld) -> None:
    """More records vanish between the person's word and the next look."""
    world, _ids, others = in_step(make_world, 16)
    blind(world.b, others[:12])
    world.rest()
    deleting.confirm_missing(world.sync, side=Side.B, records=12, actor="test")
    see(world.b)
    blind(world.b, others[:13])
    world.rest()
    assert world.states() == {"in_sync": 16} and world.sync.attention == "missing"


def test_rule_8_4_reads_by_id_that_tell_them_apart_are_believed(make_world: MakeWorld) -> None:
    """The listing lacks fifteen; one of them is still found by its id, and so the others are gone."""
    world, _ids, others = in_step(make_world, 20, get_batch=4)
    hide(world.b, others[14:15])
    for id_ in others[:14]:
        world.b.remove(id_)
    world.rest()
    assert world.states() == {"in_sync": 6, "failing": 14, "failing:deleted_in_b": 14} and not world.sync.attention


def test_rule_8_4_a_second_look_that_is_forbidden_midway(make_world: MakeWorld) -> None:
    """The third batch of ids answers 403: nothing is concluded, not even of those before it."""
    world, _ids, others = in_step(make_world, 14, get_batch=4)
    blind(world.b, others[:12])
    calls, get = iter(range(100)), world.b.get

    def fails(ids: Any) -> Any:
        if next(calls) >= 2:
            raise PermissionLost("forbidden")
        return get(ids)

    world.b.get = fails  # type: ignore[method-assign]
    world.slice()
    world.sync.refresh_from_db()
    assert next(calls) == 3 and world.sync.attention == "permission"
    assert not RemoteRecord.objects.filter(gone=True).exists()
    see(world.b)
    world.wait(minutes=11)
    accounts.mark_state(world.sync.pair.stream_b.object.account, AccountState.OK)
    world.rest()
    assert world.states() == {"in_sync": 14} and world.sync.attention == ""


def test_rule_8_4_ten_or_one_in_a_hundred_are_few() -> None:
    assert not shrinks_too_much(10, 10) and shrinks_too_much(11, 11)
    assert not shrinks_too_much(20, 2000) and shrinks_too_much(21, 2000)
