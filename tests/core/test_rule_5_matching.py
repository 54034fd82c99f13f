"""Which records are the same thing (section 5 of the rules)."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Kind
from syncengine.core.mapping import MatchBy, Matching, Side
from syncengine.core.match import Candidate, Judgement, Keys, Taken, blocks, judge, keys_of, shared_blocks, tier
from syncengine.core.values import Locale

from .build import A, B, T, field, resource

GERMANY = Locale(country="DE")
NOBODY = Taken({})
USUAL = Matching()

PERSON = resource(
    field("first", canonical="first_name"),
    field("last", canonical="last_name"),
    field("mails", T.EMAIL, "email", multi_valued=True),
    field("work", T.EMAIL),
    field("company", canonical="company"),
    field("org", T.REFERENCE, "company_ref"),
    field("tel", T.PHONE, "phone"),
)
CARD = resource(field("fn", canonical="full_name"), field("mail", T.EMAIL, "email"), field("org", canonical="company"))
COMPANY = resource(
    field("name", canonical="name"),
    field("domain", canonical="domain"),
    field("site", T.URL, "website"),
    kind=Kind.COMPANY,
)
PRODUCT = resource(field("name", canonical="name"), field("sku", canonical="sku"), kind=Kind.PRODUCT)
INVOICE = resource(field("no", canonical="number"), kind=Kind.INVOICE)
DEAL = resource(field("title", canonical="title"), kind=Kind.DEAL)


def keys(of, **values) -> Keys:
    return keys_of(values, of, (), GERMANY)


def person(*mails: str, first="", last="", company="") -> Keys:
    return keys(PERSON, first=first, last=last, mails=list(mails), company=company)


def company(name="", domain="") -> Keys:
    return keys(COMPANY, name=name, domain=domain)


def judged(
    a: Mapping[str, Keys],
    b: Mapping[str, Keys],
    kind: Kind = Kind.CONTACT,
    matching: Matching = USUAL,
    taken: Taken = NOBODY,
    apart: set[tuple[str, str]] | frozenset = frozenset(),
) -> Judgement:
    """All records of both sides, compared as the engine does: only those that share a bucket."""
    compared = shared_blocks(kind, matching)
    found = []
    for i, ka in a.items():
        for j, kb in b.items():
            if {(compared[k], v) for k, v in blocks(ka) if k in compared} & blocks(kb):
                level = tier(kind, matching, ka, kb)
                found += [Candidate(i, j, level)] if level is not None else []
            else:
                assert tier(kind, matching, ka, kb) is None, "a match that no bucket would have found"
    return judge(found, taken, apart)


def waiting(judgement: Judgement) -> set[str]:
    return {id_ for _, id_ in judgement.ambiguous}


# --- Keys ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x, y",
    [("Ann@X.de", " ann@x.DE "), ("STRASSE@x.de", "straße@X.de"), ("zoe\u0308@x.de", "zo\u00eb@x.de")],
)
def test_rule_5_7_addresses_are_compared_trimmed_folded_and_normalised(x, y):
    assert person(x).emails == person(y).emails != frozenset()


@pytest.mark.parametrize(
    "written",
    [
        "example.com",
        "EXAMPLE.com ",
        "www.example.com",
        "https://www.Example.com/about?x=1",
        "http://example.com:8080",
        "example.com.",
    ],
)
def test_rule_5_7_domains_without_scheme_www_and_path(written):
    assert company(domain=written).domain == "example.com"
    assert keys(COMPANY, site=written).domain == "example.com", "a website tells the domain where no field does"


def test_rule_5_7_phone_numbers_in_e164_where_they_are_the_field_of_choice():
    own = [keys_of({"tel": tel}, PERSON, ("tel",), GERMANY).own for tel in ("030 1234567", "+49 30 1234567")]
    assert own == [{"tel": "+49301234567"}] * 2


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_rule_5_7_a_blank_key_matches_nothing(blank):
    for kind, of, names in (
        (Kind.CONTACT, PERSON, ("first", "last", "company")),
        (Kind.COMPANY, COMPANY, ("name", "domain")),
        (Kind.PRODUCT, PRODUCT, ("name", "sku")),
        (Kind.INVOICE, INVOICE, ("no",)),
    ):
        empty = keys(of, **dict.fromkeys(names, blank))
        assert tier(kind, Matching(), empty, empty) is None and blocks(empty) == set()
    chosen = Matching(MatchBy.FIELD, "tel", "tel")
    nothing = keys_of({"tel": blank}, PERSON, ("tel",), GERMANY)
    assert tier(Kind.CONTACT, chosen, nothing, nothing) is None


def test_rule_5_7_an_address_that_is_none_is_no_key():
    assert person("n/a", "unknown").emails == frozenset()


def test_keys_survive_being_stored():
    full = Keys(frozenset({"b", "a"}), "n", "e", "c", "d", "dd", "s", "1", {"f": "k"})
    assert Keys.from_json(full.to_json()) == full
    assert Keys().to_json() == {} and Keys.from_json({}) == Keys()


# --- Persons ------------------------------------------------------------------------------------------------

LEE = {"first": "Ann", "last": "Lee"}
PERSONS = [
    # same? why
    (True, "an address in common", person("a@x.de", "b@x.de"), person("c@x.de", "B@x.de")),
    (True, "whatever the names", person("a@x.de", **LEE), person("a@x.de", first="Bob")),
    (False, "different addresses", person("a@x.de", **LEE, company="Acme"), person("b@x.de", **LEE, company="Acme")),
    (
        True,
        "name and company, one without address",
        person("a@x.de", **LEE, company="Acme"),
        person(**LEE, company="acme "),
    ),
    (True, "name and company, both without", person(**LEE, company="Acme"), person(**LEE, company="Acme")),
    (False, "the name alone", person(**LEE), person(**LEE)),
    (False, "a company on one side only", person(**LEE, company="Acme"), person(**LEE)),
    (False, "another company", person(**LEE, company="Acme"), person(**LEE, company="Globex")),
    (False, "another name", person(**LEE, company="Acme"), person(first="Bob", last="Lee", company="Acme")),
    (True, "an invalid address is none", person("n/a", **LEE, company="Acme"), person("a@x.de", **LEE, company="Acme")),
    (True, "one full name", keys(CARD, fn="ann  lee", org="Acme"), person(**LEE, company="Acme")),
    (True, "an address of another field", keys(PERSON, work="a@x.de"), person("a@x.de")),
    (
        True,
        "the primary association before the field",
        keys(PERSON, first="Ann", last="Lee", org={"id": "1", "label": "Acme"}, company="old"),
        person(**LEE, company="Acme"),
    ),
    (
        False,
        "the company's address decides first",
        Keys(name="ann lee", company_email="i@a.de", company="acme"),
        Keys(name="ann lee", company_email="i@b.de", company="acme"),
    ),
    (
        True,
        "the first that both have",
        Keys(name="ann lee", company_email="i@a.de", company_domain="a.de"),
        Keys(name="ann lee", company="acme", company_domain="a.de"),
    ),
]


@pytest.mark.parametrize("same, why, a, b", PERSONS, ids=[p[1] for p in PERSONS])
@pytest.mark.parametrize("kind", [Kind.CONTACT, Kind.LEAD])
def test_rule_5_3_persons(kind, same, why, a, b):
    assert (tier(kind, Matching(), a, b) is not None) is same
    assert tier(kind, Matching(), a, b) == tier(kind, Matching(), b, a)


# --- Companies, products, the rest --------------------------------------------------------------------------

COMPANIES = [
    # by name first, by domain first
    (True, False, "one name, different domains", company("Acme", "a.de"), company("ACME", "b.de")),
    (False, True, "one domain, different names", company("Acme", "a.de"), company("Globex", "a.de")),
    (True, True, "the domain where one has no name", company("", "a.de"), company("Acme", "a.de")),
    (True, True, "the name where one has no domain", company("Acme"), company("acme", "a.de")),
    (True, True, "both", company("Acme", "a.de"), company("Acme", "www.a.de")),
    (False, False, "neither", company("Acme", "a.de"), company("Globex", "b.de")),
    (False, False, "no domain, no name", company("Acme"), company("", "a.de")),
]


@pytest.mark.parametrize("by_name, by_domain, why, a, b", COMPANIES, ids=[c[2] for c in COMPANIES])
def test_rule_5_4_companies(by_name, by_domain, why, a, b):
    assert (tier(Kind.COMPANY, Matching(), a, b) is not None) is by_name
    assert (tier(Kind.COMPANY, Matching(MatchBy.DOMAIN_FIRST), a, b) is not None) is by_domain


def test_rule_5_4_of_several_with_one_name_the_one_with_the_same_domain():
    found = judged(
        {"a1": company("Acme", "a.de")},
        {"b1": company("Acme", "b.de"), "b2": company("Acme", "a.de"), "b3": company("Acme")},
        Kind.COMPANY,
    )
    assert found.links == (("a1", "b2"),) and waiting(found) == {"b1", "b3"}


def test_rule_5_5_products_by_sku_then_name():
    def same(a, b):
        return tier(Kind.PRODUCT, Matching(), keys(PRODUCT, **a), keys(PRODUCT, **b)) is not None

    assert same({"sku": "X-1", "name": "Bolt"}, {"sku": "x-1", "name": "Screw"})
    assert not same({"sku": "X-1", "name": "Bolt"}, {"sku": "X-2", "name": "Bolt"})
    assert same({"sku": "X-1", "name": "Bolt"}, {"name": "bolt"})


def test_rule_5_5_invoices_by_number_and_deals_never():
    assert tier(Kind.INVOICE, Matching(), keys(INVOICE, no="R-1"), keys(INVOICE, no="r-1")) == 0
    for kind in (Kind.DEAL, Kind.LINE_ITEM, Kind.ACTIVITY, Kind.GROUP, None):
        assert shared_blocks(kind, Matching()) == {}
        assert tier(kind, Matching(), keys(DEAL, title="x"), keys(DEAL, title="x")) is None


def test_rule_5_6_a_field_of_its_own_choosing_and_only_that():
    chosen = Matching(MatchBy.FIELD, "tel", "org")
    a = keys_of({"tel": "030 1234567", "mails": ["a@x.de"]}, PERSON, ("tel",), GERMANY)
    assert tier(Kind.CONTACT, chosen, a, Keys(own={"org": "+49301234567"})) == 0
    assert tier(Kind.CONTACT, chosen, a, Keys(emails=a.emails, own={"org": "+49309999999"})) is None
    assert shared_blocks(Kind.CONTACT, chosen) == {"own:tel": "own:org"}


def test_rule_5_6_no_matching_at_all():
    one = person("a@x.de")
    assert tier(Kind.CONTACT, Matching(MatchBy.NOTHING), one, one) is None
    assert judged({"a": one}, {"b": one}, matching=Matching(MatchBy.NOTHING)) == Judgement((), {})


def test_rule_5_6_matching_depends_on_no_mapping():
    """Keys come from the record and its object alone: `keys_of` is not even told of mappings."""
    assert keys(PERSON, mails=["a@x.de"]).emails == {"a@x.de"}


# --- Ties (rule 5.8): nothing is linked, everybody waits ----------------------------------------------------

SHARED = "info@x.de"
PERSON_TIES: dict[str, tuple[dict[str, Keys], dict[str, Keys]]] = {
    "one against two with its address": ({"a": person("i@x.de")}, {"b1": person("i@x.de"), "b2": person("i@x.de")}),
    "two against one": ({"a1": person("i@x.de"), "a2": person("i@x.de")}, {"b": person("i@x.de")}),
    "two against two": (
        {"a1": person("i@x.de"), "a2": person("i@x.de")},
        {"b1": person("i@x.de"), "b2": person("i@x.de")},
    ),
    "two against two with the same names": (
        {"a1": person(SHARED, first="Ann"), "a2": person(SHARED, first="Bob")},
        {"b1": person(SHARED, first="Ann"), "b2": person(SHARED, first="Bob")},
    ),
    "the address in another case": ({"a": person("I@x.de")}, {"b1": person("i@X.de"), "b2": person(" i@x.de")}),
    "the address in another Unicode form": (
        {"a": person("zoe\u0308@x.de")},
        {"b1": person("zo\u00eb@x.de"), "b2": person("zoe\u0308@x.de")},
    ),
    "two addresses that point to two": (
        {"a": person("p@x.de", "q@x.de")},
        {"b1": person("p@x.de"), "b2": person("q@x.de")},
    ),
    "two that point to one by different addresses": (
        {"a1": person("p@x.de"), "a2": person("q@x.de")},
        {"b": person("p@x.de", "q@x.de")},
    ),
    "a chain": (
        {"a1": person("p@x.de", "q@x.de"), "a2": person("r@x.de", "s@x.de")},
        {"b1": person("q@x.de", "r@x.de"), "b2": person("p@x.de"), "b3": person("s@x.de")},
    ),
    "a ring": (
        {"a1": person("p@x.de", "q@x.de"), "a2": person("r@x.de", "s@x.de")},
        {"b1": person("q@x.de", "r@x.de"), "b2": person("s@x.de", "p@x.de")},
    ),
    "an address shared by a whole office": (
        {f"a{i}": person(SHARED, first=f"P{i}") for i in range(4)},
        {f"b{i}": person(SHARED, first=f"P{i}") for i in range(4)},
    ),
    "name and company, two on the other side": (
        {"a": person(**LEE, company="Acme")},
        {"b1": person(**LEE, company="Acme"), "b2": person("x@x.de", **LEE, company="Acme")},
    ),
    "name and company, two on this side": (
        {"a1": person(**LEE, company="Acme"), "a2": person("y@x.de", **LEE, company="Acme")},
        {"b": person(**LEE, company="Acme")},
    ),
    "name and company, two against two": (
        {"a1": person(**LEE, company="Acme"), "a2": person(**LEE, company="Acme")},
        {"b1": person(**LEE, company="Acme"), "b2": person(**LEE, company="Acme")},
    ),
    "father and son": (
        {"a": person(first="Ann", last="Lee", company="Acme")},
        {"b1": person("j@x.de", **LEE, company="ACME"), "b2": person("s@x.de", **LEE, company=" acme")},
    ),
    "one of two twins has two addresses": (
        {"a1": person("i@x.de"), "a2": person("i@x.de", "own@x.de")},
        {"b1": person("i@x.de", "own@x.de")},
    ),
    "copies of one record on both sides": (
        {"a1": person("i@x.de", **LEE), "a2": person("i@x.de", **LEE)},
        {"b1": person("i@x.de", **LEE)},
    ),
    "three copies": ({"a": person("i@x.de")}, {f"b{i}": person("i@x.de") for i in range(3)}),
}
COMPANY_TIES: dict[str, tuple[dict[str, Keys], dict[str, Keys]]] = {
    "one name, two without domain": ({"a": company("Acme")}, {"b1": company("Acme"), "b2": company("Acme")}),
    "one name, two other domains": (
        {"a": company("Acme", "a.de")},
        {"b1": company("Acme", "b.de"), "b2": company("Acme", "c.de")},
    ),
    "one name, a domain and none": ({"a": company("Acme")}, {"b1": company("Acme", "b.de"), "b2": company("Acme")}),
    "name and domain twice": (
        {"a": company("Acme", "a.de")},
        {"b1": company("Acme", "a.de"), "b2": company("acme", "www.a.de")},
    ),
    "two branches on this side": (
        {"a1": company("Acme", "a.de"), "a2": company("Acme", "b.de")},
        {"b": company("Acme")},
    ),
    "no name, one domain twice": (
        {"a": company("", "a.de")},
        {"b1": company("Acme", "a.de"), "b2": company("Globex", "a.de")},
    ),
    "no name on two, one domain": (
        {"a1": company("", "a.de"), "a2": company("", "a.de")},
        {"b": company("Acme", "a.de")},
    ),
    "branches without domains": (
        {"a1": company("Acme"), "a2": company("Acme")},
        {"b1": company("Acme"), "b2": company("Acme")},
    ),
}
PRODUCT_TIES: dict[str, tuple[dict[str, Keys], dict[str, Keys]]] = {
    "a number used twice": (
        {"a": keys(PRODUCT, sku="1", name="x")},
        {"b1": keys(PRODUCT, sku="1", name="x"), "b2": keys(PRODUCT, sku="1", name="y")},
    ),
    "no number, a name used twice": (
        {"a": keys(PRODUCT, name="x")},
        {"b1": keys(PRODUCT, sku="1", name="x"), "b2": keys(PRODUCT, sku="2", name="x")},
    ),
    "two without number": (
        {"a1": keys(PRODUCT, name="x"), "a2": keys(PRODUCT, name="x", sku="7")},
        {"b": keys(PRODUCT, name="x")},
    ),
}
INVOICE_TIES: dict[str, tuple[dict[str, Keys], dict[str, Keys]]] = {
    "a number used twice": ({"a": keys(INVOICE, no="1")}, {"b1": keys(INVOICE, no="1"), "b2": keys(INVOICE, no=" 1")}),
    "a number used twice here": (
        {"a1": keys(INVOICE, no="1"), "a2": keys(INVOICE, no="1")},
        {"b": keys(INVOICE, no="1")},
    ),
}
TIES = [
    pytest.param(kind, a, b, id=f"{kind}: {name}")
    for kind, table in (
        (Kind.CONTACT, PERSON_TIES),
        (Kind.COMPANY, COMPANY_TIES),
        (Kind.PRODUCT, PRODUCT_TIES),
        (Kind.INVOICE, INVOICE_TIES),
    )
    for name, (a, b) in table.items()
]


def test_there_are_thirty_ties_and_more():
    assert len(TIES) >= 30


@pytest.mark.parametrize("kind, a, b", TIES)
def test_rule_5_8_a_tie_links_nobody_and_all_wait(kind, a, b):
    found = judged(a, b, kind)
    assert found.links == ()
    assert waiting(found) == set(a) | set(b)
    assert all(candidates for candidates in found.ambiguous.values())


@pytest.mark.parametrize("kind, a, b", TIES)
def test_rule_5_8_a_person_who_keeps_all_but_one_apart_decides_it(kind, a, b):
    """Kept apart is remembered for the pair of records; what remains is judged as ever."""
    one, other = sorted(a)[0], judged(a, b, kind).ambiguous[(A, sorted(a)[0])][0]
    apart = {(i, j) for i in a for j in b if (i == one) != (j == other)}
    found = judged(a, b, kind, apart=apart)
    assert (one, other) in found.links


def test_rule_5_8_the_deciding_key_is_the_strongest_that_finds_anybody():
    """B2 has no address and the same name and company; the address decides, and B2 waits with its candidate."""
    found = judged(
        {"a": person("a@x.de", **LEE, company="Acme")},
        {"b1": person("a@x.de"), "b2": person(**LEE, company="Acme")},
    )
    assert found.links == (("a", "b1"),)
    assert found.ambiguous == {(B, "b2"): ("a",)}


def test_rule_5_8_kept_apart_are_no_candidates():
    one = person("a@x.de")
    assert judged({"a": one}, {"b": one}, apart={("a", "b")}) == Judgement((), {})
    assert judged({"a": one}, {"b": one, "c": one}, apart={("a", "b")}).links == (("a", "c"),)


# --- Linked records (rule 5.9) ------------------------------------------------------------------------------


def linked(*pairs: tuple[str, str], widowed: tuple[tuple[Side, str], ...] = ()) -> Taken:
    ids = {A: {a for a, _ in pairs}, B: {b for _, b in pairs}}
    alone = {side: {id_ for s, id_ in widowed if s is side} for side in Side}
    return Taken({side: ids[side] | alone[side] for side in Side}, alone)


ONE = person("a@x.de")


def test_rule_5_9_a_linked_record_is_a_candidate_and_its_second_copy_waits():
    found = judged({"a": ONE}, {"b": ONE, "copy": ONE}, taken=linked(("a", "b")))
    assert found.links == () and found.ambiguous == {(B, "copy"): ("a",)}


def test_rule_5_9_also_where_the_linked_record_has_other_keys_by_now():
    found = judged({"a": ONE}, {"b": person("new@x.de"), "copy": ONE}, taken=linked(("a", "b")))
    assert found.links == () and found.ambiguous == {(B, "copy"): ("a",)}


def test_rule_5_9_two_linked_records_are_left_alone():
    assert judged({"a": ONE}, {"b": ONE}, taken=linked(("a", "b"))) == Judgement((), {})
    crossed = judged({"a": ONE}, {"b": ONE}, taken=linked(("a", "x"), ("y", "b")))
    assert crossed == Judgement((), {})


def test_rule_5_9_a_link_whose_other_end_was_deleted_takes_its_sole_match():
    assert judged({"a": ONE}, {"new": ONE}, taken=linked(widowed=((A, "a"),))).links == (("a", "new"),)
    assert judged({"new": ONE}, {"b": ONE}, taken=linked(widowed=((B, "b"),))).links == (("new", "b"),)


def test_rule_5_9_of_several_matches_of_a_widowed_record_none_is_taken():
    found = judged({"a": ONE}, {"n1": ONE, "n2": ONE}, taken=linked(widowed=((A, "a"),)))
    assert found.links == () and found.ambiguous == {(B, "n1"): ("a",), (B, "n2"): ("a",)}


def test_rule_5_9_a_widowed_record_and_a_free_one_make_a_tie():
    found = judged({"a": ONE, "free": ONE}, {"new": ONE}, taken=linked(widowed=((A, "a"),)))
    assert found.links == () and waiting(found) == {"free", "new"}


def test_rule_5_9_two_widowed_records_are_not_married_by_themselves():
    found = judged({"a": ONE}, {"b": ONE}, taken=linked(widowed=((A, "a"), (B, "b"))))
    assert found == Judgement((), {})


def test_rule_5_10_duplicates_that_match_nothing_are_not_in_the_way():
    assert judged({"a1": ONE, "a2": ONE}, {}) == Judgement((), {})


# --- The order of reading changes nothing (rule 5.8) --------------------------------------------------------

ids = st.integers(0, 5).map(str)
candidate_lists = st.lists(st.builds(Candidate, ids, ids, st.integers(0, 2)), max_size=14)
takens = st.lists(st.tuples(st.sampled_from(Side), ids, st.booleans()), max_size=5).map(
    lambda rows: Taken(
        {side: {i for s, i, _ in rows if s is side} for side in Side},
        {side: {i for s, i, w in rows if s is side and w} for side in Side},
    )
)
aparts = st.sets(st.tuples(ids, ids), max_size=4)


@given(candidate_lists, takens, aparts, st.randoms(use_true_random=False))
def test_rule_5_8_order_and_repetition_change_nothing(candidates, taken, apart, chance: random.Random):
    shuffled = [*candidates, *candidates[:3]]
    chance.shuffle(shuffled)
    assert judge(shuffled, taken, apart) == judge(candidates, taken, apart)


@given(candidate_lists, takens, aparts)
def test_rule_5_8_both_sides_are_equal(candidates, taken, apart):
    mirrored = judge(
        [Candidate(c.b, c.a, c.tier) for c in candidates],
        Taken(*({side.other: found for side, found in held.items()} for held in (taken.linked, taken.widowed))),
        {(b, a) for a, b in apart},
    )
    found = judge(candidates, taken, apart)
    assert set(mirrored.links) == {(b, a) for a, b in found.links}
    assert mirrored.ambiguous == {(side.other, id_): others for (side, id_), others in found.ambiguous.items()}


@given(candidate_lists, takens, aparts)
def test_rule_5_9_no_record_stands_in_two_links_and_nothing_linked_is_taken_away(candidates, taken, apart):
    found = judge(candidates, taken, apart)
    for side, at in ((A, 0), (B, 1)):
        ends = [link[at] for link in found.links]
        assert len(ends) == len(set(ends))
        for end in ends:
            assert end not in taken.linked[side] or end in taken.widowed[side]
            assert (side, end) not in found.ambiguous
    assert not set(found.links) & apart
    assert not any(taken.is_linked(side, id_) for side, id_ in found.ambiguous)


@given(candidate_lists, takens, aparts)
def test_rule_5_8_whoever_has_a_candidate_is_linked_or_waits(candidates, taken, apart):
    found = judge(candidates, taken, apart)
    for c in candidates:
        if (c.a, c.b) in apart:
            continue
        for side, id_ in ((A, c.a), (B, c.b)):
            settled = any(id_ == (link[0] if side is A else link[1]) for link in found.links)
            assert settled or (side, id_) in found.ambiguous or taken.is_linked(side, id_)


people = st.builds(
    person,
    *(st.sampled_from(["", "p@x.de", "q@x.de", "P@X.DE"]) for _ in range(2)),
    first=st.sampled_from(["", "Ann"]),
    company=st.sampled_from(["", "Acme", "Globex"]),
)


@given(st.lists(people, max_size=5), st.lists(people, max_size=5))
def test_rule_5_3_persons_with_different_addresses_never_match(a, b):
    left, right = {f"a{i}": k for i, k in enumerate(a)}, {f"b{i}": k for i, k in enumerate(b)}
    for i, j in judged(left, right).links:
        both = left[i].emails and right[j].emails
        assert not both or left[i].emails & right[j].emails
