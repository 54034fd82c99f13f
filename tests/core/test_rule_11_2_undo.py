"""What goes back, and what is left alone, as a pure function (rule 11.2)."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.contract import FieldType
from syncengine.core.baselines import Planned
from syncengine.core.mapping import Direction
from syncengine.core.rules import Rules
from syncengine.core.undo import Ends, Left, Undoing, Wrote, still_to_undo, undo_changes

from .build import A, B, field, rules_of

STRAND = rules_of(field("x"), field("y")).lenses[0].strand("")


def change(before: Any, after: Any, **more: Any) -> dict[str, Any]:
    return {"field": "y", "before": before, "after": after, "mapping": "m", "rule": "3.2", "reason": "x"} | more


def wrote(id_: int, before: Any, after: Any, **more: Any) -> Wrote:
    return Wrote(id_, id_, "update", "1", [change(before, after, **more)], {STRAND: Planned(after, before, after)})


def undo(
    now: Any, *writes: Wrote, rules: Rules | None = None, notes: Any = None, base: Any = None, run: int = 0
) -> Undoing:
    ends = Ends({A: {"x": "z"}, B: {"y": now}}, {A: {}, B: {STRAND: base}}, notes or {}, {"m": {"run": run}})
    return undo_changes(rules or rules_of(field("x"), field("y")), B, writes, ends)


def after(undoing: Undoing) -> list[Any]:
    return [c["after"] for c in undoing.changes]


def why(undoing: Undoing) -> list[Left]:
    return [reason for reason, _change in undoing.left]


def test_rule_11_2_the_newest_write_counts_and_the_oldest_value_returns() -> None:
    done = undo("3", wrote(2, "2", "3"), wrote(1, "1", "2"))
    assert after(done) == ["1"] and done.changes[0]["before"] == "3"
    assert done.strands[STRAND] == Planned("z", "3", "1")


def test_rule_11_2_what_was_edited_since_is_left_and_what_is_back_is_not_told() -> None:
    assert why(undo("mine", wrote(1, "1", "2"))) == [Left.EDITED]
    back = undo("1", wrote(1, "1", "2"))
    assert not back.changes and not back.left
    assert not undo("2", wrote(1, "1", "2", undone=True)).changes, "undone once is enough"


def test_rule_11_2_values_are_compared_in_their_normal_form() -> None:
    rules = rules_of(field("x", FieldType.EMAIL), field("y", FieldType.EMAIL))
    strand = rules.lenses[0].strand("")
    planned = {strand: Planned("new@x.de", "old@x.de", "new@x.de")}
    ours = Wrote(1, 1, "update", "1", [change("old@x.de", "new@x.de")], planned)
    assert after(undo("NEW@x.de", ours, rules=rules)) == ["old@x.de"]


@pytest.mark.parametrize(
    ("note", "run", "left"),
    [("rewritten", 1, []), ("receiver_edit", 1, [Left.EDITED]), ("rewritten", 2, [Left.EDITED])],
)
def test_rule_11_2_what_the_app_made_of_it_is_ours_and_nothing_else(note: str, run: int, left: list[Left]) -> None:
    assert why(undo("two", wrote(1, "1", "2"), notes={STRAND: note}, base="two", run=run)) == left


def test_rule_2_1_the_direction_and_required_fields_stand() -> None:
    one_way = rules_of(field("x"), field("y"), direction=Direction.B_TO_A)
    assert why(undo("2", wrote(1, "1", "2"), rules=one_way)) == [Left.DIRECTION]
    required = rules_of(field("x"), field("y", required=True))
    assert why(undo("2", wrote(1, None, "2"), rules=required)) == [Left.REQUIRED]
    assert why(undo("2", wrote(1, "1", "2"), rules=rules_of(field("x"), field("y", read_only=True)))) != []


@pytest.mark.parametrize(("now", "todo", "back"), [("2", 1, 0), ("1", 0, 1), ("mine", 0, 0)])
def test_rule_11_2_judged_once_more_before_it_is_sent(now: str, todo: int, back: int) -> None:
    rules = rules_of(field("x"), field("y"))
    left = still_to_undo([change("2", "1")], {STRAND: Planned("z", "2", "1")}, rules, B, {"y": now})
    assert (len(left.todo), len(left.back), len(left.strands)) == (todo, back, todo + back)
