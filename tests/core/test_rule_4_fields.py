"""Mappings of a sync: defaults, one writer a field, joining and splitting, creation (rules 4.2 to 4.8)."""

from __future__ import annotations

import json

import pytest

from connectors.contract import ADDRESS_PARTS, Refusal
from syncengine.core.compat import Unpaired
from syncengine.core.defaults import default_mappings, problems
from syncengine.core.lens import grind
from syncengine.core.mapping import (
    ClearPolicy,
    Direction,
    FieldMapping,
    MatchBy,
    Matching,
    Side,
    SyncSettings,
    Transform,
    WriteMode,
)
from syncengine.core.merge import Reason
from syncengine.core.plan import CreationRefused, LinkPlan, plan_creation
from syncengine.core.values import Locale, phone_key

from .build import A, B, Pair, T, field, resource, rules_of

CARD = resource(
    field("fn", canonical="full_name"),
    field("emails", T.EMAIL, "email", multi_valued=True),
    field("tel", T.PHONE, "phone"),
    field("adr", T.ADDRESS, "address"),
    field("org", canonical="company"),
    field("rev", T.DATETIME, "modified_at"),
    name="cards",
)
ROW = resource(
    field("first", canonical="first_name"),
    field("last", canonical="last_name"),
    field("mail", T.EMAIL, "email"),
    field("phone", T.PHONE, "phone", read_only=True),
    field("street", canonical="street"),
    field("city", canonical="city"),
    field("company_id", T.REFERENCE, "company_ref", target="companies"),
    field("changed", T.DATETIME, "modified_at"),
    name="rows",
)


def settings_of(*mappings: FieldMapping, **more) -> SyncSettings:
    return SyncSettings(kind=None, mappings=mappings, **more)


def test_rule_4_2_fields_with_one_canonical_name_are_paired():
    found = {m.id: m for m in default_mappings(CARD, ROW)}
    assert set(found) == {"email", "phone", "full_name", "address", "company"}
    assert (found["email"].a, found["email"].b, found["email"].direction) == (("emails",), ("mail",), Direction.TWO_WAY)
    assert found["phone"].direction is Direction.B_TO_A, "ROW cannot write it"
    assert (found["full_name"].a, found["full_name"].b) == (("fn",), ("first", "last"))
    assert (found["address"].a, found["address"].b) == (("adr",), ("street", "city"))
    assert found["company"].direction is Direction.B_TO_A
    assert not any(m.custom for m in found.values())


def test_rule_4_2_the_same_whichever_side_comes_first():
    mirrored = {(m.id, m.b, m.a) for m in default_mappings(ROW, CARD)}
    assert mirrored == {(m.id, m.a, m.b) for m in default_mappings(CARD, ROW)}


def test_rule_4_2_what_each_app_keeps_for_itself_is_not_paired():
    assert not {"modified_at", "created_at"} & {m.id for m in default_mappings(CARD, ROW)}


def test_rule_4_2_default_mappings_are_possible_ones():
    for a, b in ((CARD, ROW), (ROW, CARD), (CARD, CARD), (ROW, ROW)):
        assert problems(settings_of(*default_mappings(a, b)), a, b) == []


def test_rule_4_2_a_mapping_that_is_switched_off_carries_nothing():
    rules = rules_of(field("t"), field("t"), enabled=False)
    assert rules.lenses == [] and Pair(rules, {"t": "x"}, {"t": "y"}).written() == {}


def test_rule_4_3_a_field_is_written_by_one_active_mapping_only():
    one, two = FieldMapping("one", ("x",), ("z",)), FieldMapping("two", ("y",), ("z",))
    fields = resource(field("x"), field("y"), field("z"))
    (problem,) = problems(settings_of(one, two), fields, fields)
    assert problem.mapping == "two" and "Z" in problem.message


def test_rule_4_3_it_may_be_read_by_several():
    one, two = (FieldMapping(n, ("x",), (n,), Direction.A_TO_B) for n in "yz")
    fields = resource(field("x"), field("y"), field("z"))
    assert problems(settings_of(one, two), fields, fields) == []
    rules = rules_of(fields, fields, one, two)
    assert Pair(rules, {"x": "v"}, {"y": None, "z": None}).written() == {B: {"y": "v", "z": "v"}}


def test_rule_4_3_a_mapping_that_is_switched_off_writes_nothing():
    one, two = FieldMapping("one", ("x",), ("z",)), FieldMapping("two", ("y",), ("z",), enabled=False)
    fields = resource(field("x"), field("y"), field("z"))
    assert problems(settings_of(one, two), fields, fields) == []


def test_rule_4_3_mappings_have_different_ids():
    m = FieldMapping("m", ("x",), ("x",))
    assert [p.message for p in problems(settings_of(m, m), resource(field("x")), resource(field("x")))]


