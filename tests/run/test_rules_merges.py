"""Merges are followed (rule 8.5), through the engine: never a deletion, never a second copy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.contract import MergeSignal, ReadStrategy, WriteKind
from connectors.testing.memory import contacts
from syncengine import deleting, services
from syncengine.core.mapping import Side
from syncengine.models import FormerEnd, Operation, RecordLink, RemoteRecord
from syncengine.run.read import make_dirty
from syncengine.services import SyncError

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee"}
DELTA = {"read": ReadStrategy.DELTA, "tombstones": True}
TELLS: dict[str, Any] = {**DELTA, "merges": frozenset({MergeSignal.FEED})}
WAYS: dict[str, dict[str, Any]] = {
    "the feed says so": TELLS,
    "the survivor lists it": {"read": ReadStrategy.SINCE, "merges": frozenset({MergeSignal.SURVIVOR})},
    "of a listing, too": {"merges": frozenset({MergeSignal.SURVIVOR})},
    "only versions are listed": {**DELTA, "lists_versions": True, "merges": frozenset({MergeSignal.SURVIVOR})},
    "called deleted, and asked for": {**DELTA, "merges": frozenset({MergeSignal.REDIRECT})},
    "missing, and asked for": {"merges": frozenset({MergeSignal.REDIRECT})},
    "it goes on being shown": {"read": ReadStrategy.SINCE, "merges": frozenset({MergeSignal.LOSER})},
    "in a listing, too": {"merges": frozenset({MergeSignal.LOSER})},
}
"""How apps tell of merges."""
every_way = pytest.mark.parametrize("way", WAYS)


def in_step(make_world: MakeWorld, count: int = 2, tells: dict[str, Any] = TELLS, **settings: Any) -> World:
    """Records "1", "2", … on both sides, linked with each other."""
    world = make_world(contacts(**tells), contacts(**tells), **settings)
    for n in range(count):
        world.a.add(ANN, mail=f"p{n}@example.com", job=f"Job {n}")
    world.rest()
    assert all(link.a_id == link.b_id for link in world.open_links())
    return world


def look(world: World) -> None:
    world.wait(minutes=11)
    world.rest()


def nothing_deleted(world: World) -> None:
    assert not Operation.objects.filter(kind__in=[WriteKind.DELETE, WriteKind.ARCHIVE]).exists()
    world.rests()


@every_way
@pytest.mark.parametrize("side", ["a", "b"])
def test_rule_8_5_the_link_moves_to_the_survivor(make_world: MakeWorld, side: str, way: str) -> None:
    """The survivor was new, or had stayed out: it has no link of its own."""
    deletions = {Side.A: WriteKind.DELETE, Side.B: WriteKind.DELETE}
    world = in_step(make_world, tells=WAYS[way], deletions=deletions)
    here, there = (world.a, world.b) if side == "a" else (world.b, world.a)
    link = world.link(a="1")
    new = here.add(ANN, mail="new@example.com", job="Boss")
    here.merge("1", into=new)
    look(world)
    link.refresh_from_db()
    assert link.end(Side(side)) == new and link.state == "in_sync"
    assert FormerEnd.objects.get(link=link).remote_id == "1"
    assert there.values("1")["job"] == "Boss" and len(world.a.rows) == len(world.b.rows) == 2
    nothing_deleted(world)


def test_rule_8_5_the_survivor_had_a_row_of_its_own(make_world: MakeWorld) -> None:
    """Excluded until then: no e-mail address."""
    world = in_step(make_world)
    alone = world.a.add(first="Kim", job="Boss")
    world.rest()
    assert world.link(a=alone).state == "excluded"
    world.a.merge("1", into=alone)
    look(world)
    assert world.link(b="1").a_id == alone and len(world.open_links()) == 2
    nothing_deleted(world)


@every_way
def test_rule_8_5_both_had_links_a_person_decides(make_world: MakeWorld, way: str) -> None:
    world = in_step(make_world, tells=WAYS[way], deletions={Side.B: WriteKind.DELETE})
    world.a.merge("1", into="2")
    look(world)
    link = world.link(a="1")
    assert (link.state, link.cause) == ("failing", "merged") and world.link(a="2").b_id == "2"
    world.b.edit("1", job="Baker")
    look(world)
    assert world.link(a="1").cause == "merged" and len(world.a.rows) == 1 and len(world.b.rows) == 2
    nothing_deleted(world)


def test_rule_8_5_merged_by_hand_on_the_other_side(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    world.a.merge("1", into="2")
    look(world)
    world.b.merge("1", into="2")
    look(world)
    assert world.states() == {"in_sync": 1} and len(world.b.rows) == len(world.a.rows) == 1
    assert set(FormerEnd.objects.values_list("side", "remote_id", "link__a_id")) == {("a", "1", "2"), ("b", "1", "2")}
    nothing_deleted(world)


def test_rule_8_5_kept_unlinked(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    with pytest.raises(SyncError, match="nothing to decide"):
        deleting.keep_unlinked(world.link(a="1"), actor="ann@example.com")
    world.a.merge("1", into="2")
    look(world)
    deleting.keep_unlinked(world.link(a="1"), actor="ann@example.com")
    world.rest()
    left = world.link(b="1")
    assert (left.a_id, left.state, left.cause) == (None, "excluded", "kept_apart")
    assert len(world.a.rows) == 1 and len(world.b.rows) == 2, "not copied as if it were new"
    world.b.edit("1", job="Baker", mail="p1@example.com")
    look(world)
    assert len(world.a.rows) == 1 and world.a.values("2")["job"] == "Job 1"
    nothing_deleted(world)


@every_way
@pytest.mark.parametrize("together", [True, False])
def test_rule_8_5_a_chain(make_world: MakeWorld, together: bool, way: str) -> None:
    world = in_step(make_world, 1, WAYS[way])
    last = "1"
    for name in "bc":
        survivor = world.a.add(ANN, mail=f"{name}@example.com")
        world.a.merge(last, into=survivor)
        last = survivor
        if not together:
            look(world)
    look(world)
    assert world.link(b="1").a_id == last and len(world.b.rows) == 1
    nothing_deleted(world)


@every_way
def test_rule_8_5_two_linked_records_into_a_new_one(make_world: MakeWorld, way: str) -> None:
    """The elder link goes on; the other one is put to a person."""
    world = in_step(make_world, tells=WAYS[way])
    new = world.a.add(ANN, mail="both@example.com")
    for loser in ("1", "2"):
        world.a.merge(loser, into=new)
    look(world)
    assert world.link(a=new).b_id == "1" and world.link(b="2").cause == "merged" and len(world.b.rows) == 2
    nothing_deleted(world)


def test_rule_8_5_merged_on_both_sides_into_opposite_ones(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    world.a.merge("1", into="2")
    world.b.merge("2", into="1")
    look(world)
    link = RecordLink.objects.get(closed_at=None)
    assert (link.a_id, link.b_id, link.state) == ("2", "1", "in_sync")
    nothing_deleted(world)


def test_rule_8_5_told_twice_and_after_it_was_missed(make_world: MakeWorld) -> None:
    """First the listing lacks the loser, then the feed says why."""
    world = in_step(make_world)
    new = world.a.add(first="Kim")
    world.a.remove("1")
    look(world)
    assert world.link(b="1").cause == "deleted_in_a"
    world.a.restore("1")
    world.a.merge("1", into=new)
    page = world.a.page

    def again(cursor: Any) -> Any:
        found = page(cursor)
        return type(found)(**{**{n: getattr(found, n) for n in found.__slots__}, "merged": (("1", new),)})

    world.a.page = again  # type: ignore[method-assign]
    for _ in range(2):
        look(world)
    assert world.link(b="1").a_id == new and RemoteRecord.objects.get(remote_id="1", merged_into=new).gone
    nothing_deleted(world)


def test_rule_8_5_a_loser_that_comes_back_is_not_copied(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    new = world.a.add(ANN, mail="new@example.com")
    world.a.merge("1", into=new)
    look(world)
    world.a.restore("1")
    look(world)
    back = world.link(a="1")
    assert (back.cause, back.candidates) == ("ambiguous", ["1"]) and len(world.b.rows) == 2


def test_rule_8_5_the_survivor_is_deleted_later(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    new = world.a.add(ANN, mail="new@example.com")
    world.a.merge("1", into=new)
    world.a.remove(new)
    look(world)
    link = world.link(b="1")
    assert (link.a_id, link.cause) == (new, "deleted_in_a")
    services.retry([link])
    world.rest()
    nothing_deleted(world)


def test_rule_8_5_a_survivors_list_is_not_believed_of_one_that_is_there(make_world: MakeWorld) -> None:
    """It names a record that was brought back, whenever it is read."""
    world = in_step(make_world, tells=WAYS["the survivor lists it"])
    tell = world.a._record
    world.a._record = lambda row: replace(tell(row), merged=("1",) if row.id == "2" else ())  # type: ignore[method-assign]
    world.a.edit("2", job="Boss")
    look(world)
    assert world.states() == {"in_sync": 2} and world.b.values("2")["job"] == "Boss"
    assert (world.link(a="1").b_id, world.link(a="2").b_id) == ("1", "2")
    nothing_deleted(world)


@pytest.mark.parametrize("lock", [True, False])
def test_rule_8_5_merged_away_just_before_it_is_written_to(make_world: MakeWorld, lock: bool) -> None:
    """Without a lock the app writes to the survivor instead; either way the link moves, and both are equal again."""
    tells = {**WAYS["called deleted, and asked for"], "redirects_writes": True, "lock": lock}
    world = in_step(make_world, tells=tells, deletions={Side.A: WriteKind.DELETE})
    new = world.b.add(first="Kim", job="Boss")
    world.rest()
    write = world.b.write

    def merged_before(writes: Any) -> Any:
        if "1" in world.b.rows:
            world.b.merge("1", into=new)
        return write(writes)

    world.b.write = merged_before  # type: ignore[method-assign]
    world.a.edit("1", job="Baker")
    look(world)
    assert world.link(b=new).a_id == "1" and len(world.a.rows) == len(world.b.rows) == 2
    assert world.b.values(new)["job"] == world.a.values("1")["job"] == "Baker"
    nothing_deleted(world)


def test_rule_8_4_answers_that_nobody_asked_for_make_nothing_look_deleted(make_world: MakeWorld) -> None:
    world = in_step(make_world, deletions={Side.B: WriteKind.DELETE})
    get = world.a.get
    world.a.get = lambda ids: [world.a._record(world.a.rows["2"])]  # type: ignore[method-assign]
    make_dirty(world.sync.pair.stream_a, ["1"], world.now)
    for _ in range(3):
        world.slice()
        world.wait(minutes=11)
    world.sync.refresh_from_db()
    assert world.sync.attention == "broken" and world.link(a="1").b_id == "1"
    assert not RemoteRecord.objects.filter(gone=True).exists()
    world.a.get = get  # type: ignore[method-assign]
    look(world)
    nothing_deleted(world)
