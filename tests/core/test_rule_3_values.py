"""Values and conflicts (section 3 of the rules), where the case table of `test_merge_cases` does not say it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.contract import FieldType, Refusal, Value
from syncengine.core.mapping import ClearPolicy, Direction, FieldMapping, Side
from syncengine.core.merge import Reason
from syncengine.core.plan import LinkMemory, Planned, baselines_after, note_after
from syncengine.core.values import LONGEST_KEY, Locale, blank, key_of, keying

from .build import A, B, Pair, T, draft_of, field, only_note, resource, rules_of

SAME = [
    (T.EMAIL, "Ann@Example.COM", " ann@example.com "),
    (T.EMAIL, "straße@x.de", "STRASSE@X.DE"),
    (T.PHONE, "+49 (30) 123-456", "+4930123456"),
    (T.PHONE, "030 123456", "+49 30 123456"),
    (T.PHONE, "0049 30 123456", "+4930123456"),
    (T.NUMBER, "1.0", "1"),
    (T.NUMBER, "1500.00", "1.5E+3"),
    (T.NUMBER, "-0", "0"),
    (T.INTEGER, 12, "12"),
    (T.MONEY, {"amount": "12.50", "currency": "eur"}, {"amount": "12.5", "currency": "EUR"}),
    (T.DATE, "2026-01-31", " 2026-01-31"),
    (T.DATETIME, "2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00Z"),
    (T.DATETIME, "2026-01-31T09:00:00.500000Z", "2026-01-31T09:00:00.5Z"),
    (T.URL, "https://Example.com/", "http://example.com"),
    (T.URL, "example.com/Path", "HTTPS://EXAMPLE.com/Path/"),
    (T.TEXT, "Zo\u0065\u0308", "Zo\u00eb"),
    (T.LONG_TEXT, "a\r\nb\r\n", "a\nb"),
    (T.BOOLEAN, True, True),
    (T.ADDRESS, {"street": "Am  Ring 1", "city": "Ulm"}, {"street": "Am Ring 1", "city": " Ulm", "zip": None}),
    (T.REFERENCE, {"id": "7", "label": "Acme"}, {"id": "7", "label": None}),
]
DIFFERENT = [
    (T.TEXT, "Ann", "ann"),
    (T.LONG_TEXT, "a\nb", "a b"),
    (T.EMAIL, "a@x.de", "b@x.de"),
    (T.PHONE, "+4930123456", "+4930123456 ext. 7"),
    (T.PHONE, "reception", "ask"),
    (T.NUMBER, "9007199254740992", "9007199254740993"),
    (T.NUMBER, "0.1", "0.10000000000000000001"),
    (T.MONEY, {"amount": "1", "currency": "EUR"}, {"amount": "1", "currency": "USD"}),
    (T.URL, "x.de/Path", "x.de/path"),
    (T.URL, "x.de?Q=A", "x.de?q=a"),
    (T.DATETIME, "2026-01-31T09:00:00Z", "2026-01-31T09:00:01Z"),
    (T.BOOLEAN, True, False),
    (T.CHOICE, "a", "A"),
    (T.REFERENCE, {"id": "7", "label": "Acme"}, {"id": "8", "label": "Acme"}),
    (T.TEXT, "x" * 500 + "a", "x" * 500 + "b"),
    (T.PHONE, "-", "()"),
]
GERMANY = Locale(country="DE")


@pytest.mark.parametrize("type_, x, y", SAME)
def test_rule_3_1_a_change_of_form_alone_is_no_change(type_, x, y):
    assert key_of(x, type_, GERMANY) == key_of(y, type_, GERMANY)
    one = field("f", type_)
    rules = rules_of(one, one, sync={"country": "DE"}) if type_ is not T.REFERENCE else None
    if rules:
        assert Pair(rules, {"f": x}, {"f": x}).in_step().edited(a={"f": y}).written() == {}


@pytest.mark.parametrize("type_, x, y", DIFFERENT)
def test_rule_3_1_a_change_of_meaning_is_one(type_, x, y):
    assert key_of(x, type_, GERMANY) != key_of(y, type_, GERMANY)


@pytest.mark.parametrize("type_", [T.EMAIL, T.PHONE, T.URL, T.NUMBER, T.MONEY, T.DATETIME])
def test_rule_3_1_a_change_of_form_is_none_in_a_text_either(type_):
    x, y = next((x, y) for t, x, y in SAME if t is type_)
    for text in (T.TEXT, T.LONG_TEXT):
        rules = rules_of(field("f", type_), field("t", text), sync={"country": "DE"})
        pair = Pair(rules, {"f": x}, {"t": "before"})
        written = pair.written()[B]
        assert pair.edited(b=written).in_step().edited(a={"f": y}).written() == {}


@pytest.mark.parametrize(
    "value", [None, "", "  \n", [], [None, ""], {"street": None, "city": ""}, {"amount": None, "currency": "EUR"}]
)
def test_rule_3_1_blank_has_many_forms(value):
    assert blank(value) and key_of(value, T.TEXT, GERMANY) is None


@pytest.mark.parametrize("value", [0, False, "0", [0], {"id": "0", "label": None}, {"amount": "0", "currency": None}])
def test_rule_3_1_zero_and_no_are_values(value):
    assert not blank(value)


def test_rule_3_1_a_part_that_the_mapping_does_not_carry_is_no_change():
    many, one = field("m", T.EMAIL, multi_valued=True), field("e", T.EMAIL)
    pair = Pair(rules_of(many, one), {"m": ["a@x.de", "b@x.de"]}, {"e": "a@x.de"}).in_step()
    assert pair.edited(a={"m": ["a@x.de", "c@x.de"]}).written() == {}


def test_rule_3_1_long_values_are_kept_as_a_short_key():
    key = key_of("x" * 70_000, T.LONG_TEXT, GERMANY)
    assert key is not None and len(key) <= LONGEST_KEY


@pytest.mark.parametrize("value", ["a\x00b", "a\ud800b", "\udfff"])
def test_rule_3_1_a_key_can_always_be_stored(value):
    key = key_of(value, T.TEXT, GERMANY)
    assert key is not None and "\x00" not in key
    key.encode("utf-8")


@pytest.mark.parametrize(
    "base, a, b, written",
    [
        (None, "x", "y", {B: "x"}),
        (("o", "o"), "x", "y", {B: "x"}),
        (("o", "o"), "o", "y", {A: "y"}),
        (("o", "o"), "x", "o", {B: "x"}),
        (("x", "y"), "x", "y", {}),
        (("x", "y"), "x", "z", {A: "z"}),
    ],
    ids=[
        "never compared",
        "both edited",
        "only B edited",
        "only A edited",
        "left different",
        "left different, B edited",
    ],
)
def test_rule_3_3_only_what_was_never_compared_or_edited_on_both_sides_is_a_conflict(base, a, b, written):
    """Side A wins each conflict; whatever is none goes the way that it came."""
    pair = Pair(rules_of(field("t"), field("t"), winner=A), {"t": a}, {"t": b})
    if base is not None:
        pair = pair.edited({"t": base[0]}, {"t": base[1]}).in_step().edited({"t": a}, {"t": b})
    plan = pair.plan()
    assert {d.side: d.values["t"] for d in plan.drafts} == written
    conflict = base is None or (a != base[0] and b != base[1])
    assert (Reason.WINNER in {c.reason for d in plan.drafts for c in d.changes}) is conflict


def test_rule_3_4_the_winner_of_one_mapping_overrides_that_of_the_sync():
    people = resource(field("x"), field("y"))
    rules = rules_of(
        people,
        people,
        FieldMapping("x", ("x",), ("x",)),
        FieldMapping("y", ("y",), ("y",), winner=B),
        sync={"winner": A},
    )
    pair = Pair(rules, {"x": "a", "y": "a"}, {"x": "b", "y": "b"})
    assert pair.written() == {A: {"y": "b"}, B: {"x": "a"}}


def test_rule_3_5_both_baselines_move_when_both_changed_to_the_same():
    pair = Pair(rules_of(field("t"), field("t")), {"t": "x"}, {"t": "x"}).in_step().edited({"t": "y"}, {"t": "y"})
    plan = pair.plan()
    strand = pair.rules.lenses[0].strand("")
    assert plan.drafts == () and plan.baselines == {A: {strand: "y"}, B: {strand: "y"}}
    assert strand in plan.settled


def test_rule_3_6_a_clear_that_was_kept_is_remembered_and_not_filled_back():
    pair = Pair(rules_of(field("t"), field("t")), {"t": "x"}, {"t": "x"}).in_step().edited(a={"t": None})
    plan = pair.plan()
    assert only_note(plan) is Reason.CLEAR_KEPT
    rested = pair.in_step()
    assert rested.plan().drafts == () and rested.plan().notes == {} and not rested.plan().settled
    assert rested.edited(b={"t": "y"}).written() == {A: {"t": "y"}}, "an edit of the other side is one"


@pytest.mark.parametrize("direction, edit", [(Direction.TWO_WAY, None), (Direction.A_TO_B, "mine")])
def test_rule_3_6_what_was_not_returned_once_is_no_edit_when_it_is_returned_again(direction, edit):
    hides, text = field("t", tells_blank=False), field("t")
    pair = Pair(rules_of(hides, text, direction=direction), {"t": "x"}, {"t": "x"}).in_step()
    unseen = pair.edited(a={"t": None}, b={"t": edit})
    plan = unseen.plan()
    assert plan.drafts == ()
    memory = LinkMemory({**pair.memory.a, **plan.baselines[A]}, {**pair.memory.b, **plan.baselines[B]})
    again = replace(unseen, a={"t": "x"}, memory=memory)
    assert again.written() == {}


def test_rule_3_6_never_a_clear_on_a_first_comparison():
    pair = Pair(rules_of(field("t"), field("t"), clears=ClearPolicy.CLEAR, winner=A), {"t": None}, {"t": "x"})
    assert pair.written() == {A: {"t": "x"}}


def test_rule_3_7_an_app_that_reformats_a_value_starts_no_loop():
    """B cuts to three characters; what it answers is its baseline, and the longer value stays in A."""
    pair = Pair(rules_of(field("t"), field("t")), {"t": "long"}, {"t": "x"})
    draft = draft_of(pair.plan(), B)
    after = pair.edited(b={"t": draft.values["t"][:3]})
    looks = after.rules.looks(B, after.b)
    ((strand, planned),) = draft.strands.items()
    a, b = baselines_after(planned, B, looks[strand], None)
    after.memory = LinkMemory({strand: a}, {strand: b})
    assert after.plan().drafts == ()
    assert after.edited(a={"t": "longer"}).written() == {B: {"t": "longer"}}


def test_rule_3_8_a_value_that_only_looks_different_is_not_written():
    """The currency of B is unknown to A: nothing would change, so nothing is written."""
    money = field("m", T.MONEY)
    pair = Pair(
        rules_of(money, money), {"m": {"amount": "5", "currency": None}}, {"m": {"amount": "5", "currency": "EUR"}}
    )
    plan = pair.plan()
    assert plan.drafts == () and only_note(plan) is Reason.REWRITTEN


def test_rule_3_9_only_changed_fields_are_sent():
    people = resource(field("x"), field("y"), field("z"))
    mappings = [FieldMapping(n, (n,), (n,)) for n in "xyz"]
    pair = Pair(rules_of(people, people, *mappings), dict.fromkeys("xyz", "old"), dict.fromkeys("xyz", "old")).in_step()
    assert pair.edited(a={"y": "new"}, b={"z": "new"}).written() == {A: {"z": "new"}, B: {"y": "new"}}


def test_rule_4_5_a_refused_value_parks_its_field_alone_until_a_value_changes():
    people = resource(field("t"), field("e", T.EMAIL))
    other = resource(field("t"), field("e"))
    rules = rules_of(other, people, FieldMapping("t", ("t",), ("t",)), FieldMapping("e", ("e",), ("e",)))
    pair = Pair(rules, {"t": "x", "e": "a@x.de"}, {"t": "x", "e": "a@x.de"}).in_step()
    bad = pair.edited(a={"t": "y", "e": "nobody"})
    plan = bad.plan()
    assert bad.written() == {B: {"t": "y"}}, "the rest keeps going"
    (parked,) = plan.parked.values()
    assert parked.reason is Refusal.INVALID_VALUE and (parked.a, parked.b) == ("nobody", "a@x.de")
    bad.memory = LinkMemory(bad.memory.a, bad.memory.b, plan.parked)
    assert bad.plan().parked == plan.parked
    assert bad.edited(a={"e": "b@x.de"}).written()[B]["e"] == "b@x.de"
    assert bad.edited(b={"e": "nobody"}).plan().parked == {}, "the other side's value counts too"


@pytest.mark.parametrize("length, fits", [(10, True), (11, False)])
def test_rule_4_5_a_text_that_is_too_long_is_never_cut(length, fits):
    pair = Pair(rules_of(field("t"), field("t", max_length=10)), {"t": "x" * length}, {"t": None})
    assert bool(pair.written()) is fits
    if not fits:
        (parked,) = pair.plan().parked.values()
        assert parked.reason is Refusal.TOO_LONG


def test_rule_4_6_unread_is_never_blank():
    for clears in ClearPolicy:
        pair = Pair(rules_of(field("t"), field("t"), clears=clears), {"t": "x"}, {"t": "x"}).in_step()
        for side in Side:
            unread = replace(pair, a={} if side is A else {"t": "y"}, b={} if side is B else {"t": "y"})
            plan = unread.plan()
            assert (plan.drafts, plan.notes, plan.baselines) == ((), {}, {A: {}, B: {}})


def test_rule_4_7_a_required_field_is_never_cleared():
    text, required = field("t"), field("t", required=True)
    pair = Pair(rules_of(text, required, clears=ClearPolicy.CLEAR), {"t": "x"}, {"t": "x"}).in_step()
    plan = pair.edited(a={"t": None}).plan()
    (parked,) = plan.parked.values()
    assert plan.drafts == () and parked.reason is Refusal.MISSING_REQUIRED


def test_rule_4_6_an_option_map_of_another_version_is_another_comparison():
    """Keys mean something else under another option map: the strand has another name, and is compared anew."""
    one = field("c", FieldType.CHOICE, options=["x", "y"])
    first, second = rules_of(one, one, options=(("x", "y"),)), rules_of(one, one, options=(("x", "x"),))
    assert first.lenses[0].strand("") != second.lenses[0].strand("")


def test_rule_3_8_the_reason_of_a_difference_stands_until_the_write_that_ends_it():
    """The app keeps “Ann” as “ann”. An edit is planned, never written, and taken back: the two still differ."""
    pair = Pair(rules_of(field("t"), field("t")), {"t": "Ann"}, {"t": "ann"}).in_step()
    strand = pair.rules.lenses[0].strand("")
    plan = pair.edited(a={"t": "Bob"}).plan()
    assert plan.drafts and strand not in plan.settled


@pytest.mark.parametrize(
    "planned, answered, known, then",
    [
        (Planned("x", "w", "x"), "x", Reason.CLEAR_KEPT, None),
        (Planned("x", "w", "x"), "X", Reason.CLEAR_KEPT, Reason.REWRITTEN),
        (Planned("x", "w", "x"), None, None, Reason.REWRITTEN),
        (Planned(None, None, "default"), "default", Reason.DEFAULT, Reason.DEFAULT),
        (Planned(["w"], ["x", "y"], ["w", "x", "y"]), ["w", "x", "y"], Reason.CLEAR_KEPT, Reason.CLEAR_KEPT),
    ],
)
def test_rule_3_8_what_is_noted_once_it_is_written(planned, answered, known, then):
    assert note_after(planned, B, answered, known) is then


@pytest.mark.parametrize("type_", list(FieldType))
@pytest.mark.parametrize(
    "value",
    [None, "", " ", "Ann", " Ann\r\n", "É", "ann@Example.com ", "HTTPS://Example.com/", "http://", "+49 30 1", "0301",
     "x" * 121, "a\x00b", "ŉ", 5, 1.5, True, "12.50", "2026-01-01", {"amount": "1", "currency": "eur"}],
)  # fmt: skip
def test_rule_3_1_the_short_way_to_a_key_gives_the_same_key(value: Value, type_: FieldType) -> None:
    locale = Locale("DE")
    assert keying(type_, locale)(value) == key_of(value, type_, locale)