def test_rule_4_1_a_field_that_is_gone_is_named():
    lens = grind(FieldMapping("m", ("x",), ("x",)), Direction.TWO_WAY, resource(field("x")), resource(), Locale())
    assert isinstance(lens, Unpaired) and "x" in lens.reason


# --- 4.4: first of several, names, addresses, constants -----------------------------------------------------

MANY, ONE = field("m", T.EMAIL, multi_valued=True), field("e", T.EMAIL)


def test_rule_4_4_several_into_one_give_the_first():
    assert Pair(rules_of(MANY, ONE), {"m": ["a@x.de", "b@x.de"]}, {"e": None}).written() == {B: {"e": "a@x.de"}}
    assert Pair(rules_of(MANY, ONE), {"m": ["", "b@x.de"]}, {"e": None}).written() == {B: {"e": "b@x.de"}}


@pytest.mark.parametrize(
    "before, edit, after",
    [
        (["a@x.de", "b@x.de"], "c@x.de", ["c@x.de", "b@x.de"]),
        (["a@x.de", "b@x.de"], "b@x.de", ["b@x.de"]),
        (["a@x.de"], "c@x.de", ["c@x.de"]),
    ],
)
def test_rule_4_4_the_way_back_replaces_the_element_of_the_baseline_and_keeps_the_rest(before, edit, after):
    pair = Pair(rules_of(MANY, ONE), {"m": before}, {"e": "a@x.de"}).in_step().edited(b={"e": edit})
    assert pair.written() == {A: {"m": after}}


def test_rule_4_4_the_element_of_the_baseline_is_found_where_it_has_moved_to():
    pair = Pair(rules_of(MANY, ONE, winner=B), {"m": ["a@x.de", "b@x.de"]}, {"e": "a@x.de"}).in_step()
    pair = pair.edited(a={"m": ["b@x.de", "A@x.de"]}, b={"e": "c@x.de"})
    assert pair.written() == {A: {"m": ["c@x.de", "b@x.de"]}}


def test_rule_4_4_clearing_the_single_value_removes_only_that_element():
    pair = Pair(rules_of(MANY, ONE, clears=ClearPolicy.CLEAR), {"m": ["a@x.de", "b@x.de"]}, {"e": "a@x.de"}).in_step()
    assert pair.edited(b={"e": None}).written() == {A: {"m": ["b@x.de"]}}


NAMES = resource(field("first"), field("last"))
FULL = resource(field("full"))
NAME = FieldMapping("n", ("first", "last"), ("full",), transform=Transform.NAME)


def named(first, last, full, **more) -> Pair:
    return Pair(rules_of(NAMES, FULL, NAME, **more), {"first": first, "last": last}, {"full": full})


@pytest.mark.parametrize(
    "first, last, full",
    [("Ann", "Lee", "Ann Lee"), ("Ann", None, "Ann"), (None, "Lee", "Lee"), (" Ann ", "Lee", "Ann Lee")],
)
def test_rule_4_4_two_names_are_joined(first, last, full):
    assert named(first, last, None).written() == {B: {"full": full}}
    assert named(first, last, full).written() == {}


