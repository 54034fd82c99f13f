"""Transforms named in a mapping obey a lens law, or go one way (rules 4.1, 4.4 and 4.8)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncengine.core.compat import Unpaired
from syncengine.core.lens import Lens, grind
from syncengine.core.mapping import Direction, FieldMapping, Side, SyncSettings, Transform
from syncengine.core.suggest import suggested_pairs
from syncengine.core.transforms import DATE_FORMS, NUMBER_FORMS, PHONE_FORMS, SHAPES, titled, trimmed
from syncengine.core.values import Locale

from .build import A, B, Pair, T, field, resource, rules_of

GERMANY = {"country": "DE"}
TABLE = (("DE", "Germany"), ("GER", "Germany"), ("FR", "France"), ("Germany", "Allemagne"))


def lens_of(a, b, **mapping) -> Lens | Unpaired:
    return grind(
        FieldMapping("m", ("x",), ("x",), **mapping), Direction.TWO_WAY, resource(a), resource(b), Locale("DE")
    )


@pytest.mark.parametrize(
    "transform, argument, types, plain, shaped",
    [
        (Transform.UPPER, "", (T.TEXT, T.TEXT), "Straße", "STRASSE"),
        (Transform.LOWER, "", (T.TEXT, T.TEXT), "Ann LEE", "ann lee"),
        (Transform.TITLE, "", (T.TEXT, T.LONG_TEXT), "ann o'neil-SMITH", "Ann O'Neil-Smith"),
        (Transform.TRIM, "", (T.LONG_TEXT, T.LONG_TEXT), " a  b \n\t c", "a b\nc"),
        (Transform.PHONE, "e164", (T.PHONE, T.TEXT), "030 1234567", "+49301234567"),
        (Transform.PHONE, "international", (T.TEXT, T.PHONE), "030/1234567", "+49 30 1234567"),
        (Transform.PHONE, "national", (T.PHONE, T.PHONE), "+49301234567", "030 1234567"),
        (Transform.PHONE, "national", (T.PHONE, T.TEXT), "+33123456789", "+33 1 23 45 67 89"),
        (Transform.PHONE, "e164", (T.PHONE, T.TEXT), "call me", "call me"),
        (Transform.DATE, "DD.MM.YYYY", (T.DATE, T.TEXT), "2026-02-01", "01.02.2026"),
        (Transform.DATE, "D.M.YYYY", (T.DATETIME, T.TEXT), "2026-02-01T10:00:00Z", "1.2.2026"),
        (Transform.NUMBER, "1.234,56", (T.NUMBER, T.TEXT), "-1234567.5", "-1.234.567,5"),
        (Transform.NUMBER, "1'234.56", (T.INTEGER, T.TEXT), 1234, "1'234"),
        (Transform.REPLACE, "", (T.TEXT, T.TEXT), "de", "Germany"),
        (Transform.REPLACE, "", (T.TEXT, T.TEXT), "Peru", "Peru"),
        (Transform.EXTRACT, "domain", (T.EMAIL, T.TEXT), "ann@www.Acme.com", "acme.com"),
        (Transform.EXTRACT, "domain", (T.URL, T.URL), "https://www.acme.com:8080/x", "acme.com"),
        (Transform.EXTRACT, "last_word", (T.TEXT, T.TEXT), "Ann van Lee", "Lee"),
        (Transform.EXTRACT, "before: –", (T.TEXT, T.TEXT), "Acme – Bonn", "Acme"),
    ],
)
@pytest.mark.parametrize("shaped_side", list(Side))
def test_rule_4_1_one_side_holds_the_form_that_the_transform_makes(
    transform, argument, types, plain, shaped, shaped_side
):
    options = TABLE[:3] if transform is Transform.REPLACE else ()
    if transform is Transform.REPLACE and shaped_side is A:
        options = tuple((y, x) for x, y in options)
    kinds = {shaped_side.other: types[0], shaped_side: types[1]}
    fields = {side: field("x", kinds[side]) for side in Side}
    named = {"transform": transform, "argument": argument, "shaped": shaped_side, "options": options}
    rules = rules_of(fields[A], fields[B], sync=GERMANY, **named)
    values = {shaped_side.other: {"x": plain}, shaped_side: {"x": None}}
    pair = Pair(rules, values[A], values[B])
    assert pair.written() == {shaped_side: {"x": shaped}}
    at_rest = Pair(rules, *({"x": {shaped_side: shaped}.get(side, plain)} for side in Side))
    assert at_rest.written() == {} and not at_rest.plan().notes, "a change of form alone is none"


TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["De", "GERMANY", "allemagne", "Fr", "1.234,5", "1,234.5", "-0", "01.02.2026", "20260201", "é", "ǅ"]
    ),
)
PHONES = st.one_of(TEXTS, st.sampled_from(["+49 30 1234567", "030 123456 ext. 7", "0044 20 79460018", "112", "+1"]))
DATES = st.dates().map(lambda day: day.isoformat())
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str)
LAWFUL = [
    *((t, "", T.TEXT, TEXTS) for t in (Transform.UPPER, Transform.LOWER, Transform.TITLE, Transform.TRIM)),
    (Transform.REPLACE, "", T.TEXT, TEXTS),
    *((Transform.PHONE, form, T.PHONE, PHONES) for form in PHONE_FORMS),
    *((Transform.DATE, form, T.DATE, DATES) for form in DATE_FORMS),
    *((Transform.NUMBER, form, T.NUMBER, NUMBERS) for form in NUMBER_FORMS),
    *((Transform.NUMBER, form, T.INTEGER, st.integers()) for form in NUMBER_FORMS),
]


@pytest.mark.parametrize("transform, argument, plain, values", LAWFUL, ids=str)
@given(st.data())
def test_rule_4_1_what_was_put_is_what_is_got(transform, argument, plain, values, data):
    """Put then get, from either side, whatever the other side held before."""
    shaped = T.PHONE if transform is Transform.PHONE else T.TEXT
    lens = lens_of(field("x", plain), field("x", shaped), transform=transform, argument=argument, options=TABLE)
    kinds = {A: values, B: values if transform not in (Transform.DATE, Transform.NUMBER) else st.none()}
    for side in Side:
        source = data.draw(kinds[side])
        if source is None:
            continue
        seen = lens.look(side, {"x": source})[""]
        if seen.key is None:
            continue
        held = data.draw(st.one_of(st.none(), kinds[side.other]))
        try:
            put = lens.halves[side.other].put("", seen.value, {"x": held}, None)
        except Exception as unfit:
            assert type(unfit).__name__ == "Unfit"
            continue
        assert lens.look(side.other, put)[""].key == seen.key
        back = lens.halves[side].put("", lens.look(side.other, put)[""].value, {"x": source}, seen.key)
        assert lens.look(side, back)[""].key == seen.key


@given(st.text())
def test_rule_4_1_shaping_twice_is_shaping_once(text):
    for shape in (titled, trimmed):
        assert shape(shape(text)) == shape(text)


@given(st.text(), st.sampled_from(["domain", "first_word", "last_word", "before:@", "after: "]))
def test_rule_4_1_extracting_goes_one_way_and_never_fails(text, part):
    rules = rules_of(field("x"), field("x"), transform=Transform.EXTRACT, argument=part)
    assert rules.lenses[0].direction is Direction.A_TO_B
    pair = Pair(rules, {"x": text}, {"x": "kept"}).in_step().edited(b={"x": "else"})
    assert A not in pair.written()


@pytest.mark.parametrize(
    "a, b, mapping, said",
    [
        (T.TEXT, T.TEXT, {"transform": Transform.PHONE}, "Choose a form"),
        (T.TEXT, T.TEXT, {"transform": Transform.PHONE, "argument": "loud"}, "none of"),
        (T.TEXT, T.TEXT, {"transform": Transform.UPPER, "argument": "x"}, "takes no further choice"),
        (T.TEXT, T.TEXT, {"transform": Transform.EXTRACT, "argument": "before"}, "which characters"),
        (T.TEXT, T.TEXT, {"transform": Transform.REPLACE}, "at least one pair"),
        (T.TEXT, T.DATE, {"transform": Transform.DATE, "argument": "YYYYMMDD"}, "do not fit this transform"),
        (T.EMAIL, T.EMAIL, {"transform": Transform.UPPER}, "do not fit this transform"),
    ],
)
def test_rule_4_1_a_transform_that_does_not_fit_is_refused_with_its_reason(a, b, mapping, said):
    refused = lens_of(field("x", a), field("x", b), **mapping)
    assert isinstance(refused, Unpaired) and said in refused.reason


def test_rule_2_2_a_read_only_side_locks_a_transform_too():
    shut = lens_of(field("x"), field("x", read_only=True), transform=Transform.UPPER)
    assert isinstance(shut, Lens) and shut.direction is Direction.B_TO_A


def test_rule_4_6_a_change_of_transform_gives_its_strand_another_name():
    lenses = [
        lens_of(field("x"), field("x"), transform=t, argument=a, shaped=s)
        for t, a in (
            (Transform.NONE, ""),
            (Transform.UPPER, ""),
            (Transform.PHONE, "e164"),
            (Transform.PHONE, "national"),
        )
        for s in Side
    ]
    assert len({lens.fingerprint for lens in lenses if isinstance(lens, Lens)}) == 7, "plain has no shaped side"


def test_rule_4_4_elements_of_a_list_are_shaped_one_by_one():
    many = field("x", multi_valued=True)
    rules = rules_of(many, many, transform=Transform.UPPER)
    pair = Pair(rules, {"x": ["a", "b"]}, {"x": ["B"]})
    assert pair.written() == {B: {"x": ["A", "B"]}}
    assert Pair(rules, {"x": ["a", "b"]}, {"x": ["B", "A"]}).in_step().written() == {}


def test_rule_4_8_phone_numbers_are_read_in_the_workspaces_country():
    for country, there in (("DE", "+49301234567"), ("AT", "+43301234567")):
        rules = rules_of(
            field("x", T.PHONE), field("x"), sync={"country": country}, transform=Transform.PHONE, argument="e164"
        )
        assert Pair(rules, {"x": "030 1234567"}, {"x": None}).written() == {B: {"x": there}}


def test_transforms_survive_being_stored():
    mapping = FieldMapping("m", ("x",), ("x",), transform=Transform.PHONE, argument="e164", shaped=A)
    settings = SyncSettings(kind=None, mappings=(mapping,))
    assert SyncSettings.from_json(settings.to_json()) == settings
    assert Transform.NAME not in SHAPES


# --- Suggested pairs ----------------------------------------------------------------------------------------


def test_rule_4_1_pairs_of_options_are_suggested_the_same_labels_first():
    a = field("s", T.CHOICE, options=(("1", "Closed won"), ("2", "Open"), ("3", "Negotiating"), ("4", "Zebra")))
    b = field("s", T.CHOICE, options=(("x", "open"), ("y", "Closed – won"), ("z", "Negotiation"), ("w", "Quux")))
    found = suggested_pairs(a, b)
    assert (found[0].a.value, found[0].b.value, found[0].likeness) == ("2", "x", 100)
    assert {(p.a.value, p.b.value) for p in found} == {("2", "x"), ("1", "y"), ("3", "z")}
    assert all(80 <= p.likeness < 100 for p in found[1:])
    rest = suggested_pairs(a, b, (("1", "y"),))
    assert {(p.a.value, p.b.value) for p in rest} == {("2", "x"), ("3", "z")}, "what is named is not proposed again"


def test_rule_4_1_suggested_pairs_are_only_proposed():
    a = field("s", T.CHOICE, options=(("3", "Negotiating"),))
    b = field("s", T.CHOICE, options=(("z", "Negotiation"),))
    assert suggested_pairs(a, b) and Pair(rules_of(a, b), {"s": "3"}, {"s": None}).written() == {}
    assert suggested_pairs(a, field("s", T.CHOICE)) == []
