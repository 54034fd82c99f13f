"""Rule 5.8 and the end of rule 10.4: what people decide about single records, through the engine."""

from __future__ import annotations

import pytest
from django.db import connection

from connectors.contract import RateLimited, Retry, WriteKind
from connectors.testing.memory import contacts
from syncengine import decisions, services
from syncengine.core.mapping import Direction, MatchBy, Matching
from syncengine.decisions import Answer
from syncengine.models import KeptApart, Operation, OperationState, RecordLink

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
BOB = {"first": "Bob", "last": "Ray", "mail": "bob@example.com"}


def ends(world: World) -> set[tuple[str | None, str | None]]:
    return {(link.a_id, link.b_id) for link in world.open_links()}


def two_and_one(make_world: MakeWorld, **settings: object) -> tuple[World, str, str, str]:
    """Two of A with the address of one of B: all three wait."""
    world = make_world(**settings)
    one = world.a.add(ANN, job="Cook")
    world.left.clock.go_on(60)  # type: ignore[attr-defined]
    two = world.a.add(ANN, first="Anna")
    b = world.b.add(ANN, phone="+49 30 1")
    world.rest()
    assert world.states() == {"failing": 3, "failing:ambiguous": 3}
    return world, one, two, b


def test_rule_5_8_a_person_links_two(make_world: MakeWorld) -> None:
    world, one, two, b = two_and_one(make_world)
    link = decisions.link_records(world.sync, a_id=two, b_id=b, actor="ann")
    assert (link.made_by, link.decided_by) == ("person", "ann")
    world.rest()
    assert (two, b) in ends(world) and world.b.values(b)["first"] == "Anna", "a first comparison: the winner's value"
    assert world.link(a=one).cause == "ambiguous", "a linked record is a candidate too (rule 5.9)"
    world.rests()


def test_rule_5_8_two_that_do_not_match_are_linked_all_the_same(make_world: MakeWorld) -> None:
    world = make_world(direction=Direction.A_TO_B, matching=Matching(MatchBy.NOTHING), email_only=False)
    b = world.b.add(BOB)
    world.rest()
    ann = world.a.add(ANN)
    world.sync.refresh_from_db()
    with pytest.raises(services.SyncError):
        decisions.link_records(world.sync, a_id=ann, b_id=b, actor="ann")  # It was not read yet.
    world.right.fail_next("write", Retry("Later."), effect=0)
    world.slice()
    assert not world.link(a=ann).is_whole
    with pytest.raises(services.SyncError, match="being written"):
        decisions.link_records(world.sync, a_id=ann, b_id=b, actor="ann")


def test_rule_5_8_kept_apart_is_remembered_and_a_tie_ends(make_world: MakeWorld) -> None:
    world, one, two, b = two_and_one(make_world)
    decisions.keep_apart(world.sync, a_id=one, b_id=b, actor="ann")
    assert world.link(a=one).state == "excluded"
    world.rest()
    assert ends(world) == {(one, None), (two, b)}, "what is left is sole"
    assert (world.link(a=one).cause, world.link(a=one).detail) == ("kept_apart", "ann")
    assert len(world.b.rows) == 1, "and nothing is copied until somebody says so"
    world.rests()
    world.a.edit(one, job="Chef")
    world.rest()
    assert world.link(a=one).cause == "kept_apart" and KeptApart.objects.get().by == "ann"
    decisions.create_new(world.sync, [world.link(a=one)], actor="ann")
    world.rest()
    assert world.link(a=one).is_whole and len(world.b.rows) == 2
    world.rests()


def test_rule_5_8_a_new_one_is_created(make_world: MakeWorld) -> None:
    world, one, two, b = two_and_one(make_world)
    decisions.create_new(world.sync, [world.link(a=two)], actor="ann")
    world.rest()
    assert (one, b) in ends(world) and world.link(a=two).is_whole and len(world.b.rows) == 2
    assert world.b.values(world.link(a=two).b_id)["first"] == "Anna"
    world.rests()


def test_rule_2_1_no_decision_overrides_a_direction(make_world: MakeWorld) -> None:
    world, one, _two, b = two_and_one(make_world, direction=Direction.B_TO_A)
    with pytest.raises(services.SyncError, match="direction"):
        decisions.create_new(world.sync, [world.link(a=one)], actor="ann")
    assert decisions.answer_ambiguous(world.sync, Answer.CREATE, actor="ann") == 1, "only the one of B"
    world.rest()
    assert len(world.b.rows) == 1 and len(world.a.rows) == 3 and world.link(b=b).is_whole
    world.rests()