@pytest.mark.parametrize(
    "full, first, last",
    [
        ("Ann Lee", "Ann", "Lee"),
        ("Ann", "Ann", None),
        ("Ann Marie Lee", "Ann Marie", "Lee"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Dr. Ann Lee", "Dr. Ann", "Lee"),
        ("Lee, Ann", "Ann", "Lee"),
        ("Ann Lee III", "Ann", "Lee III"),
        ('Robert "Bob" Smith', 'Robert "Bob"', "Smith"),
        ("Ann Lee 🎉", "Ann Lee", "🎉"),
        ("李小龍", "李小龍", None),
    ],
)
def test_rule_4_4_one_name_is_split(full, first, last):
    expected = {"first": first} | ({"last": last} if last else {})
    assert named(None, None, full).written() == {A: expected}


@pytest.mark.parametrize(
    "full, changed",
    [
        ("Ann Smith", {"last": "Smith"}),
        ("Sue Lee", {"first": "Sue"}),
        ("Sue Smith", {"first": "Sue", "last": "Smith"}),
        ("Ann Marie Lee", {"first": "Ann Marie"}),
        ("Ann", {"last": None}),
        ("Lee", {"first": None}),
    ],
)
def test_rule_4_4_only_the_part_that_changed_is_written(full, changed):
    pair = named("Ann", "Lee", "Ann Lee").in_step().edited(b={"full": full})
    assert pair.written() == {A: changed}
    assert pair.edited(a=changed).written() == {}


def test_rule_4_4_a_split_that_a_person_made_is_kept():
    pair = named("Ann Marie", "Lee", "Ann Marie Lee").in_step()
    assert pair.edited(b={"full": "Ann Marie"}).written() == {A: {"last": None}}
    assert pair.edited(b={"full": "Ann Marie Smith"}).written() == {A: {"last": "Smith"}}


PARTS = resource(*(field(p, canonical=p, max_length=20) for p in ADDRESS_PARTS))
WHOLE = resource(field("adr", T.ADDRESS))
ADDRESS = FieldMapping("adr", ADDRESS_PARTS, ("adr",), transform=Transform.ADDRESS)
HOME = {"street": "Ring 1", "city": "Ulm", "region": None, "zip": "89073", "country": "DE"}


def housed(parts, adr, **more) -> Pair:
    return Pair(rules_of(PARTS, WHOLE, ADDRESS, **more), parts, {"adr": adr})


def test_rule_4_4_the_parts_of_an_address_are_joined_and_split():
    nothing = dict.fromkeys(ADDRESS_PARTS)
    assert housed(HOME, None).written() == {B: {"adr": HOME}}
    assert housed(nothing, HOME).written() == {A: {p: v for p, v in HOME.items() if v}}


def test_rule_4_4_each_part_of_an_address_is_compared_on_its_own():
    pair = housed(HOME, HOME).in_step().edited(a={"street": "Ring 2"}, b={"adr": {**HOME, "city": "Bonn"}})
    assert pair.written() == {A: {"city": "Bonn"}, B: {"adr": {**HOME, "street": "Ring 2", "city": "Bonn"}}}


def test_rule_4_4_a_part_that_does_not_fit_parks_that_part():
    pair = housed(HOME, HOME).in_step().edited(b={"adr": {**HOME, "street": "x" * 21, "city": "Bonn"}})
    assert pair.written() == {A: {"city": "Bonn"}}
    (parked,) = pair.plan().parked.values()
    assert parked.reason is Refusal.TOO_LONG


def test_rule_4_4_of_several_addresses_the_first_is_split_and_the_rest_kept():
    many = resource(field("adr", T.ADDRESS, multi_valued=True))
    second = {**HOME, "street": "Platz 2"}
    rules = rules_of(PARTS, many, ADDRESS)
    pair = Pair(rules, HOME, {"adr": [HOME, second]})
    assert pair.written() == {}
    assert pair.in_step().edited(a={"city": "Bonn"}).written() == {B: {"adr": [{**HOME, "city": "Bonn"}, second]}}
    blank_first = Pair(rules, {**HOME, "city": "Bonn"}, {"adr": [None, HOME]})
    assert blank_first.written() == {B: {"adr": [{**HOME, "city": "Bonn"}]}}


@pytest.mark.parametrize(
    "a, b, transform",
    [
        (("first",), ("full",), Transform.NAME),
        (("first", "last"), ("first", "last"), Transform.NAME),
        (("first", "last"), ("number",), Transform.NAME),
        (("first", "last"), ("tags",), Transform.NAME),
        (("first", "last"), ("full",), Transform.NONE),
        (("first",), ("adr",), Transform.ADDRESS),
        (("cities",), ("adr",), Transform.ADDRESS),
    ],
)
def test_rule_4_4_what_cannot_be_joined_is_refused_with_a_reason(a, b, transform):
    left = resource(field("first"), field("last"), field("cities", canonical="city", multi_valued=True))
    right = resource(
        field("first"),
        field("last"),
        field("full"),
        field("number", T.NUMBER),
        field("tags", multi_valued=True),
        field("adr", T.ADDRESS),
    )
    assert isinstance(
        grind(FieldMapping("m", a, b, transform=transform), Direction.TWO_WAY, left, right, Locale()), Unpaired
    )


def created(rules, source, side: Side = B) -> LinkPlan:
    plan = plan_creation(rules, side, source)
    assert isinstance(plan, LinkPlan), plan
    return plan


def test_rule_4_4_constants_and_defaults_fill_a_blank_on_creation_only():
    people = resource(field("name"), field("status"), field("origin"))
    rules = rules_of(
        people,
        people,
        FieldMapping("name", ("name",), ("name",)),
        FieldMapping("status", ("status",), ("status",), defaults={B: "lead"}),
        FieldMapping("origin", (), ("origin",), defaults={B: "sync"}),
    )
    plan = created(rules, {"name": "Ann", "status": None, "origin": None})
    assert plan.drafts[0].values == {"name": "Ann", "status": "lead", "origin": "sync"}
    assert {c.field: c.rule for c in plan.drafts[0].changes}["status"] == "4.4"
    assert created(rules, {"name": "Ann", "status": "won"}).drafts[0].values["status"] == "won"
    pair = Pair(rules, {"name": "Ann", "status": None}, {"name": "Ann", "status": None, "origin": None})
    assert pair.written() == {}


def test_rule_4_4_a_default_stays_where_it_was_filled_in():
    rules = rules_of(field("s"), field("s"), defaults={B: "lead"})
    people = resource(field("s"), field("name"))
    rules = rules_of(
        people,
        people,
        FieldMapping("s", ("s",), ("s",), defaults={B: "lead"}),
        FieldMapping("name", ("name",), ("name",)),
    )
    plan = created(rules, {"s": None, "name": "Ann"})
    strand = rules.lenses[0].strand("")
    assert plan.notes == {strand: Reason.DEFAULT}
    pair = Pair(rules, {"s": None, "name": "Ann"}, {"s": "lead", "name": "Ann"}).in_step()
    planned = plan.drafts[0].strands[strand]
    assert (planned.a, planned.b, planned.carries) == (None, None, "lead")
    assert pair.plan().drafts == ()
    assert pair.edited(b={"s": "won"}).written() == {A: {"s": "won"}}


def test_rule_4_7_a_missing_required_value_refuses_the_creation_with_its_reason():
    people = resource(field("first"), field("last", required=True), field("id", required=True, read_only=True))
    rules = rules_of(people, people, *(FieldMapping(n, (n,), (n,)) for n in ("first", "last")))
    refused = plan_creation(rules, B, {"first": "Ann", "last": " "})
    assert isinstance(refused, CreationRefused)
    assert (refused.reason, refused.field) == (Refusal.MISSING_REQUIRED, "last") and "Last" in refused.message
    assert created(rules, {"first": "Ann", "last": "Lee"}).drafts[0].values == {"first": "Ann", "last": "Lee"}


def test_rule_4_7_a_default_can_be_the_required_value():
    people = resource(field("last", required=True))
    rules = rules_of(people, people, FieldMapping("last", ("last",), ("last",), defaults={B: "(none)"}))
    assert created(rules, {"last": None}).drafts[0].values == {"last": "(none)"}


def test_rule_4_7_an_existing_record_goes_on_without_that_field():
    people = resource(field("first"), field("last", required=True))
    mappings = [FieldMapping(n, (n,), (n,), clears=ClearPolicy.CLEAR) for n in ("first", "last")]
    pair = Pair(rules_of(people, people, *mappings), {"first": "A", "last": "L"}, {"first": "A", "last": "L"}).in_step()
    assert pair.edited(a={"first": "B", "last": None}).written() == {B: {"first": "B"}}


def test_rule_4_5_a_value_that_does_not_fit_does_not_keep_a_record_from_being_created():
    left, right = resource(field("name"), field("mail")), resource(field("name"), field("mail", T.EMAIL))
    rules = rules_of(left, right, *(FieldMapping(n, (n,), (n,)) for n in ("name", "mail")))
    plan = created(rules, {"name": "Ann", "mail": "nobody"})
    assert plan.drafts[0].values == {"name": "Ann"}
    (parked,) = plan.parked.values()
    assert (parked.a, parked.b) == ("nobody", None)


def test_rule_4_8_phone_numbers_are_read_in_the_country_of_the_workspace():
    assert phone_key("030 1234567", "DE") == "+49301234567"
    assert phone_key("030 1234567", "de") == "+49301234567"
    assert phone_key("(212) 555-0123", "US") == "+12125550123"
    assert phone_key("030 1234567", "") == "0301234567"
    assert phone_key("+1 212 555 0123", "DE") == "+12125550123"


def test_rule_4_8_placeholders_are_never_invented():
    people = resource(field("first"), field("last"))
    rules = rules_of(people, people, *(FieldMapping(n, (n,), (n,)) for n in ("first", "last")))
    assert created(rules, {"first": "Ann", "last": None}).drafts[0].values == {"first": "Ann"}
    assert isinstance(plan_creation(rules, B, {"first": None, "last": None}), CreationRefused)


def test_settings_survive_being_stored():
    mapping = FieldMapping(
        "m",
        ("first", "last"),
        ("full",),
        Direction.A_TO_B,
        enabled=False,
        custom=True,
        transform=Transform.NAME,
        options=(("x", "y"),),
        winner=B,
        clears=ClearPolicy.CLEAR,
        mode=WriteMode.FILL_BLANK,
        defaults={A: ["x"], B: {"amount": "1", "currency": None}},
        fallback={B: "7"},
    )
    settings = SyncSettings(
        kind=None, direction=Direction.B_TO_A, winner=B, mappings=(mapping,), matching=Matching(MatchBy.FIELD, "x", "y")
    )
    assert SyncSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings
    assert SyncSettings.from_json({"kind": "contact", "mappings": [{"id": "m", "a": ["x"], "b": ["y"]}], "new": 1}) == (
        SyncSettings.from_json({"kind": "contact"}).with_mappings((FieldMapping("m", ("x",), ("y",)),))
    )
