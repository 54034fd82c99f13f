"""What a preview leaves alone is found, record by record, by its cause (rule 11.1)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncengine import previews, untouched
from syncengine.core.filters import FieldCondition, Filter, Filters, Group, Operator
from syncengine.models import Operation, OperationState, RecordLink, SyncRun, Untouched
from syncengine.run import planning
from syncengine.untouched import Sought

from .conftest import MakeWorld, World
from .test_rules_preview import ANN, draft, new_world, people, ready

NOT_BAKERS = Filter(groups=(Group(conditions=(FieldCondition("job", Operator.IS_NOT, "Baker"),)),))


def crowd(world: World) -> None:
    """Six without an e-mail address, two bakers, and one that may be either of two."""
    people(world)
    for n in range(5):
        world.b.add(first="No", last=f"Mail {n}")
    for n in range(2):
        world.a.add(first="Bea", last=f"Baker {n}", mail=f"bea{n}@example.com", job="Baker")
    world.a.add(first="Twin", last="One", mail="twin@example.com")
    for n in range(2):
        world.b.add(first="Twin", last=f"Number {n}", mail="twin@example.com")


def found(run: SyncRun, **sought: str) -> list[tuple[str, str | None, str | None]]:
    """All pages of it."""
    rows, after = [], ""
    while True:
        page = untouched.records(run, Sought(**sought), after=after, size=2)
        rows += [(one.cause, one.a_id, one.b_id) for one in page.rows]
        assert len(page.rows) <= 2
        if not page.next:
            return rows
        after = page.next


def test_rule_11_1_each_record_that_is_left_alone_is_found_by_its_cause(make_world: MakeWorld) -> None:
    world = new_world(make_world, filters=Filters(NOT_BAKERS, NOT_BAKERS))
    crowd(world)
    run = ready(world)
    counts = run.progress["counts"]
    assert (counts["leave_out"], counts["ask"]) == (8, 3)
    assert untouched.causes(run) == {
        ("excluded", "no_email"): 6, ("failing", "ambiguous"): 3, ("excluded", "filter_a"): 2,
    }  # fmt: skip
    rows = found(run)
    assert len(rows) == len(set(rows)) == 11, "each once, over all pages"
    assert len(found(run, kind="leave_out")) == 8 and len(found(run, kind="ask")) == 3 and found(run, kind="fail") == []
    assert {b for _cause, _a, b in found(run, cause="no_email")} == {
        id_ for id_, row in world.b.rows.items() if not row.values.get("mail")
    }
    assert {a for _cause, a, _b in found(run, rule="6.2")} == {
        id_ for id_, row in world.a.rows.items() if row.values.get("job") == "Baker"
    }
    assert len(found(run, side="a")) == 3 and len(found(run, side="b")) == 8 and found(run, rule="4.5") == []
    assert len(found(run, search="bea baker")) == 2 and found(run, search="b%a") == [] and found(run, search="o") != []
    one = next(id_ for id_, row in world.a.rows.items() if row.values["first"] == "Twin")
    assert ("ambiguous", one, None) in found(run, search=one)
    (asked,) = untouched.records(run, Sought(kind="ask", side="a")).rows
    assert {other.label for other in asked.candidates} == {"Twin Number 0", "Twin Number 1"} and asked.rule == "5.8"
    (baker, _other) = untouched.records(run, Sought(cause="filter_a")).rows
    assert "Baker" in baker.detail, "the values that decided"


def test_rule_11_1_there_is_no_row_for_each_record_that_is_left_out(make_world: MakeWorld) -> None:
    world = new_world(make_world)
    for n in range(60):
        world.b.add(first="No", last=f"Mail {n}")
    run = ready(world)
    assert len(found(run)) == 60 and Untouched.objects.count() == 1 and RecordLink.objects.count() == 0


def test_rule_11_1_what_a_draft_leaves_out_of_links_that_are_there(make_world: MakeWorld) -> None:
    world = make_world()
    a = world.a.add(ANN, mail="one@example.com", job="Baker")
    world.rest()
    draft(world, filters=Filters(NOT_BAKERS, NOT_BAKERS))
    run = ready(world)
    assert found(run) == [("filters", a, world.link(a=a).b_id)] and world.states() == {"in_sync": 1}


def test_rule_11_1_the_list_goes_when_the_preview_is_decided_or_over(make_world: MakeWorld) -> None:
    world = new_world(make_world)
    people(world)
    run = ready(world)
    assert Untouched.objects.exists()
    previews.discard(run, actor="ann")
    assert not Untouched.objects.exists()
    previews.approve(ready(world), actor="ann")
    assert not Untouched.objects.exists()
    world.rest()
    assert world.states() == {"in_sync": 5, "excluded": 1}, "the records tell it themselves"


def test_rule_11_1_a_search_knows_what_is_rare(make_world: MakeWorld) -> None:
    world = new_world(make_world)
    people(world)
    run = ready(world)
    counted = run.progress["found"]
    assert counted["field:job"] == previews.operations(run, previews.Wanted(field="job")).count() > 0
    assert counted["rule:3.4"] == previews.operations(run, previews.Wanted(rule="3.4")).count() > 0
    both = previews.Wanted(field="job", rule="3.4")
    assert 0 < previews.operations(run, both).count() <= counted["rule:3.4"]
    assert not previews.operations(run, previews.Wanted(field="no such field")).exists()


def test_rule_11_1_what_was_approved_stays_so_when_a_long_run_comes_across_it_twice(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world(make_world)
    for n in range(4):
        world.a.add(ANN, mail=f"p{n}@example.com", job="Cook")
        world.b.add(ANN, mail=f"p{3 - n}@example.com", job="Baker")
    run = ready(world)
    previews.approve(run, actor="ann")
    monkeypatch.setattr(planning, "CHUNK", 1)
    for _ in range(60):
        if world.slice(slice=timedelta(0)).quiet:
            break
    done = Operation.objects.filter(state=OperationState.DONE).exclude(kind="link")
    assert {(op.kind, op.side, op.decided_by) for op in done} == {("update", "b", "ann")} and done.count() == 4
    assert Operation.objects.filter(kind="update").count() == 4, "the rows that were shown"
    assert {row.values["job"] for row in world.b.rows.values()} == {"Cook"}