@pytest.mark.parametrize("answer", list(Answer))
def test_rule_5_8_answered_in_bulk(make_world: MakeWorld, answer: Answer) -> None:
    world, one, two, b = two_and_one(make_world)
    assert decisions.answer_ambiguous(world.sync, answer, actor="ann") == 3
    world.rest()
    if answer is Answer.FIRST_CREATED:
        assert ends(world) == {(one, b), (two, None)} and world.link(a=two).cause == "left_out"
        assert world.b.values(b)["job"] == "Cook" and world.writes == 2
    elif answer is Answer.CREATE:
        assert world.states() == {"in_sync": 3} and len(world.a.rows) == len(world.b.rows) == 3
    else:
        assert world.states() == {"excluded": 3} and not world.writes
        decisions.reopen(world.sync, world.open_links(), actor="ann")
        world.rest()
        assert world.states() == {"failing": 3, "failing:ambiguous": 3}
    world.rests()


def test_rule_5_8_created_ones_stay_so_over_many_slices(make_world: MakeWorld) -> None:
    """The copy of one double is no candidate for the next, though it is linked by then."""
    world = make_world(contacts(page_size=2), contacts(page_size=2, batch={WriteKind.CREATE: 1}))
    for n in range(4):
        world.a.add(ANN, first=f"Ann {n}")
    world.b.add(ANN)
    world.rest()
    decisions.answer_ambiguous(world.sync, Answer.CREATE, actor="ann")
    for _ in range(40):
        if world.slice(slice=-world.tick().resolution).quiet:
            break
        world.wait(minutes=1)
    world.rest()
    assert world.states() == {"in_sync": 5} and len(world.a.rows) == len(world.b.rows) == 5
    world.rests()


def test_rule_5_8_ten_thousand_are_answered_by_the_set(
    make_world: MakeWorld, django_assert_max_num_queries: object
) -> None:
    world = make_world()
    world.rest()
    pair, stream_a, stream_b = world.sync.pair, *(world.sync.pair.stream_a, world.sync.pair.stream_b)
    with connection.cursor() as cursor:
        for stream, side in ((stream_a, "a"), (stream_b, "b")):
            cursor.execute(
                """INSERT INTO syncengine_remoterecord (stream_id, remote_id, fingerprint, "values", keys, label,
                       asked_at, first_seq, seq, gone, merged_into, replaced, created_at)
                   SELECT %s, 'x' || n, '', '{}', '{}', '', now(), 0, 0, FALSE, '', '', (9 - n %% 3) || ''
                     FROM generate_series(1, 5000) n""",
                [stream.pk],
            )
            RecordLink.objects.bulk_create(
                RecordLink(pair=pair, state="failing", cause="ambiguous", candidates=near(n), **{f"{side}_id": f"x{n}"})
                for n in range(1, 5001)
            )
    with django_assert_max_num_queries(60):  # type: ignore[operator]
        assert decisions.answer_ambiguous(world.sync, Answer.FIRST_CREATED, actor="ann") == 10_000
    linked = RecordLink.objects.filter(a_id__isnull=False, b_id__isnull=False)
    assert linked.count() == 1667 and all(link.a_id == link.b_id for link in linked)
    assert RecordLink.objects.filter(decision="left_out").count() == 10_000 - 2 * 1667


def near(n: int) -> list[str]:
    """Groups of three; the last is the first created."""
    first = (n - 1) // 3 * 3 + 1
    return [f"x{m}" for m in range(first, first + 3) if m <= 5000]


