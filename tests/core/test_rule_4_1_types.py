"""Which fields may be paired, and which way: the table of rule 4.1, every row and every refused pair."""

from __future__ import annotations

from itertools import product

import pytest

from connectors.contract import FieldType, Refusal
from syncengine.core.compat import Pairing, Unpaired, pairing
from syncengine.core.defaults import problems
from syncengine.core.lens import grind
from syncengine.core.mapping import Direction, FieldMapping, Side, SyncSettings, Transform
from syncengine.core.merge import Reason
from syncengine.core.values import Locale

from .build import A, B, Pair, T, field, only_note, resource, rules_of

TWO_WAY = {
    # same type
    *((t, t) for t in FieldType),
    # into the narrower of two texts, and checked on the way
    (T.EMAIL, T.TEXT),
    (T.PHONE, T.TEXT),
    (T.URL, T.TEXT),
    (T.LONG_TEXT, T.TEXT),
    # numbers
    (T.INTEGER, T.NUMBER),
    (T.INTEGER, T.MONEY),
    # days and moments
    (T.DATE, T.DATETIME),
    # choices
    (T.CHOICE, T.MULTI_CHOICE),
    (T.CHOICE, T.BOOLEAN),
}
SCALARS = (T.INTEGER, T.NUMBER, T.MONEY, T.BOOLEAN, T.DATE, T.DATETIME, T.CHOICE, T.REFERENCE)
TOWARD_TEXT = {
    *((scalar, T.TEXT) for scalar in SCALARS),
    # A long text is a text as well: what may be written into the one may be written into the other.
    *((scalar, T.LONG_TEXT) for scalar in (*SCALARS, T.EMAIL, T.PHONE, T.URL)),
}
PARSED = {
    (t, text) for t in (T.INTEGER, T.NUMBER, T.DATE, T.DATETIME, T.BOOLEAN, T.CHOICE) for text in (T.TEXT, T.LONG_TEXT)
}
"""Two-way where the mapping names the transform that reads the text back."""


def by_table(a: FieldType, b: FieldType, transform: Transform) -> Direction | None:
    if (a, b) in TWO_WAY or (b, a) in TWO_WAY:
        return Direction.TWO_WAY
    if transform is Transform.PARSE and ((a, b) in PARSED or (b, a) in PARSED):
        return Direction.TWO_WAY
    if (a, b) in TOWARD_TEXT:
        return Direction.A_TO_B
    return Direction.B_TO_A if (b, a) in TOWARD_TEXT else None


@pytest.mark.parametrize("transform", [Transform.NONE, Transform.PARSE], ids=["plain", "parse"])
@pytest.mark.parametrize("b", FieldType)
@pytest.mark.parametrize("a", FieldType)
def test_rule_4_1_table(a: FieldType, b: FieldType, transform: Transform):
    found = pairing(field("a", a), field("b", b), transform)
    wanted = by_table(a, b, transform)
    if wanted is None:
        assert isinstance(found, Unpaired) and found.reason
        return
    assert isinstance(found, Pairing)
    assert found.direction is wanted
    assert bool(found.reason) is (wanted is not Direction.TWO_WAY)


@pytest.mark.parametrize("a, b", list(product(FieldType, FieldType)))
def test_rule_4_1_read_only_is_one_way_from_it_or_refused(a: FieldType, b: FieldType):
    plain, locked = by_table(a, b, Transform.NONE), pairing(field("a", a, read_only=True), field("b", b))
    if plain in (Direction.TWO_WAY, Direction.A_TO_B):
        assert isinstance(locked, Pairing) and locked.direction is Direction.A_TO_B and "read-only" in locked.reason
    else:
        assert isinstance(locked, Unpaired) and locked.reason


@pytest.mark.parametrize("a, b", list(product(FieldType, FieldType)))
def test_rule_4_1_the_engine_refuses_what_the_page_refuses(a: FieldType, b: FieldType):
    """`problems` is what services ask; a lens is what the engine works with."""
    left, right = resource(field("a", a)), resource(field("b", b))
    mapping = FieldMapping("m", ("a",), ("b",))
    refused = problems(SyncSettings(kind=None, mappings=(mapping,)), left, right)
    lens = grind(mapping, Direction.TWO_WAY, left, right, Locale())
    assert bool(refused) is isinstance(lens, Unpaired) is (by_table(a, b, Transform.NONE) is None)
    if refused:
        assert refused[0].mapping == "m" and refused[0].message == lens.reason


