"""Sections 5 and 6 of the rules, through the engine."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from connectors.contract import DuplicateRecord, Field, FieldType, ReadStrategy
from connectors.testing.memory import MemoryApp, MemoryObject, contacts
from syncengine import services
from syncengine.core.mapping import Direction, MatchBy, Matching
from syncengine.models import FormerEnd, KeptApart, RecordLink, SyncRun

from .conftest import MakeWorld, World, connect_app

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
BOB = {"first": "Bob", "last": "Ray", "mail": "bob@example.com"}
NAMELESS = {"first": "Kim", "last": "Poe", "mail": None, "company": "Acme"}


def pairs(world: World) -> set[tuple[str | None, str | None]]:
    return {(link.a_id, link.b_id) for link in world.open_links()}


def causes(world: World) -> dict[tuple[str | None, str | None], str]:
    return {(link.a_id, link.b_id): link.cause for link in world.open_links()}


def test_rule_5_2_nothing_is_written_before_both_sides_were_read_whole(make_world: MakeWorld) -> None:
    world = make_world(contacts(page_size=2), contacts(page_size=2))
    for n in range(7):
        world.a.add(ANN, mail=f"a{n}@example.com")
        world.b.add(ANN, mail=f"a{n + 3}@example.com")
    while not world.slice(slice=timedelta(0)).quiet:
        read_whole = all(s.listed_at is not None for s in world.streams())
        assert read_whole or not world.writes
        assert SyncRun.objects.count() == 1
    assert len(pairs(world)) == 10 and len(world.a.rows) == len(world.b.rows) == 10


def test_rule_5_1_a_link_outlives_its_keys(make_world: MakeWorld) -> None:
    """The link decides before any key does, even where the keys by now speak for somebody else."""
    world = make_world()
    ann, bob = world.a.add(ANN), world.a.add(BOB)
    world.rest()
    others = {a: world.link(a=a).b_id for a in (ann, bob)}
    world.b.edit(str(others[ann]), mail="ann@private.example")
    world.a.edit(bob, mail="robert@example.com")
    world.rest()
    assert {a: world.link(a=a).b_id for a in (ann, bob)} == others
    assert world.a.values(ann)["mail"] == "ann@private.example", "and its values cross"
    world.rests()


@pytest.mark.parametrize("direction, made", [(Direction.TWO_WAY, 1), (Direction.A_TO_B, 1), (Direction.B_TO_A, 0)])
def test_rule_5_1_a_new_record_where_nothing_matches_and_the_direction_allows(
    make_world: MakeWorld, direction: Direction, made: int
) -> None:
    world = make_world(direction=direction)
    matched, new = world.a.add(ANN), world.a.add(BOB)
    existing = world.b.add(ANN)
    world.rest()
    assert world.link(a=matched).b_id == existing
    assert world.b.created_by_write == made and world.link(a=new).is_whole == bool(made)
    world.rests()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_rule_5_8_the_order_of_reading_changes_nothing(make_world: MakeWorld, order: tuple[int, ...]) -> None:
    """Two of A share an address with one of B; a third pair is plain. In any order, on pages of one."""
    world = make_world(contacts(page_size=1), contacts(page_size=1), direction=Direction.TWO_WAY)
    people = [ANN, {**ANN, "first": "Anna"}, BOB]
    ids = {n: world.a.add(people[n]) for n in order}
    ann, bob = world.b.add(ANN), world.b.add(BOB)
    world.rest()
    assert causes(world) == {
        (ids[0], None): "ambiguous",
        (ids[1], None): "ambiguous",
        (None, ann): "ambiguous",
        (ids[2], bob): "",
    }
    assert world.link(b=ann).candidates == sorted([ids[0], ids[1]]) and world.link(a=ids[0]).candidates == [ann]
    world.rests()


def test_rule_5_8_a_tie_that_ends_is_linked(make_world: MakeWorld) -> None:
    """One of two candidates gets another address: what is left is sole, though nobody touched it."""
    world = make_world()
    one, two, b = world.a.add(ANN), world.a.add(ANN, first="Anna"), world.b.add(ANN)
    world.rest()
    world.a.edit(two, mail="anna@example.com")
    world.rest()
    assert world.link(a=one).b_id == b and world.link(a=two).is_whole
    assert world.states() == {"in_sync": 2}
    world.rests()


def test_rule_5_8_a_tie_ends_when_a_candidate_is_deleted(make_world: MakeWorld) -> None:
    world = make_world()
    one, two, b = world.a.add(ANN), world.a.add(ANN, first="Anna"), world.b.add(ANN)
    world.rest()
    world.a.remove(two)
    world.rest()
    assert pairs(world) == {(one, b)}
    world.rests()


def test_rule_5_8_a_verdict_needs_all_candidates_of_both(make_world: MakeWorld) -> None:
    """What comes to be a candidate must not link others whose candidates were not looked at."""
    world = make_world(email_only=False)
    kim = world.b.add(NAMELESS)
    one = world.a.add(NAMELESS)
    two = world.a.add(NAMELESS)
    other = world.b.add(NAMELESS, phone="+49 30 1")
    world.rest()
    assert set(causes(world).values()) == {"ambiguous"}
    third = world.a.add(NAMELESS, phone="+49 30 2")
    world.rest()
    assert {link.cause for link in world.open_links()} == {"ambiguous"} and not world.writes
    assert sorted(world.link(b=kim).candidates) == sorted([one, two, third])
    world.rests()
    world.b.remove(other)
    world.rest()
    assert not world.writes


def test_rule_5_9_a_linked_record_is_a_candidate_too(make_world: MakeWorld) -> None:
    world = make_world()
    a, b = world.a.add(ANN), world.b.add(ANN)
    world.rest()
    copy = world.a.add(ANN, first="Anna")
    world.rest()
    assert pairs(world) == {(a, b), (copy, None)} and world.link(a=copy).cause == "ambiguous"
    assert world.link(a=copy).candidates == [b] and not world.writes
    world.rests()


@pytest.mark.parametrize("first", ["the new one", "the deletion"])
def test_rule_5_9_a_widowed_link_takes_its_sole_match(make_world: MakeWorld, first: str) -> None:
    world = make_world()
    a, b = world.a.add(ANN, job="Cook"), world.b.add(ANN)
    world.rest()
    link = world.link(a=a).pk
    if first == "the new one":
        new = world.b.add(ANN, phone="+49 30 1")
        world.rest()
        assert world.link(b=new).cause == "ambiguous"
        world.b.remove(b)
    else:
        world.b.remove(b)
        world.rest()
        assert world.link(a=a).cause == "deleted_in_b"
        new = world.b.add(ANN, phone="+49 30 1")
    world.rest()
    assert pairs(world) == {(a, new)} and world.link(a=a).pk == link
    assert world.b.values(new)["job"] == "Cook" and world.a.values(a)["phone"] == "+49 30 1"
    assert FormerEnd.objects.get().remote_id == b
    world.rests()
    world.b.restore(b)
    world.rest()
    assert len(world.a.rows) == 1 and world.link(b=b).cause == "ambiguous", "a former end is never copied as new"
    world.rests()


def test_rule_5_9_kept_apart_stays_apart(make_world: MakeWorld) -> None:
    world = make_world()
    one, two, b = world.a.add(ANN), world.a.add(ANN, first="Anna"), world.b.add(ANN)
    world.rest()
    for a in (one, two):
        KeptApart.objects.create(pair=world.sync.pair, a_id=a, b_id=b)
    services.retry(world.open_links())
    world.rest()
    assert len(world.b.rows) == 3 and len(world.a.rows) == 3 and (one, b) not in pairs(world)
    assert world.states() == {"in_sync": 3}
    world.rests()


def answer_duplicate(one: MemoryObject, existing: str) -> None:
    """An app that finds twins by its own lights."""
    create = one._create

    def refuse(write: Any) -> Any:
        return (
            DuplicateRecord(existing, "There is one already.")
            if write.values.get("mail") == "bob@example.com"
            else create(write)
        )

    one._create = refuse  # type: ignore[method-assign]


def test_rule_5_9_an_existing_record_that_nobody_has_is_linked(make_world: MakeWorld) -> None:
    world = make_world(direction=Direction.A_TO_B)
    robert = world.b.add(BOB, mail="robert@example.com", job="Clerk")
    answer_duplicate(world.b, robert)
    bob = world.a.add(BOB, job="Cook")
    world.rest()
    assert pairs(world) == {(bob, robert)} and world.b.values(robert)["job"] == "Cook"
    world.rests()


@pytest.mark.parametrize("why", ["linked", "kept apart"])
def test_rule_5_9_an_answer_never_means_a_record_that_is_taken(make_world: MakeWorld, why: str) -> None:
    world = make_world(direction=Direction.A_TO_B)
    ann_a, ann_b = world.a.add(ANN), world.b.add(ANN)
    world.rest()
    bob = world.a.add(BOB)
    if why == "kept apart":
        ann_b = world.b.add(BOB, mail="robert@example.com")
        KeptApart.objects.create(pair=world.sync.pair, a_id=bob, b_id=ann_b)
    answer_duplicate(world.b, ann_b)
    world.slice()
    link = world.link(a=bob)
    assert (link.b_id, link.state, link.cause) == (None, "failing", "duplicate")
    assert world.link(a=ann_a).is_whole and world.link(a=bob).next_try_at > world.now


def test_rule_5_9_an_app_that_answers_a_creation_with_a_linked_record(make_world: MakeWorld) -> None:
    """Some apps take a creation for an update of what they have: no link is taken over by it."""
    world = make_world()
    ann_a, ann_b = world.a.add(ANN), world.b.add(ANN)
    world.rest()
    create = world.b._create

    def upsert(write: Any) -> Any:
        return world.b._written(world.b.rows[ann_b]) if write.values.get("mail") == "bob@example.com" else create(write)

    world.b._create = upsert  # type: ignore[method-assign]
    bob, eve = world.a.add(BOB), world.a.add(BOB, first="Eve", mail="eve@example.com")
    world.slice()
    assert world.link(a=bob).cause == "duplicate" and world.link(a=ann_a).b_id == ann_b
    assert world.link(a=eve).is_whole


def test_rule_5_10_duplicates_inside_one_account_are_copied(make_world: MakeWorld) -> None:
    world = make_world()
    ids = [world.a.add(ANN), world.a.add(ANN, first="Anna")]
    world.rest()
    assert len(world.b.rows) == 2 and {world.link(a=id_).state for id_ in ids} == {"in_sync"}
    world.rests()
    world.a.edit(ids[0], job="Cook")
    world.rest()
    assert world.b.values(world.link(a=ids[0]).b_id)["job"] == "Cook"


def test_rule_5_6_a_field_of_ones_own_gets_its_keys(make_world: MakeWorld) -> None:
    """Also where the records were read before anybody chose it."""
    code = Field("code", "Code", FieldType.TEXT)
    fields = (*contacts().resource.fields, code)
    world = make_world(
        contacts(fields=fields), contacts(fields=fields), matching=Matching(MatchBy.NOTHING), direction=Direction.A_TO_B
    )
    world.a.add(ANN, code="x-1")
    world.rest()
    assert len(world.b.rows) == 1
    mary = world.b.add(first="Mary", last="Poe", mail="mary@example.com", code="X-2 ")
    world.rest()
    world.settings(matching=Matching(MatchBy.FIELD, "code", "code"))
    world.rest()
    new = world.a.add(BOB, code="x-2")
    world.rest()
    assert world.link(a=new).b_id == mary and len(world.b.rows) == 2
    world.rests()


@pytest.mark.parametrize("read", list(ReadStrategy))
def test_rule_6_1_persons_without_an_address_stay_out_judged_on_the_pair(make_world: MakeWorld, read: str) -> None:
    world = make_world(contacts(read=read), contacts(read=read))
    alone, bad = world.a.add(NAMELESS, company=None), world.a.add(BOB, mail="n/a")
    kim_a, kim_b = world.a.add(NAMELESS), world.b.add(NAMELESS, mail="kim@example.com")
    world.rest()
    assert world.link(a=alone).cause == "no_email" and world.link(a=bad).cause == "invalid_email"
    assert world.link(a=bad).detail == "n/a", "with the values that decided (rule 6.5)"
    assert world.link(a=kim_a).b_id == kim_b and world.a.values(kim_a)["mail"] == "kim@example.com"
    assert world.states() == {"excluded": 2, "in_sync": 1}
    world.rests()
    world.wait(minutes=1)
    world.a.edit(alone, mail="new@example.com")
    world.rest()
    assert world.link(a=alone).is_whole


@pytest.mark.parametrize("pass_on", [False, True])
def test_rule_5_11_what_came_from_another_account_of_the_app_is_not_passed_on(
    make_world: MakeWorld, pass_on: bool
) -> None:
    """Left and third are accounts of one app, right is in the middle: what came from third stays there."""
    world = make_world(right_app="middle", pass_on=pass_on)
    third = MemoryApp(contacts(), identity="third", label="Third")
    account = connect_app(world, third)
    middle = world.sync.pair.stream_b.object
    other = services.create_sync(object_a=middle, object_b=account.objects_offered.get(name="contacts"), actor="test")
    services.start(other, actor="test")
    here = world.beside(other)
    world.rest()
    eve = third["contacts"].add(ANN, mail="eve@example.com")
    ann = third["contacts"].add(ANN)
    own = world.a.add(ANN)
    here.rest()
    world.wait(minutes=1)
    world.rest()
    in_middle = here.link(b=eve).a_id
    link = world.link(b=in_middle)
    if pass_on:
        assert link.is_whole and len(world.a.rows) == 2
    else:
        assert (link.state, link.cause) == ("excluded", "passed_on") and set(world.a.rows) == {own}
    assert world.link(a=own).b_id == here.link(b=ann).a_id, "who is there already is the same person"
    world.rests()


def test_rule_9_1_counts_add_up_over_all_states(make_world: MakeWorld) -> None:
    world = make_world(None, contacts(), direction=Direction.A_TO_B)
    for n in range(3):
        world.a.add(ANN, mail=f"p{n}@example.com")
    world.a.add(NAMELESS)
    world.b.add(BOB)
    gone = world.a.add(ANN, mail="gone@example.com")
    paused = world.a.add(ANN, mail="paused@example.com")
    world.rest()
    world.a.remove(gone)
    RecordLink.objects.filter(a_id=paused).update(paused=True, replan=True)
    world.rest()
    assert world.states() == {
        "in_sync": 3,
        "paused": 1,
        "excluded": 2,
        "failing": 1,
        "failing:deleted_in_a": 1,
    }
    assert causes(world)[(None, "1")] == "direction"
    world.a.edit(paused, job="Cook")
    world.rest()
    assert "job" not in world.b.values(world.link(a=paused).b_id)
    world.rests()
