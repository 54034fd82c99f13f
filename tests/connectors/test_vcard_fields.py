"""The fields of a contact: the laws of a lens, and what each value looks like in a card."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.builtin.carddav.fields import CARD_FIELDS, FIELDS, CardRefused, change_card, create_card, values_of
from connectors.builtin.carddav.vcard import Card, clean
from connectors.contract import ADDRESS_PARTS, CANONICAL, Field, FieldType, Refusal, Values
from connectors.testing.wireforms import misfit, same_value

from .test_vcard import ODD_LINES, card_of

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)

NASTY = (
    "e\u0301 and é",
    "👩‍👩‍👧‍👦 🏳️‍🌈",
    "a\r\nb\rc\nd",
    "nul\x00bell\x07del\x7f",
    "half \ud800 a pair",
    "non\ufffe\uffffcharacters",
    "\u2028 \u2029 \x85 \x0b \x0c lines",
    "rtl \u202e override",
    "\ufeffbom",
    "semi;colon, comma: colon \\ back \\n \\\\",
    "\"quotes\" 'single'",
    "=?utf-8?q?=C3=A4?=",
    "BEGIN:VCARD",
    "x\r\nEND:VCARD\r\nBEGIN:VCARD\r\nFN:injected",
    "  spaces around  ",
    "\ttab\t",
    " " * 200 + "x",
    "long " * 13000,
    "<b>&amp;</b> ]]>",
)


def created(values: Values, *, version: str = "3.0") -> Card:
    return create_card({"full_name": "Ann", **values}, uid="key-1", version=version, now=NOW)


def changed(card: Card, **values: Any) -> Card:
    return change_card(card, values, now=NOW)


text = st.one_of(st.text(max_size=60), st.sampled_from(NASTY))
address = st.fixed_dictionaries({part: st.none() | text for part in ADDRESS_PARTS})
words = st.lists(text, max_size=4)
strategies: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.ADDRESS: address,
    FieldType.DATE: st.dates(min_value=date(1, 1, 1)).map(date.isoformat),
}


def value_of(field: Field) -> st.SearchStrategy[Any]:
    one = strategies.get(field.type, text)
    return st.none() | (st.lists(one, max_size=4) if field.multi_valued else one)


writable = [field for field in FIELDS if not field.read_only]
any_values = st.fixed_dictionaries({}, optional={field.name: value_of(field) for field in writable})
any_card = st.builds(
    lambda lines, version: card_of("FN:Ann Odd", *lines, version=version),
    st.lists(st.sampled_from([line for line in ODD_LINES if "BEGIN" not in line]), max_size=8),
    st.sampled_from(["3.0", "4.0"]),
)


def test_every_field_is_one_that_other_apps_know() -> None:
    assert {field.canonical for field in FIELDS} <= set(CANONICAL)
    assert list(CARD_FIELDS) == [field.name for field in FIELDS]


@settings(deadline=None)
@given(card=any_card)
def test_putting_what_was_got_changes_nothing(card: Card) -> None:
    values = {name: value for name, value in values_of(card).items() if name != "modified_at"}
    assert change_card(card, values, now=NOW) is card


@settings(max_examples=150, deadline=None)
@given(card=any_card, values=any_values)
def test_what_was_put_is_got(card: Card, values: dict[str, Any]) -> None:
    try:
        after = values_of(change_card(card, values, now=NOW))
    except CardRefused as refused:
        assert refused.outcome.reason is Refusal.MISSING_REQUIRED
        return
    for name, value in values.items():
        field = CARD_FIELDS[name].field
        assert misfit(field, after[name]) is None
        if name != "full_name" or _tidied(field, value) is not None:
            assert same_value(field, after[name], _tidied(field, value)), (name, after[name], value)


def _tidied(field: Field, value: Any) -> Any:
    """What is left of a value once nothing in it is blank, double or not to be stored."""

    def one(value: Any) -> Any:
        if isinstance(value, dict):
            parts = {name: one_text(part) for name, part in value.items()}
            return parts if any(parts.values()) else None
        tidy = one_text(value)
        return tidy.strip() if tidy and field.multi_valued else tidy

    def one_text(value: str | None) -> str | None:
        tidy = clean(value or "")
        return tidy if tidy.strip() else None

    if not field.multi_valued:
        return one(value)
    kept: list[Any] = []
    for each in value or []:
        tidy = one(each)
        if tidy is not None and tidy not in kept:
            kept.append(tidy)
    return kept or None


@settings(max_examples=100, deadline=None)
@given(card=any_card, values=any_values)
def test_lines_of_other_fields_stay_byte_for_byte(card: Card, values: dict[str, Any]) -> None:
    mapped = {"FN", "N", "NICKNAME", "EMAIL", "TEL", "ADR", "ORG", "TITLE", "URL", "BDAY", "NOTE", "CATEGORIES", "REV"}
    try:
        after = change_card(card, values, now=NOW)
    except CardRefused:
        return
    left = [line.raw for line in card if line.name not in mapped | {"X-ABLABEL"}]
    assert [line.raw for line in after if line.name not in mapped | {"X-ABLABEL"}] == left


@settings(deadline=None)
@given(values=any_values, version=st.sampled_from(["3.0", "4.0"]))
def test_a_new_card_holds_what_was_given(values: dict[str, Any], version: str) -> None:
    try:
        card = create_card(values, uid="k", version=version, now=NOW)
    except CardRefused as refused:
        assert refused.outcome.reason is Refusal.MISSING_REQUIRED
        return
    again = Card.parse(card.wire.decode())
    assert again.version == version and again.first("UID") == "k" and again.first("FN")
    assert values_of(again) == values_of(card)
    assert len([line for line in again if line.name == "BEGIN"]) == 1


@pytest.mark.parametrize("nasty", NASTY)
@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_nasty_texts_come_back(nasty: str, version: str) -> None:
    card = created({"notes": nasty, "company": nasty, "tags": [nasty], "email": [nasty]}, version=version)
    values = values_of(Card.parse(card.wire.decode()))
    assert values["notes"] == values["company"] == clean(nasty)
    assert values["tags"] == values["email"] == [clean(nasty).strip()]


# --- What is read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "field", "value"),
    [
        (["N:Doe;John;Quinlan;Mr.;Esq."], "last_name", "Doe"),
        (["N:Stevenson;John;Philip,Paul;Dr.;Jr.,M.D."], "middle_name", "Philip,Paul"),
        (["N:Doe"], "first_name", None),
        (["EMAIL:b@x.y", "EMAIL;TYPE=INTERNET,pref:a@x.y"], "email", ["a@x.y", "b@x.y"]),
        (["EMAIL;PREF=2:b@x.y", "EMAIL;PREF=1:a@x.y"], "email", ["a@x.y", "b@x.y"]),
        (["EMAIL:mailto:a@x.y", "EMAIL:", "EMAIL:a@x.y"], "email", ["a@x.y"]),
        (["TEL;TYPE=CELL:1", "TEL;TYPE=HOME,FAX:2", "TEL;TYPE=PAGER:3", "TEL:4"], "phone", ["4"]),
        (["TEL;TYPE=CELL:1", "TEL;TYPE=HOME,FAX:2", "TEL;TYPE=PAGER:3", "TEL:4"], "mobile", ["1"]),
        (["TEL;TYPE=CELL:1", "TEL;TYPE=HOME,FAX:2", "TEL;TYPE=PAGER:3", "TEL:4"], "fax", ["2"]),
        (["TEL;VALUE=uri:tel:+1-555-555-5555;ext=55"], "phone", ["+1-555-555-5555;ext=55"]),
        (["ORG:Acme\\, Inc.;R\\;D;Lab"], "company", "Acme, Inc."),
        (["ORG:Acme\\, Inc.;R\\;D;Lab"], "department", "R;D"),
        (["URL:http\\://example.com/a\\,b"], "website", ["http://example.com/a,b"]),
        (["BDAY:19850412"], "birthday", "1985-04-12"),
        (["BDAY;VALUE=date:1985-04-12"], "birthday", "1985-04-12"),
        (["BDAY:1985-04-12T23:00:00Z"], "birthday", "1985-04-12"),
        (["BDAY:--0412"], "birthday", None),
        (["BDAY:1985-02-30"], "birthday", None),
        (["BDAY;VALUE=text:circa 1800"], "birthday", None),
        (["BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12"], "birthday", None),
        (["CATEGORIES:a\\,b,c", "CATEGORIES:c,d"], "tags", ["a,b", "c", "d"]),
        (["REV:2026-01-31T09:30:00Z"], "modified_at", "2026-01-31T09:30:00Z"),
        (["REV:20260131T093000+0100"], "modified_at", "2026-01-31T08:30:00Z"),
        (["REV:20260131T093000.5Z"], "modified_at", "2026-01-31T09:30:00.500000Z"),
        (["REV:yesterday"], "modified_at", None),
    ],
)
def test_a_line_is_read_as_a_value(lines: list[str], field: str, value: Any) -> None:
    assert values_of(card_of("FN:x", *lines))[field] == value


def test_an_address_is_read_in_parts() -> None:
    card = card_of("FN:x", "ADR;TYPE=work:PO 1;Floor 2;Main St 5\\nBack;Köln;NRW;50667;DE", "ADR:PO 9;;;;;;")
    assert values_of(card)["address"] == [
        {"street": "Main St 5\nBack", "city": "Köln", "region": "NRW", "zip": "50667", "country": "DE"}
    ]


# --- What is written ----------------------------------------------------------------------------------------


def test_one_element_of_several_changes_and_keeps_its_type_and_label() -> None:
    card = card_of(
        "FN:x", "item1.EMAIL;TYPE=WORK:a@x.y", "item1.X-ABLabel:Office", "EMAIL;TYPE=HOME:b@x.y", "EMAIL:c@x.y"
    )
    after = changed(card, email=["a@x.y", "new@x.y", "c@x.y"])
    assert after.text.replace("EMAIL;TYPE=HOME:new@x.y", "EMAIL;TYPE=HOME:b@x.y") == card.text.replace(
        "END:VCARD", "REV:20260131T093000Z\r\nEND:VCARD"
    )


def test_order_alone_is_no_change_but_another_primary_is() -> None:
    card = card_of("FN:x", "EMAIL;TYPE=PREF:a@x.y", "EMAIL;TYPE=HOME:b@x.y", "EMAIL:c@x.y")
    assert changed(card, email=["a@x.y", "c@x.y", "b@x.y"]) is card
    after = changed(card, email=["b@x.y", "a@x.y", "c@x.y"])
    assert [line.raw for line in after.lines("EMAIL")] == [
        "EMAIL:a@x.y\r\n",
        "EMAIL;TYPE=HOME;TYPE=PREF:b@x.y\r\n",
        "EMAIL:c@x.y\r\n",
    ]


def test_the_primary_in_version_4_has_a_number() -> None:
    card = card_of("FN:x", "EMAIL;PREF=1:a@x.y", "EMAIL;TYPE=home;PREF=9:b@x.y", version="4.0")
    after = changed(card, email=["b@x.y", "a@x.y"])
    assert [line.raw for line in after.lines("EMAIL")] == [
        "EMAIL;PREF=2:a@x.y\r\n",
        "EMAIL;TYPE=home;PREF=1:b@x.y\r\n",
    ]


def test_an_element_that_stands_twice_goes_with_all_its_lines() -> None:
    card = card_of("FN:x", "EMAIL:a@x.y", "EMAIL;TYPE=HOME:a@x.y", "EMAIL:b@x.y")
    assert values_of(changed(card, email=["b@x.y"]))["email"] == ["b@x.y"]


def test_numbers_of_other_kinds_stay_where_they_are() -> None:
    card = card_of("FN:x", "TEL;TYPE=CELL:1", "TEL;TYPE=PAGER:2", "TEL;TYPE=WORK:3")
    after = changed(card, phone=None, mobile=["9"])
    assert [line.raw for line in after.lines("TEL")] == ["TEL;TYPE=CELL:9\r\n", "TEL;TYPE=PAGER:2\r\n"]


def test_a_number_that_was_a_uri_becomes_a_text() -> None:
    card = card_of("FN:x", "TEL;VALUE=uri;TYPE=work:tel:+1-555", version="4.0")
    assert changed(card, phone=["+49 30 1"]).lines("TEL")[0].raw == "TEL;TYPE=work:+49 30 1\r\n"


def test_of_an_address_only_the_part_that_changed_is_written() -> None:
    card = card_of("FN:x", 'ADR;LABEL="Old St\\nKöln":PO 1;Floor 2;Old St;Köln,Deutz;;50667;DE;more')
    (old,) = values_of(card)["address"]
    after = changed(card, address=[{**old, "street": "New St"}])
    assert after.lines("ADR")[0].raw == "ADR:PO 1;Floor 2;New St;Köln,Deutz;;50667;DE;more\r\n"


def test_company_and_department_leave_further_units_alone() -> None:
    card = card_of("FN:x", "ORG:Acme;Sales;Berlin")
    after = changed(card, company="Globex", department=None)
    assert after.lines("ORG")[0].raw == "ORG:Globex;;Berlin\r\n"
    assert changed(card_of("FN:x", "ORG:Acme;Sales"), company=None, department=None).lines("ORG") == []


@pytest.mark.parametrize(("version", "written"), [("3.0", "1985-04-12"), ("4.0", "19850412")])
def test_a_birthday_is_written_as_its_version_asks(version: str, written: str) -> None:
    card = card_of("FN:x", "BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12", version=version)
    assert changed(card, birthday=None) is card, "one without a year is not ours to clear"
    assert changed(card, birthday="1985-04-12").lines("BDAY")[0].raw == f"BDAY:{written}\r\n"


def test_a_change_says_when_and_no_change_says_nothing() -> None:
    card = card_of("FN:x", "REV:20200101T000000Z")
    assert values_of(changed(card, notes="n"))["modified_at"] == "2026-01-31T09:30:00Z"
    assert changed(card, notes=None, full_name="x") is card


# --- The full name ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("full_name", "follows"),
    [
        ("Ann Lee", "Anna Lee"),
        ("Dr. Ann M. Lee PhD", "Dr. Anna M. Lee PhD"),
        ("Lee, Ann", "Lee, Anna"),
        ("Lee Ann", "Lee Anna"),
        ("Ann  M.  Lee", "Anna M. Lee"),
        ("Annie from the office", "Annie from the office"),
    ],
)
def test_a_full_name_made_of_the_name_follows_it(full_name: str, follows: str) -> None:
    card = card_of(f"FN:{full_name}", "N:Lee;Ann;M.;Dr.;PhD")
    after = values_of(changed(card, first_name="Anna"))
    assert (after["full_name"], after["first_name"]) == (follows, "Anna")


def test_a_full_name_that_is_given_is_taken() -> None:
    card = card_of("FN:Ann Lee", "N:Lee;Ann;;;")
    assert values_of(changed(card, first_name="Anna", full_name="Boss"))["full_name"] == "Boss"
    assert values_of(changed(card, full_name="Boss"))["first_name"] == "Ann"


@pytest.mark.parametrize(
    ("values", "full_name"),
    [
        ({"first_name": "Ann", "last_name": "Lee", "prefix": "Dr."}, "Dr. Ann Lee"),
        ({"last_name": "Lee"}, "Lee"),
        ({"email": ["a@x.y"]}, "a@x.y"),
        ({"company": "Acme", "phone": ["1"]}, "Acme"),
        ({"full_name": "  ", "nickname": "Annie"}, "Annie"),
    ],
)
def test_a_new_card_without_full_name_gets_one(values: Values, full_name: str) -> None:
    assert values_of(create_card(values, uid="k", version="3.0", now=NOW))["full_name"] == full_name


def test_a_stand_in_gives_way_to_the_name() -> None:
    card = create_card({"email": ["a@x.y"]}, uid="k", version="3.0", now=NOW)
    assert values_of(changed(card, first_name="Ann", last_name="Lee"))["full_name"] == "Ann Lee"


def test_a_card_cannot_be_without_any_name() -> None:
    with pytest.raises(CardRefused) as refused:
        create_card({"notes": "nobody"}, uid="k", version="3.0", now=NOW)
    assert refused.value.outcome.reason is Refusal.MISSING_REQUIRED
    assert refused.value.outcome.field == "full_name"


@pytest.mark.parametrize(
    "values",
    [
        {"birthday": "31.12.1999"},
        {"birthday": 5},
        {"notes": ["a"]},
        {"email": "a@x.y"},
        {"email": [{"a": 1}]},
        {"address": [{"street": "x", "planet": "Mars"}]},
        {"address": ["x"]},
        {"tags": "a"},
        {"company": 1},
        {"modified_at": "2026-01-31T09:30:00Z"},
        {"no_such_field": "x"},
    ],
)
def test_what_is_no_value_of_the_field_is_refused(values: Values) -> None:
    with pytest.raises(CardRefused) as refused:
        change_card(card_of("FN:x"), values, now=NOW)
    assert refused.value.outcome.reason is Refusal.INVALID_VALUE
    assert refused.value.outcome.field == next(iter(values))