# --- What the rows promise about values ---------------------------------------------------------------------


def sent(a, b, value, *, toward: Side = B, now=None, **mapping):
    """What is written to the other side when this value was just put in; None if nothing is."""
    pair = Pair(rules_of(a, b, **mapping), {a.name: None}, {b.name: None}).in_step()
    here, there = (a, b) if toward is B else (b, a)
    pair = pair.edited(**{toward.value: {there.name: now}}).in_step()
    pair = pair.edited(**{toward.other.value: {here.name: value}})
    return pair.written().get(toward, {}).get(there.name), pair.plan()


@pytest.mark.parametrize(
    "narrow, good, bad",
    [(T.EMAIL, "a@b.de", "nobody"), (T.PHONE, "+49 30 123456", "ask"), (T.URL, "x.de/y", "a b")],
)
def test_rule_4_1_texts_are_checked_on_the_way_into_the_narrower_type(narrow, good, bad):
    text, other = field("t"), field("n", narrow)
    assert sent(text, other, good)[0] == good
    refused, plan = sent(text, other, bad)
    assert refused is None
    (parked,) = plan.parked.values()
    assert parked.reason is Refusal.INVALID_VALUE and bad in parked.message
    assert sent(text, other, bad, toward=A)[0] == bad, "the wider type takes it"


def test_rule_4_1_rounding_never_writes_back():
    number, integer = field("n", T.NUMBER), field("i", T.INTEGER)
    assert sent(number, integer, "12.6")[0] == 13
    pair = Pair(rules_of(number, integer), {"n": "12.6"}, {"i": 13})
    assert pair.written() == {}, "a first comparison finds them equal"
    rested = pair.in_step()
    assert rested.edited(a={"n": "13.4"}).written() == {}, "still thirteen"
    assert rested.edited(a={"n": "13.6"}).written() == {B: {"i": 14}}
    assert rested.edited(b={"i": 20}).written() == {A: {"n": "20"}}


@pytest.mark.parametrize("value", ["9007199254740993", "-9007199254740993", "1" + "0" * 40, "2.5", "3.5", "-0.5"])
def test_rule_4_1_integers_are_exact_whatever_their_size(value):
    written, _ = sent(field("n", T.NUMBER), field("i", T.INTEGER), value)
    assert abs(written * 10 - int(value.replace(".", "") if "." in value else value + "0")) <= 5
    assert isinstance(written, int) and (written % 2 == 0 or not value.endswith(".5"))


def test_rule_4_1_money_keeps_its_currency():
    money, integer = field("m", T.MONEY), field("i", T.INTEGER)
    now = {"amount": "10", "currency": "EUR"}
    assert sent(money, integer, 12, toward=A, now=now)[0] == {"amount": "12", "currency": "EUR"}
    assert sent(money, money, {"amount": "12.50", "currency": None}, now=now)[0] == {
        "amount": "12.50",
        "currency": "EUR",
    }
    assert sent(money, money, {"amount": "1", "currency": "EUR"})[0] == {"amount": "1", "currency": "EUR"}


def test_rule_4_1_differing_currencies_park_the_field():
    money = field("m", T.MONEY)
    written, plan = sent(money, money, {"amount": "5", "currency": "USD"}, now={"amount": "10", "currency": "EUR"})
    assert written is None
    (parked,) = plan.parked.values()
    assert "USD" in parked.message and "EUR" in parked.message


def test_rule_4_1_money_goes_into_text_with_its_currency():
    money, text = field("m", T.MONEY), field("t")
    assert sent(money, text, {"amount": "12.50", "currency": "EUR"})[0] == "12.5 EUR"
    assert sent(money, text, {"amount": "12.50", "currency": None})[0] == "12.5"


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_rule_4_1_a_date_is_midnight_in_the_zone_of_the_workspace(zone):
    day, moment = field("d", T.DATE), field("m", T.DATETIME)
    rules = rules_of(day, moment, sync={"zone": zone})
    pair = Pair(rules, {"d": "2026-03-29"}, {"m": None})
    written = pair.written()[B]["m"]
    rested = pair.edited(b={"m": written}).in_step()
    assert rested.plan().drafts == () and rested.rules.looks(A, rested.a) == rested.rules.looks(B, rested.b)


