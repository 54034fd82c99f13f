"""Filters, as far as they are judged without a run (rules 6.2, 6.3 and 6.5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Kind
from syncengine.core.filter_faults import faults
from syncengine.core.filters import (
    ALONE,
    OPERATORS,
    FieldCondition,
    Filter,
    FilterMode,
    Filters,
    Group,
    Joined,
    Leaving,
    Operator,
)
from syncengine.core.judging import Judge
from syncengine.core.mapping import Direction, FieldMapping, Side, SyncSettings
from syncengine.core.merge import Reason
from syncengine.core.plan import LinkMemory, baselines_after, plan_link
from syncengine.core.scope import Condition, open_ways
from syncengine.core.values import Locale

from .build import A, B, Pair, T, field, resource, rules_of

Op = Operator
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
PEOPLE = resource(
    field("name"),
    field("mail", T.EMAIL),
    field("phone", T.PHONE),
    field("age", T.INTEGER),
    field("budget", T.MONEY),
    field("stage", T.CHOICE, options=("new", "won", "lost")),
    field("tags", T.MULTI_CHOICE),
    field("mails", T.EMAIL, multi_valued=True),
    field("vip", T.BOOLEAN),
    field("since", T.DATE),
    field("seen", T.DATETIME),
    field("company", T.REFERENCE, target="companies"),
    field("owner", T.OWNER),
    field("home", T.ADDRESS),
)


def one(name: str, operator: Operator, value: Any = "") -> Filter:
    return Filter(groups=(Group(conditions=(FieldCondition(name, operator, value),)),))


def passes(filter_: Filter, now: datetime = NOW, zone: str = "UTC", **values: Any) -> bool:
    return Judge(filter_, PEOPLE, Locale("DE", zone)).judge(values, now).passes


@pytest.mark.parametrize(
    "name, operator, value, inside, outside",
    [
        ("name", Op.IS, "ann lee", ["Ann Lee", " ann  lee "], ["Ann", None]),
        ("name", Op.IS_NOT, "Ann", ["Bob", None, ""], ["ann"]),
        ("name", Op.ONE_OF, ("Ann", "Bob"), ["bob"], ["Cid", None]),
        ("name", Op.CONTAINS, "ée", ["RENÉE", "Zoe\u0301e"], ["Rene", None]),
        ("name", Op.CONTAINS_NOT, "test", ["Ann", None], ["A Test"]),
        ("name", Op.STARTS_WITH, "dr. ", ["Dr. Who"], ["Who, Dr.", None]),
        ("name", Op.BLANK, "", [None, " "], ["x"]),
        ("name", Op.NOT_BLANK, "", ["x"], [None, ""]),
        ("mail", Op.IS, "ANN@x.de", ["ann@X.de"], ["bob@x.de"]),
        ("phone", Op.IS, "030 1234567", ["+49 30 1234567"], ["+49 30 1234568"]),
        ("age", Op.GREATER, "17.5", [18], [17, None]),
        ("age", Op.LESS, "18", [-1, 17], [18, None]),
        ("age", Op.IS, "18.0", [18], [19]),
        ("budget", Op.GREATER, "100", [{"amount": "100.01", "currency": "EUR"}], [{"amount": "100", "currency": None}]),
        ("stage", Op.IS, "won", ["won"], ["Won", "new", None]),
        ("stage", Op.ONE_OF, ("won", "lost"), ["lost"], ["new", None]),
        ("tags", Op.IS, "b", [["a", "b"]], [["a"], None, []]),
        ("tags", Op.IS_NOT, "b", [["a"], None], [["a", "b"]]),
        ("mails", Op.CONTAINS, "@acme.", [["x@y.de", "a@acme.com"]], [["x@y.de"]]),
        ("vip", Op.TRUE, "", [True], [False, None]),
        ("vip", Op.FALSE, "", [False], [True, None]),
        ("since", Op.BEFORE, "2026-01-01", ["2025-12-31"], ["2026-01-01", None]),
        ("since", Op.AFTER, "2026-01-01", ["2026-01-02"], ["2026-01-01"]),
        ("seen", Op.AFTER, "2026-01-01", ["2026-01-02T00:00:00Z"], ["2026-01-01T23:59:59Z"]),
        ("seen", Op.BEFORE, "2026-01-01T10:00:00Z", ["2026-01-01T09:00:00Z"], ["2026-01-01T10:00:00Z"]),
        ("company", Op.IS, "acme", [{"id": "7", "label": "Acme"}], [{"id": "8", "label": "Bolt"}, None]),
        ("company", Op.ONE_OF, ("7",), [{"id": "7", "label": None}], [{"id": "77", "label": "7 up"}]),
        ("owner", Op.IS_NOT, "ann@x.de", [{"id": "2", "email": "b@x.de"}, None], [{"id": "1", "email": "Ann@x.de"}]),
        ("home", Op.CONTAINS, "bonn", [{"street": None, "city": "Bonn"}], [{"city": "Köln"}, None]),
        ("home", Op.BLANK, "", [{"city": " "}], [{"city": "Bonn"}]),
    ],
)
def test_rule_6_2_operators_follow_the_type_of_the_field(name, operator, value, inside, outside):
    filter_ = one(name, operator, value)
    assert faults(filter_, PEOPLE) == []
    assert [v for v in inside if not passes(filter_, **{name: v})] == []
    assert [v for v in outside if passes(filter_, **{name: v})] == []


def test_rule_6_2_in_the_last_days_is_judged_by_the_time_given_and_tells_when_it_changes():
    judge = Judge(one("seen", Op.IN_LAST_DAYS, "7"), PEOPLE, Locale())
    values = {"seen": "2026-06-10T12:00:00Z"}
    inside = judge.judge(values, NOW)
    assert inside.passes and inside.until == datetime(2026, 6, 17, 12, tzinfo=UTC)
    outside = judge.judge(values, inside.until)
    assert not outside.passes and outside.until is None
    ahead = judge.judge({"seen": "2026-06-16T00:00:00Z"}, NOW)
    assert not ahead.passes and ahead.until == datetime(2026, 6, 16, tzinfo=UTC)
    assert judge.judge({"seen": "2026-06-16T00:00:00Z"}, ahead.until).passes
    assert judge.judge({"seen": None}, NOW).until is None


def test_rule_6_2_a_day_is_the_workspaces_own():
    late = {"seen": "2026-05-31T22:30:00Z"}
    june = one("seen", Op.IS, "2026-06-01")
    assert passes(june, zone="Europe/Berlin", **late) and not passes(june, zone="UTC", **late)
    for never in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert not passes(june, zone="Pacific/Auckland", seen=never)


def test_rule_6_2_groups_of_all_and_any():
    vip, ann, bob = (FieldCondition("vip", Op.TRUE), *(FieldCondition("name", Op.IS, n) for n in ("Ann", "Bob")))
    either = Filter(Joined.ALL, (Group(Joined.ALL, (vip,)), Group(Joined.ANY, (ann, bob))))
    assert passes(either, vip=True, name="Bob") and not passes(either, vip=False, name="Bob")
    assert not passes(either, vip=True, name="Cid")
    any_of = Filter(Joined.ANY, (Group(Joined.ALL, (vip, ann)), Group(Joined.ALL, (bob,))))
    assert passes(any_of, vip=False, name="Bob") and not passes(any_of, vip=False, name="Ann")


def test_rule_6_2_no_filter_passes_everything():
    for empty in (Filter(), Filter(groups=(Group(),)), Filter(Joined.ANY, (Group(Joined.ANY),))):
        assert Judge(empty, PEOPLE, Locale()).passes_all and passes(empty, name=None)


def test_rule_6_5_the_reason_names_the_condition_and_the_values():
    judge = Judge(
        Filter(
            groups=(
                Group(
                    Joined.ANY, (FieldCondition("stage", Op.ONE_OF, ("won", "lost")), FieldCondition("vip", Op.TRUE))
                ),
                Group(Joined.ALL, (FieldCondition("name", Op.NOT_BLANK),)),
            )
        ),
        PEOPLE,
        Locale(),
    )
    assert judge.judge({"stage": "new", "vip": None, "name": "Ann"}, NOW).why == (
        "It would have to be that “Stage” is one of “Won”, “Lost” (it is “New”) or “Vip” is true (it is blank)."
    )
    assert judge.judge({"stage": "won", "vip": None, "name": ""}, NOW).why.endswith(
        "“Name” is not blank (it is blank)."
    )


def test_rule_6_5_what_was_not_read_is_not_blank_and_passes_nothing():
    verdict = Judge(one("name", Op.BLANK), PEOPLE, Locale()).judge({}, NOW)
    assert not verdict.passes and "it was not read" in verdict.why
    gone = Judge(one("fax", Op.BLANK), PEOPLE, Locale()).judge({"fax": None}, NOW)
    assert not gone.passes and "has no field “fax”" in gone.why


@pytest.mark.parametrize(
    "condition, said",
    [
        (FieldCondition("fax", Op.BLANK), "has no field “fax”"),
        (FieldCondition("name", Op.GREATER, "1"), "cannot be asked whether it is greater than"),
        (FieldCondition("vip", Op.IS, "yes"), "cannot be asked"),
        (FieldCondition("stage", Op.IS, "gone"), "has no option “gone”"),
        (FieldCondition("stage", Op.ONE_OF, ("won", "gone")), "has no option “gone”"),
        (FieldCondition("age", Op.LESS, "many"), "is no number"),
        (FieldCondition("since", Op.BEFORE, "soon"), "is no date"),
        (FieldCondition("seen", Op.IN_LAST_DAYS, "-3"), "is no number of days"),
        (FieldCondition("seen", Op.IN_LAST_DAYS, "9" * 20), "is no number of days"),
        (FieldCondition("name", Op.CONTAINS, " "), "compared with"),
        (FieldCondition("name", Op.ONE_OF, ()), "compared with"),
    ],
)
def test_rule_6_2_what_cannot_be_judged_is_refused_with_its_reason(condition, said):
    found = faults(Filter(groups=(Group(conditions=(condition,)),)), PEOPLE)
    assert len(found) == 1 and said in found[0]
    assert not passes(Filter(groups=(Group(conditions=(condition,)),)), **dict.fromkeys(("name", "fax", "stage"), "x"))


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.lists(st.text(max_size=4), max_size=3)
)


@given(st.sampled_from(PEOPLE.fields), st.data())
def test_rule_6_2_judging_never_raises_and_not_is_the_opposite(field_, data):
    operator = data.draw(st.sampled_from(OPERATORS[field_.type]))
    value = "" if operator in ALONE else data.draw(st.text(max_size=8))
    held = data.draw(VALUES)
    filter_ = one(field_.name, operator, value)
    found = passes(filter_, **{field_.name: held})
    opposite = {Op.IS: Op.IS_NOT, Op.CONTAINS: Op.CONTAINS_NOT, Op.BLANK: Op.NOT_BLANK}.get(operator)
    if opposite in OPERATORS[field_.type] and not faults(filter_, PEOPLE):
        assert passes(one(field_.name, opposite, value), **{field_.name: held}) is not found


def test_filters_survive_being_stored():
    filters = Filters(
        Filter(Joined.ANY, (Group(Joined.ALL, (FieldCondition("stage", Op.ONE_OF, ("won", "lost")),)),)),
        one("vip", Op.TRUE),
        FilterMode.EITHER,
        Leaving.GO_ON,
    )
    settings = SyncSettings(kind=Kind.CONTACT, filters=filters)
    assert SyncSettings.from_json(settings.to_json()) == settings


# --- Which way values may go --------------------------------------------------------------------------------


def ways(a: bool | None, b: bool | None, *, passed: str = "", direction: Direction = Direction.TWO_WAY, **filters: Any):
    """`a` and `b` say whether the record of that side passes; None: there is none."""
    settings = SyncSettings(
        kind=None, direction=direction, filters=Filters(one("vip", Op.TRUE), one("vip", Op.TRUE), **filters)
    )
    judges = {side: Judge(settings.filters.a, PEOPLE, Locale()) for side in Side}
    records = {side: {"vip": vip} for side, vip in ((A, a), (B, b)) if vip is not None}
    return open_ways(settings, judges, records, passed={Side(s) for s in passed}, now=NOW)


def test_rule_6_2_each_side_sends_while_its_own_record_passes():
    for a, b in product((True, False), repeat=2):
        assert ways(a, b).open is Direction.of(to_a=b, to_b=a)
    assert ways(False, False).excluded.condition is Condition.FILTERS
    assert ways(False, None).excluded.condition is Condition.FILTER_A
    assert ways(None, False).excluded.condition is Condition.FILTER_B
    assert ways(True, None).open is Direction.A_TO_B and ways(None, True).open is Direction.B_TO_A


def test_rule_6_2_a_pair_is_excluded_when_nothing_may_go_either_way():
    closed = ways(False, True, direction=Direction.A_TO_B)
    assert closed.open is None and closed.excluded.condition is Condition.FILTER_A
    assert ways(True, False, direction=Direction.A_TO_B).open is Direction.A_TO_B
    assert ways(None, False, direction=Direction.A_TO_B).excluded is None, "the direction keeps it out, not the filter"


def test_rule_6_2_both_ways_while_either_passes():
    either = {"mode": FilterMode.EITHER}
    assert ways(True, False, **either).open is ways(False, True, **either).open is Direction.TWO_WAY
    assert ways(False, False, **either).open is None and ways(False, None, **either).open is None


def test_rule_6_3_once_linked_it_goes_on_where_that_was_chosen():
    go_on = {"leaving": Leaving.GO_ON}
    assert ways(False, False, passed="a", **go_on).open is Direction.A_TO_B
    assert ways(False, False, passed="ab", **go_on).open is Direction.TWO_WAY
    assert ways(False, False, **go_on).open is None, "it was never in"
    assert ways(False, None, passed="a", **go_on).open is None, "it is not linked any more"
    assert ways(False, False, passed="ab").open is None


# --- Planning with one way shut -----------------------------------------------------------------------------

JOB = rules_of(field("job"), field("job"))
TAGS = rules_of(field("tags", T.MULTI_CHOICE), field("tags", T.MULTI_CHOICE))
TO_A = Direction.B_TO_A


def carried_out(pair: Pair, way: Direction | None) -> tuple[Pair, dict[str, Any]]:
    """Plan, write, remember; and what was written, by side."""
    plan = plan_link(pair.rules, pair.a, pair.b, pair.memory, way)
    base = {side: {**getattr(pair.memory, side.value), **plan.baselines[side]} for side in Side}
    values = {A: dict(pair.a), B: dict(pair.b)}
    for draft in plan.drafts:
        values[draft.side].update(draft.values)
        memory = LinkMemory(base[A], base[B])
        looks = pair.rules.looks(draft.side, values[draft.side])
        for strand, planned in draft.strands.items():
            a, b = baselines_after(planned, draft.side, looks[strand], memory.base(strand))
            base[A][strand], base[B][strand] = a, b
    after = Pair(pair.rules, values[A], values[B], LinkMemory(base[A], base[B]))
    return after, {d.side.value: d.values for d in plan.drafts}


def test_rule_6_3_the_edit_that_takes_it_out_is_not_sent_and_its_return_is_compared_with_the_old_baselines():
    pair = Pair(JOB, {"job": "x"}, {"job": "x"}).in_step().edited(a={"job": "y"})
    assert set(plan_link(JOB, pair.a, pair.b, pair.memory, TO_A).notes.values()) == {Reason.FILTERED}
    pair, written = carried_out(pair, TO_A)
    assert written == {} and pair.memory.a == JOB.looks(A, {"job": "x"})
    pair, written = carried_out(pair, Direction.TWO_WAY)
    assert written == {"b": {"job": "y"}}, "the edit is sent when the record is back"


def test_rule_6_3_the_way_that_is_open_goes_on():
    pair = Pair(JOB, {"job": "x"}, {"job": "x"}).in_step().edited(b={"job": "y"})
    assert carried_out(pair, TO_A)[1] == {"a": {"job": "y"}}
    assert carried_out(pair, Direction.A_TO_B)[1] == {}
    assert carried_out(pair, None)[1] == {}


def test_rule_6_3_a_mapping_against_the_open_way_rests():
    one_way = rules_of(field("job"), field("job"), direction=Direction.A_TO_B)
    pair = Pair(one_way, {"job": "x"}, {"job": "x"}).in_step().edited(a={"job": "y"})
    pair, written = carried_out(pair, TO_A)
    assert written == {}
    assert carried_out(pair, Direction.TWO_WAY)[1] == {"b": {"job": "y"}}


def test_rule_6_3_of_a_list_only_what_may_go_is_settled():
    pair = Pair(TAGS, {"tags": ["o"]}, {"tags": ["o"]}).in_step().edited({"tags": ["o", "a"]}, {"tags": ["o", "b"]})
    pair, written = carried_out(pair, TO_A)
    assert {k: set(v["tags"]) for k, v in written.items()} == {"a": {"o", "a", "b"}}
    assert carried_out(pair, TO_A)[1] == {}, "at rest"
    pair, written = carried_out(pair, Direction.TWO_WAY)
    assert set(written["b"]["tags"]) == {"o", "a", "b"} and "a" not in written
    assert carried_out(pair, Direction.TWO_WAY)[1] == {}


@given(st.data())
def test_rule_6_3_whatever_happens_outside_nothing_is_lost_and_it_comes_to_rest(data):
    """Edits by turns, with the ways opening and closing: nothing is written against a shut way, and once all is
    open both sides are equal."""
    rules = data.draw(st.sampled_from((JOB, TAGS)))
    name = rules.lenses[0].field_names(A)[0]
    single, several = st.sampled_from(["x", "y", "z"]), st.lists(st.sampled_from("abc"), unique=True, min_size=1)
    value = single if rules is JOB else several
    pair = Pair(rules, {name: data.draw(value)}, {name: data.draw(value)})
    for _ in range(data.draw(st.integers(1, 5))):
        side = data.draw(st.sampled_from("ab"))
        pair = pair.edited(**{side: {name: data.draw(value)}})
        way = data.draw(st.sampled_from([None, *Direction]))
        pair, written = carried_out(pair, way)
        assert all(way is not None and way.allows(Side(s)) for s in written)
        assert carried_out(pair, way)[1] == {}
    pair, _ = carried_out(pair, Direction.TWO_WAY)
    assert rules.looks(A, pair.a)[rules.lenses[0].strand("")] == rules.looks(B, pair.b)[rules.lenses[0].strand("")]
    assert carried_out(pair, Direction.TWO_WAY)[1] == {}


def test_a_timed_filter_over_several_elements_changes_with_the_first():
    many = resource(field("seen", T.DATETIME, multi_valued=True))
    judge = Judge(one("seen", Op.IN_LAST_DAYS, "2"), many, Locale())
    verdict = judge.judge({"seen": ["2026-06-14T00:00:00Z", "2026-06-15T00:00:00Z"]}, NOW)
    assert verdict.until == datetime(2026, 6, 16, tzinfo=UTC) and verdict.until - NOW < timedelta(days=1)


def test_the_mapping_of_a_filtered_field_is_not_needed():
    people = resource(field("job"), field("vip", T.BOOLEAN))
    rules = rules_of(
        people, people, FieldMapping("job", ("job",), ("job",)), sync={"filters": Filters(one("vip", Op.TRUE))}
    )
    assert rules.judges[A].judge({"vip": True}, NOW).passes and not rules.judges[A].judge({"vip": None}, NOW).passes
