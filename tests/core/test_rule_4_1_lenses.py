"""What goes through a mapping comes out the same: the laws of lenses, for every pair of fields that may be mapped.

*Put, then get*: what was written reads as what was carried. *Get, then put*: writing what is there changes nothing.
*At rest*: after one write nothing is planned, and the side that the value came from is never written, however much
the other side lost of it. A value that does not fit raises `Unfit`, and nothing else is ever raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.contract import ADDRESS_PARTS, Field, FieldType, Resource, Value, Values
from syncengine.core.compat import Unpaired, pairing
from syncengine.core.convert import Unfit
from syncengine.core.lens import Lens, listed
from syncengine.core.mapping import FieldMapping, Side, Transform
from syncengine.core.match import blocks, keys_of
from syncengine.core.plan import LinkMemory, Rules, baselines_after
from syncengine.core.values import Locale, date_of, datetime_of, decimal_of, iso, key_of, plain, whole

from .build import A, B, Pair, T, draft_of, field, resource, rules_of
from .nasty import NASTY

OPTIONS = [("r", "Red"), ("g", "Green"), ("b", "Blue"), ("w", "No such label there")]
OWNERS = [("1", "ann@x.de"), ("2", "bob@x.de")]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Pago_Pago"]

# --- Values of each type ------------------------------------------------------------------------------------

texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=30))
decimals = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=None).map(str),
    st.integers(-(2**53) - 2, 2**53 + 2).map(str),
    st.sampled_from(["9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993.5", "1e30", "0.1"]),
)
days = st.dates().map(date.isoformat)
moments = st.datetimes(timezones=st.just(UTC)).map(iso)
addresses = st.fixed_dictionaries({part: st.one_of(st.none(), texts) for part in ADDRESS_PARTS})
BY_TYPE: dict[FieldType, st.SearchStrategy[Value]] = {
    T.TEXT: texts,
    T.LONG_TEXT: texts,
    T.EMAIL: st.one_of(st.emails(), texts),
    T.PHONE: st.one_of(st.from_regex(r"\+?[0-9 ()/-]{3,15}", fullmatch=True), texts),
    T.URL: st.one_of(st.from_regex(r"(https?://)?[a-zA-Z]{1,5}\.de(/[a-zA-Z?#=]{0,5})?", fullmatch=True), texts),
    T.INTEGER: st.integers(),
    T.NUMBER: decimals,
    T.MONEY: st.fixed_dictionaries({"amount": decimals, "currency": st.sampled_from([None, "EUR", "eur", "USD"])}),
    T.BOOLEAN: st.booleans(),
    T.DATE: days,
    T.DATETIME: moments,
    T.CHOICE: st.sampled_from(["r", "g", "b", "w", "gone"]),
    T.MULTI_CHOICE: st.lists(st.sampled_from(["r", "g", "b", "w", "gone"]), max_size=4),
    T.REFERENCE: st.fixed_dictionaries({"id": st.integers(1, 9).map(str), "label": st.one_of(st.none(), texts)}),
    T.ADDRESS: addresses,
    T.OWNER: st.sampled_from(
        [{"id": "1", "email": None}, {"id": "2", "email": "bob@x.de"}, {"id": "9", "email": "e@x.de"}]
    ),
}


def values_of(of: Field) -> st.SearchStrategy[Value]:
    one = BY_TYPE[of.type]
    return st.one_of(st.none(), st.lists(one, max_size=3) if of.multi_valued else one)


def make(type_: FieldType, *, multi: bool = False) -> Field:
    options = {T.CHOICE: OPTIONS, T.MULTI_CHOICE: OPTIONS, T.OWNER: OWNERS}.get(type_, [])
    return field("f", type_, multi_valued=multi, options=options)


def all_pairs() -> Iterator[tuple[str, Field, Field, Transform]]:
    """Every pair that may be mapped, single and multi-valued, with and without a transform that reads text back."""
    for a, b, multi_a, multi_b, transform in product(
        FieldType, FieldType, (False, True), (False, True), (Transform.NONE, Transform.PARSE)
    ):
        if (multi_a or multi_b) and (a is not b or a is T.MULTI_CHOICE or transform is not Transform.NONE):
            continue  # What holds for the elements of one pair of lists holds for those of another.
        fields = make(a, multi=multi_a), make(b, multi=multi_b)
        plainly, found = pairing(*fields), pairing(*fields, transform)
        if isinstance(found, Unpaired) or (transform is not Transform.NONE and plainly == found):
            continue
        yield f"{a}{'*' * multi_a} {b}{'*' * multi_b} {transform}".strip(), *fields, transform


PAIRS = list(all_pairs())
by_pair = pytest.mark.parametrize("a, b, transform", [p[1:] for p in PAIRS], ids=[p[0] for p in PAIRS])

NAME_PARTS = resource(field("first"), field("last"))
ADDRESS_FIELDS = resource(*(field(p, canonical=p) for p in ADDRESS_PARTS))
JOINED: dict[str, tuple[Resource, Resource, FieldMapping]] = {
    "name": (NAME_PARTS, resource(field("f")), FieldMapping("m", ("first", "last"), ("f",), transform=Transform.NAME)),
    "address": (
        ADDRESS_FIELDS,
        resource(field("f", T.ADDRESS)),
        FieldMapping("m", ADDRESS_PARTS, ("f",), transform=Transform.ADDRESS),
    ),
    "first of several addresses": (
        ADDRESS_FIELDS,
        resource(field("f", T.ADDRESS, multi_valued=True)),
        FieldMapping("m", ADDRESS_PARTS, ("f",), transform=Transform.ADDRESS),
    ),
}

# --- The laws -----------------------------------------------------------------------------------------------


def put_then_get(lens: Lens, side: Side, source: Values, target: Values) -> None:
    """What one side carries, written to the other, reads the same there; get, then put, changes nothing."""
    seen, there = lens.look(side.other, source), lens.look(side, target)
    assert seen is not None and there is not None
    for element in [""] if lens.is_set else lens.elements:
        for wanted, what in ((seen[element], "put, then get"), (there[element], "get, then put")):
            try:
                changed = lens.halves[side].put(element, wanted.value, target, there[element].key)
            except Unfit:
                continue
            after = lens.look(side, {**target, **changed})
            assert after is not None
            if wanted.key is None and what == "put, then get":
                uncovered = any(len(listed(target[name])) > 1 for name in changed)
                assert after[element].key is None or uncovered, "removing the first of several uncovers the next"
            elif after[element].key != wanted.key:
                assert lossy(lens, wanted.value), f"{what}: {wanted} became {after[element]}"
            elif what == "get, then put":
                assert {e: c.key for e, c in after.items()} == {e: c.key for e, c in there.items()}


def lossy(lens: Lens, value: Value) -> bool:
    """What cannot come back the same, known and said: a name written with a comma is turned round when it is split,
    and an amount without a currency takes that of the amount which it replaces."""
    if isinstance(value, dict) and "amount" in value:
        return not value["currency"]
    return lens.mapping.transform is Transform.NAME and "," in str(value)


def at_rest_after_one_write(rules: Rules, a: Values, b: Values) -> None:
    """The first comparison writes what it has to; then all is quiet, and what was sent is still what it was."""
    pair = Pair(rules, dict(a), dict(b))
    plan = pair.plan()
    memory = {side: dict(plan.baselines[side]) for side in Side}
    before = {A: pair.a, B: pair.b}
    for draft in plan.drafts:
        pair = pair.edited(**{draft.side.value: draft.values})
        looks = rules.looks(draft.side, pair.a if draft.side is A else pair.b)
        for strand, planned in draft.strands.items():
            known = strand in memory[A] and strand in memory[B]
            now = LinkMemory(memory[A], memory[B]).base(strand) if known else None
            memory[A][strand], memory[B][strand] = baselines_after(planned, draft.side, looks[strand], now)
    pair.memory = LinkMemory(memory[A], memory[B], plan.parked)
    again = pair.plan()
    assert again.drafts == (), (plan.drafts, again.drafts)
    written = {draft.side for draft in plan.drafts}
    for side, now in ((A, pair.a), (B, pair.b)):
        assert side in written or now == before[side]


@by_pair
@settings(max_examples=max(settings.default.max_examples // 3, 20))
@given(data=st.data())
def test_rule_4_1_every_pair_keeps_the_laws(a: Field, b: Field, transform: Transform, data):
    zone = data.draw(st.sampled_from(ZONES), "zone") if T.DATE in (a.type, b.type) else "UTC"
    rules = rules_of(a, b, transform=transform, sync={"zone": zone, "country": "DE"})
    (lens,) = rules.lenses
    va, vb = {"f": data.draw(values_of(a), "a")}, {"f": data.draw(values_of(b), "b")}
    for side, source, target in ((B, va, vb), (A, vb, va)):
        if lens.direction.allows(side):
            put_then_get(lens, side, source, target)
    at_rest_after_one_write(rules, va, vb)


@pytest.mark.parametrize("name", JOINED)
@given(data=st.data())
def test_rule_4_4_joined_fields_keep_the_laws(name: str, data):
    left, right, mapping = JOINED[name]
    rules = rules_of(left, right, mapping)
    (lens,) = rules.lenses
    va = {f.name: data.draw(values_of(f), f.name) for f in left.fields}
    vb = {f.name: data.draw(values_of(f), "whole") for f in right.fields}
    put_then_get(lens, B, va, vb)
    put_then_get(lens, A, vb, va)
    at_rest_after_one_write(rules, va, vb)


@by_pair
def test_b7_nasty_strings_raise_nothing_but_unfit(a: Field, b: Field, transform: Transform):
    """Every string, in every field that holds text, beside a blank and beside an ordinary value."""
    rules = rules_of(a, b, transform=transform, sync={"country": "DE"})
    for nasty in NASTY:
        for side, here in ((A, a), (B, b)):
            value = shaped(here, nasty)
            if value is not None:
                pair = Pair(rules, {"f": None}, {"f": None}).edited(**{side.value: {"f": value}})
                at_rest_after_one_write(rules, pair.a, pair.b)


def shaped(of: Field, text: str) -> Value:
    """The string as a value of this field, whether it makes sense or not; None where a type holds no text."""
    shapes = {
        T.MONEY: {"amount": text, "currency": "EUR"},
        T.REFERENCE: {"id": "1", "label": text},
        T.ADDRESS: {"street": text, "city": text},
        T.OWNER: {"id": text, "email": text},
        T.MULTI_CHOICE: [text],
        T.INTEGER: None,
        T.BOOLEAN: None,
    }
    value = shapes.get(of.type, text)
    return [value] if of.multi_valued and value is not None else value


@pytest.mark.parametrize("name", JOINED)
def test_b7_nasty_strings_in_joined_fields(name: str):
    left, right, mapping = JOINED[name]
    rules = rules_of(left, right, mapping)
    blank_a, blank_b = ({f.name: None for f in of.fields} for of in (left, right))
    for nasty in NASTY:
        at_rest_after_one_write(rules, {**blank_a, left.fields[0].name: nasty}, blank_b)
        at_rest_after_one_write(rules, blank_a, {f.name: shaped(f, nasty) for f in right.fields})


@pytest.mark.parametrize("type_", FieldType)
def test_b7_keys_can_be_made_of_anything_and_be_stored(type_: FieldType):
    one = field("f", type_, "email")
    person = resource(one, field("n", canonical="full_name"), field("company", canonical="company"))
    for nasty in NASTY:
        key = key_of(nasty, type_, Locale("DE"))
        assert key is None or "\x00" not in key
        (key or "").encode()
        blocks(keys_of({"f": nasty, "n": nasty, "company": nasty}, person, ("f",), Locale("DE")))


# --- B5: days and moments -----------------------------------------------------------------------------------

SUMMER_TIMES = [
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "Asia/Beirut",
    "Asia/Tehran",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "America/Asuncion",
]


def days_around_changes(zone: str) -> Iterator[date]:
    here, day = ZoneInfo(zone), date(2000, 1, 1)
    before = None
    while day < date(2041, 1, 1):
        offset = datetime(day.year, day.month, day.day, 12, tzinfo=here).utcoffset()
        if before is not None and offset != before:
            yield from (day + timedelta(days=n) for n in (-1, 0, 1))
        before, day = offset, day + timedelta(days=1)


@pytest.mark.parametrize("zone", SUMMER_TIMES)
def test_b5_days_survive_every_change_of_the_clock(zone: str):
    rules = rules_of(field("f", T.DATE), field("f", T.DATETIME), sync={"zone": zone})
    (lens,) = rules.lenses
    found = sorted(set(days_around_changes(zone)))
    assert len(found) > 20
    for day in found:
        (moment,) = lens.halves[B].put("", day.isoformat(), {"f": None}, None).values()
        assert moment.endswith("Z") and rules.looks(B, {"f": moment}) == rules.looks(A, {"f": day.isoformat()}), day


def test_b5_a_day_that_a_zone_has_skipped_is_sent_once_and_never_comes_back():
    rules = rules_of(field("f", T.DATE), field("f", T.DATETIME), sync={"zone": "Pacific/Apia"})
    at_rest_after_one_write(rules, {"f": "2011-12-30"}, {"f": None})


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", ["0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31", "2024-02-29", "1900-01-01"])
def test_b5_the_ends_of_the_calendar_park_at_worst(zone: str, day: str):
    rules = rules_of(field("f", T.DATE), field("f", T.DATETIME), sync={"zone": zone})
    pair = Pair(rules, {"f": day}, {"f": None})
    assert len(pair.plan().parked) == (0 if pair.plan().drafts else 1)
    at_rest_after_one_write(rules, {"f": day}, {"f": None})
    for moment in (f"{day}T00:00:00Z", f"{day}T23:59:59.999999Z"):
        at_rest_after_one_write(rules, {"f": None}, {"f": moment})


@given(st.datetimes(timezones=st.sampled_from([ZoneInfo(z) for z in SUMMER_TIMES])))
def test_b5_moments_keep_their_instant(moment: datetime):
    try:
        instant = moment.astimezone(UTC)
    except OverflowError:
        return
    assert datetime_of(iso(instant)) == instant
    written = (instant - timedelta(0)).isoformat()
    assert key_of(written, T.DATETIME, Locale()) == iso(instant)


@given(st.dates())
def test_b5_days_have_one_form(day: date):
    assert date_of(day.isoformat()) == day
    assert key_of(day.strftime("%Y%m%d").zfill(8), T.DATE, Locale()) == day.isoformat()


# --- B6: numbers --------------------------------------------------------------------------------------------


@given(st.decimals(allow_nan=False, allow_infinity=False))
@example(Decimal("0E+10"))
@example(Decimal("-0.000"))
@example(Decimal("1E+400"))
def test_b6_numbers_are_exact(number: Decimal):
    found = decimal_of(str(number))
    if abs(number.adjusted()) > 400:
        return
    if found is None:
        assert -int(number.as_tuple().exponent) > 400
        return
    assert found == number
    assert Decimal(plain(found)) == number and "E" not in plain(found).upper()
    assert plain(decimal_of(plain(found)) or Decimal()) == plain(found)


@given(st.integers())
@example(2**53 - 2)
@example(2**53 + 1)
@example(-(2**53) - 1)
def test_b6_integers_are_exact(number: int):
    assert whole(Decimal(number)) == number
    rules = rules_of(field("f", T.INTEGER), field("f", T.NUMBER))
    (lens,) = rules.lenses
    (sent,) = lens.halves[B].put("", number, {"f": None}, None).values()
    assert sent == str(number) and lens.look(B, {"f": sent})[""].value == number


@pytest.mark.parametrize(
    "text", ["NaN", "sNaN", "Infinity", "-Infinity", "1e999999999", "1e-999999999", "", "abc", True]
)
def test_b6_what_is_no_number_is_none(text):
    assert decimal_of(text) is None


def test_a_draft_changes_only_fields_of_its_mapping():
    rules = rules_of(*JOINED["name"])
    draft = draft_of(Pair(rules, {"first": None, "last": None, "other": 1}, {"f": "Ann Lee"}).plan(), A)
    assert set(draft.values) == {"first", "last"}