def test_rule_4_1_a_difference_in_the_time_part_alone_never_writes_back():
    day, moment = field("d", T.DATE), field("m", T.DATETIME)
    rules = rules_of(day, moment, sync={"zone": "Europe/Berlin"})
    pair = Pair(rules, {"d": "2026-01-31"}, {"m": "2026-01-31T15:00:00Z"})
    assert pair.written() == {}
    assert pair.in_step().edited(b={"m": "2026-01-31T16:30:00Z"}).written() == {}
    assert pair.in_step().edited(b={"m": "2026-01-31T23:30:00Z"}).written() == {A: {"d": "2026-02-01"}}
    assert pair.in_step().edited(a={"d": "2026-02-01"}).written() == {B: {"m": "2026-01-31T23:00:00Z"}}


def test_rule_4_1_same_labels_are_paired_at_first_and_a_map_pairs_the_rest():
    a = field("s", T.CHOICE, options=[("1", "Open"), ("2", "Won"), ("3", "Odd")])
    b = field("s", T.CHOICE, options=[("o", " open"), ("c", "Closed"), ("x", "Other")])
    mapped = {"options": (("2", "c"),)}
    assert sent(a, b, "1", **mapped)[0] == "o"
    assert sent(a, b, "2", **mapped)[0] == "c"
    assert sent(a, b, "c", toward=A, **mapped)[0] == "2"
    written, plan = sent(a, b, "3", **mapped)
    assert written is None
    (parked,) = plan.parked.values()
    assert parked.reason is Refusal.UNKNOWN_OPTION and "3" in parked.message


def test_rule_4_1_two_options_that_are_paired_with_one_never_write_each_other_over():
    a = field("s", T.CHOICE, options=[("1", "Won"), ("2", "Won again")])
    b = field("s", T.CHOICE, options=[("w", "Closed"), ("v", "Done")])
    pairs = (("1", "w"), ("2", "w"), ("1", "v"))
    rules = rules_of(a, b, options=pairs)
    for x, y in product(("1", "2"), ("w", "v")):
        assert Pair(rules, {"s": x}, {"s": y}).written() == {}
    assert sent(a, b, "2", options=pairs)[0] == "w"


def test_rule_4_1_a_choice_is_yes_or_no_through_a_map():
    choice, boolean = field("c", T.CHOICE, options=[("y", "Ja"), ("n", "No")]), field("b", T.BOOLEAN)
    assert sent(choice, boolean, "y", options=(("y", "true"),))[0] is True
    assert sent(choice, boolean, "n")[0] is False
    assert sent(choice, boolean, True, toward=A, options=(("y", "true"),))[0] == "y"


def test_rule_4_1_several_choices_into_one_give_the_first():
    options = [("r", "Red"), ("g", "Green"), ("b", "Blue")]
    one, many = field("c", T.CHOICE, options=options), field("m", T.MULTI_CHOICE, options=options)
    assert sent(one, many, ["g", "r"], toward=A)[0] == "g"
    assert sent(one, many, "b", now=["g", "r"])[0] == ["b", "r"]


@pytest.mark.parametrize(
    "type_, value, text",
    [
        (T.INTEGER, 7, "7"),
        (T.NUMBER, "1.50", "1.5"),
        (T.BOOLEAN, False, "false"),
        (T.DATE, "2026-01-31", "2026-01-31"),
        (T.DATETIME, "2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00Z"),
        (T.CHOICE, "o", "Open"),
        (T.REFERENCE, {"id": "4", "label": "Acme"}, "Acme"),
    ],
)
def test_rule_4_1_any_scalar_goes_into_text_and_not_back(type_, value, text):
    scalar = field("s", type_, options=[("o", "Open")] if type_ is T.CHOICE else [])
    assert sent(scalar, field("t"), value)[0] == text
    pair = Pair(rules_of(scalar, field("t")), {"s": value}, {"t": text}).in_step().edited(b={"t": "else"})
    assert pair.written() == {} and only_note(pair.plan()) is Reason.RECEIVER_EDIT