def test_rule_5_8_a_linked_pair_is_parted(make_world: MakeWorld) -> None:
    world = make_world()
    a, b = world.a.add(ANN, job="Cook"), world.b.add(ANN)
    world.rest()
    old = world.link(a=a)
    decisions.keep_apart(world.sync, a_id=a, b_id=b, actor="ann")
    world.rest()
    assert ends(world) == {(a, None), (None, b)} and world.states() == {"excluded": 2}
    assert {link.cause for link in world.open_links()} == {"kept_apart"}
    old.refresh_from_db()
    assert old.state == "closed" and old.operations.count() == 1, "its journal stays with it"
    world.rests()
    world.a.edit(a, job="Chef")
    world.a.remove(a)
    world.rest()
    world.a.restore(a)
    world.rest()
    assert world.b.values(b)["job"] == "Cook" and len(world.b.rows) == 1
    assert world.link(a=a).cause == "kept_apart", "what was said outlives a stay in the bin"
    world.rests()
    decisions.link_records(world.sync, a_id=a, b_id=b, actor="ann")
    world.rest()
    assert world.b.values(b)["job"] == "Chef" and not KeptApart.objects.exists(), "said otherwise"
    world.rests()


def test_rule_5_8_a_linked_record_is_not_linked_twice(make_world: MakeWorld) -> None:
    world = make_world(direction=Direction.A_TO_B)
    a, b = world.a.add(ANN), world.b.add(ANN)
    bob = world.b.add(BOB)
    world.rest()
    with pytest.raises(services.SyncError, match="linked already"):
        decisions.link_records(world.sync, a_id=a, b_id=bob, actor="ann")
    world.b.remove(b)
    world.rest()
    link = decisions.link_records(world.sync, a_id=a, b_id=bob, actor="ann")
    world.rest()
    assert ends(world) == {(a, bob)} and world.link(a=a).pk == link.pk, "a lost end gives way"
    world.rests()


def test_rule_5_8_what_was_planned_before_is_not_sent(make_world: MakeWorld) -> None:
    world = make_world(direction=Direction.A_TO_B)
    b = world.b.add(BOB)
    a = world.a.add(ANN)
    world.rest()
    first = world.link(a=a)
    decisions.keep_apart(world.sync, a_id=a, b_id=first.b_id, actor="ann")
    decisions.create_new(world.sync, [world.link(a=a)], actor="ann")
    world.right.fail_next("write", RateLimited("Too fast.", after=5), effect=0)
    world.slice()
    assert Operation.objects.filter(state=OperationState.PLANNED).exists()
    decisions.leave_out(world.sync, [world.link(a=a)], actor="ann")
    world.rest()
    assert not Operation.objects.filter(state=OperationState.PLANNED).exists()
    assert world.b.created_by_write == 1 and world.link(a=a).cause == "left_out" and b in world.b.rows
    world.rests()


# --- Creations in doubt ---------------------------------------------------------------------------------------


@pytest.fixture
def doubtful(make_world: MakeWorld) -> World:
    """Two creations were sent, one happened, and nothing tells which record it made."""
    right = contacts(batch={WriteKind.CREATE: 2}, rewrite=lambda values: {**values, "first": "Somebody"})
    world = make_world(None, right, matching=Matching(MatchBy.NOTHING), direction=Direction.A_TO_B)
    world.a.add(ANN)
    world.a.add(BOB)
    world.right.fail_next("write", Retry("The connection was lost."), effect=1)
    world.slice()
    world.rest()
    assert world.states()["failing:in_doubt"] == 2 and len(world.b.rows) == 1
    return world


def test_rule_10_4_a_person_names_the_record_that_was_created(doubtful: World) -> None:
    world = doubtful
    ann, bob = world.link(a="1"), world.link(a="2")
    decisions.it_was_created(world.sync, ann, remote_id="1", actor="ann")
    decisions.create_once_more(world.sync, [bob], actor="ann")
    world.rest()
    assert world.link(a="1").b_id == "1" and world.link(a="2").is_whole and len(world.b.rows) == 2
    assert len(world.a.rows) == 2
    world.rests()
    with pytest.raises(services.SyncError, match="in doubt"):
        decisions.look_again(world.sync, [RecordLink.objects.create(pair=world.sync.pair, a_id="9")], actor="ann")


def test_rule_10_4_looking_again_sends_nothing(doubtful: World) -> None:
    world = doubtful
    before = world.writes
    decisions.look_again(world.sync, world.links("in_doubt"), actor="ann")
    world.rest()
    assert world.states()["failing:in_doubt"] == 2 and world.writes == before
    decisions.leave_out(world.sync, world.links("in_doubt"), actor="ann")
    world.rest()
    assert "failing" not in world.states() and world.link(a="1").cause == "left_out"
    world.rests()