@pytest.mark.parametrize(
    "type_, text, value",
    [
        (T.NUMBER, " 12.50 ", "12.5"),
        (T.INTEGER, "12", 12),
        (T.BOOLEAN, "Yes", True),
        (T.BOOLEAN, "0", False),
        (T.DATE, "20260131", "2026-01-31"),
        (T.DATETIME, "2026-01-31T10:00:00+01:00", "2026-01-31T09:00:00Z"),
        (T.CHOICE, "open", "o"),
        (T.CHOICE, "o", "o"),
    ],
)
def test_rule_4_1_text_is_read_back_by_a_transform_that_the_mapping_names(type_, text, value):
    scalar = field("s", type_, options=[("o", "Open")] if type_ is T.CHOICE else [])
    assert sent(scalar, field("t"), text, toward=A, transform=Transform.PARSE)[0] == value


@pytest.mark.parametrize("type_", [T.NUMBER, T.INTEGER, T.BOOLEAN, T.DATE, T.DATETIME, T.CHOICE])
def test_rule_4_1_text_that_cannot_be_read_parks_the_field(type_):
    scalar = field("s", type_, options=[("o", "Open")] if type_ is T.CHOICE else [])
    written, plan = sent(scalar, field("t"), "whatever", toward=A, transform=Transform.PARSE)
    assert written is None and len(plan.parked) == 1


def test_rule_4_1_a_parsed_choice_equals_its_label_in_the_text():
    scalar = field("s", T.CHOICE, options=[("o", "Open")])
    rules = rules_of(scalar, field("t"), transform=Transform.PARSE)
    assert Pair(rules, {"s": "o"}, {"t": "Open"}).written() == {}


# --- Owners -------------------------------------------------------------------------------------------------

ANN, BOB, EVE = "ann@x.de", "bob@x.de", "eve@x.de"


def owners(*options) -> object:
    return field("o", T.OWNER, options=list(options))


def test_rule_4_1_owners_go_by_e_mail():
    a, b = owners(("1", "Ann@x.de"), ("2", BOB)), owners(("8", BOB), ("9", ANN))
    assert sent(a, b, {"id": "1", "email": "Ann@x.de"})[0] == {"id": "9", "email": ANN}
    assert sent(a, b, {"id": "1", "email": None})[0] == {"id": "9", "email": ANN}
    assert sent(a, b, {"id": "8", "email": BOB}, toward=A)[0] == {"id": "2", "email": BOB}


def test_rule_4_1_then_owners_go_by_the_table_of_the_sync():
    a, b = owners(("1", ANN), ("2", BOB)), owners(("8", "bob@old.de"), ("9", ANN))
    table = {"options": (("2", "8"), ("1", "8"))}
    assert sent(a, b, {"id": "2", "email": BOB}, options=(("2", "8"),))[0] == {"id": "8", "email": "bob@old.de"}
    assert sent(a, b, {"id": "8", "email": None}, toward=A, options=(("2", "8"),))[0] == {"id": "2", "email": BOB}
    assert sent(a, b, {"id": "1", "email": ANN}, **table)[0]["id"] == "9", "the address comes first"
    pair = Pair(
        rules_of(a, b, options=(("2", "8"),)), {"o": {"id": "2", "email": BOB}}, {"o": {"id": "8", "email": None}}
    )
    assert pair.written() == {}


def test_rule_4_1_an_owner_whom_nobody_corresponds_to_is_parked_or_falls_back():
    a, b = owners(("1", ANN), ("2", BOB)), owners(("9", ANN))
    written, plan = sent(a, b, {"id": "2", "email": BOB})
    assert written is None
    (parked,) = plan.parked.values()
    assert parked.reason is Refusal.UNKNOWN_OPTION
    assert sent(a, b, {"id": "2", "email": BOB}, fallback={B: "9"})[0] == {"id": "9", "email": ANN}


def test_rule_4_1_owners_without_an_address_are_not_equal_because_their_ids_are():
    pair = Pair(rules_of(owners(), owners()), {"o": {"id": "7", "email": None}}, {"o": {"id": "7", "email": None}})
    assert pair.rules.looks(A, pair.a) != pair.rules.looks(B, pair.b)
