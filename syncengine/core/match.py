"""Which two records are the same thing (section 5 of the rules).

Three steps: `keys_of` takes from a record what may identify it; `tier` says whether two records match, and by how
strong a key; `judge` looks at all pairs at once, so that the order of reading changes nothing (rule 5.8).
`blocks` names the buckets that two records must share to be worth comparing: a database joins on them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.contract import Field, FieldType, Kind, Resource, Value, Values

from .halves import first_of
from .mapping import MatchBy, Matching, Side
from .values import Locale, blank, domain_key, key_of, spaced, text_of, valid_email

T = FieldType
PERSONS = frozenset({Kind.CONTACT, Kind.LEAD})


@dataclass(frozen=True, slots=True)
class Keys:
    """What may identify a record; all in the form of rule 5.7, blank ones empty."""

    emails: frozenset[str] = frozenset()
    name: str = ""
    """Full name of a person, name of a company or product."""
    company_email: str = ""
    company: str = ""
    company_domain: str = ""
    company_id: str = ""
    """Of the primary association of a person: the record that the company's keys are taken from."""
    domain: str = ""
    sku: str = ""
    number: str = ""
    own: Mapping[str, str] = field(default_factory=dict)
    """Field name → key, for fields that a person chose to match by."""

    def to_json(self) -> dict[str, Any]:
        """Without what is blank, so that a stored row stays small."""
        data: dict[str, Any] = {n: key for n in _TEXT_KEYS if (key := getattr(self, n))}
        if self.emails:
            data["emails"] = sorted(self.emails)
        if self.own:
            data["own"] = dict(self.own)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Keys:
        texts = {n: data[n] for n in _TEXT_KEYS if n in data}
        return cls(emails=frozenset(data.get("emails", ())), own=data.get("own", {}), **texts)


_TEXT_KEYS = ("name", "company_email", "company", "company_domain", "company_id", "domain", "sku", "number")
_ADDRESSES = " addresses"
"""Where `standing_for` has the fields that hold e-mail addresses, by type or by what they stand for."""
COMPANY_BLOCK = "company_ref"
"""Kind of the bucket in which the persons of a company stand: nothing is matched by it."""


def folded(value: Value) -> str:
    """Trimmed, case-folded, Unicode-normalised, single spaces (rule 5.7)."""
    if type(value) is str and value.isascii():
        return spaced(value).lower()
    return "" if blank(value) else spaced(text_of(value)).casefold()


def keys_of(values: Values, resource: Resource, own_fields: Iterable[str], locale: Locale) -> Keys:
    """The keys of one record of this resource, whatever a sync maps or filters (rule 5.6)."""
    own = {name: _own_key(values.get(name), resource.field(name), locale) for name in own_fields}
    kept = {name: key for name, key in own.items() if key}
    if resource.kind in PERSONS:
        return Keys(
            emails=_emails(values, resource),
            name=_full_name(values, resource),
            company=_company(values, resource),
            company_id=_company_id(values, resource),
            own=kept,
        )
    if resource.kind is Kind.COMPANY:
        return Keys(
            name=folded(_value(values, resource, "name")),
            company_email=min(_emails(values, resource), default=""),
            domain=_domain(values, resource),
            own=kept,
        )
    if resource.kind is Kind.PRODUCT:
        return Keys(
            name=folded(_value(values, resource, "name")), sku=folded(_value(values, resource, "sku")), own=kept
        )
    if resource.kind is Kind.INVOICE:
        return Keys(number=folded(_value(values, resource, "number")), own=kept)
    return Keys(own=kept)


def _value(values: Values, resource: Resource, canonical: str) -> Value:
    """The first value that is there among the fields that stand for this."""
    for f in standing_for(resource).get(canonical, ()):
        if not blank(value := values.get(f.name)):
            return value
    return None


IDENTIFYING = frozenset(
    {"first_name", "last_name", "full_name", "name", "company", "company_ref", "domain", "website", "email", "sku",
     "number", "title", "subject"}
)  # fmt: skip
"""Canonical names of all that match keys, and what people call a record, may follow from."""


def identifying(resource: Resource, own_fields: Iterable[str]) -> frozenset[str]:
    """Fields that the keys of a record of this resource, and what people call it, follow from."""
    standing = standing_for(resource)
    fields = [f.name for name, some in standing.items() if name in IDENTIFYING or name == _ADDRESSES for f in some]
    return frozenset(fields).union(own_fields)


_STANDING: dict[int, tuple[tuple[Field, ...], Mapping[str, tuple[Field, ...]]]] = {}
_MOST_RESOURCES = 1000
"""Kept at once: the fields of a resource are gone through for each of its records."""


def standing_for(resource: Resource) -> Mapping[str, tuple[Field, ...]]:
    """Canonical name → the fields that stand for it, in their order."""
    kept = _STANDING.get(id(resource.fields))
    if kept is not None and kept[0] is resource.fields:
        return kept[1]
    found: dict[str, tuple[Field, ...]] = {}
    for f in resource.fields:
        if f.canonical:
            found[f.canonical] = (*found.get(f.canonical, ()), f)
        if f.type is T.EMAIL or f.canonical == "email":
            found[_ADDRESSES] = (*found.get(_ADDRESSES, ()), f)
    if len(_STANDING) >= _MOST_RESOURCES:
        _STANDING.clear()
    _STANDING[id(resource.fields)] = resource.fields, found
    return found


def _own_key(value: Value, f: Field | None, locale: Locale) -> str:
    if f is None or blank(value):
        return ""
    first = next((v for v in value if not blank(v)), None) if isinstance(value, list) else value
    return (key_of(first, f.type, locale) or "").casefold()


def emails_of(values: Values, resource: Resource) -> list[str]:
    """Every e-mail address of a person, as written."""
    found: list[str] = []
    for f in standing_for(resource).get(_ADDRESSES, ()):
        value = values.get(f.name)
        found += [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, str) and v.strip()]
    return found


def _emails(values: Values, resource: Resource) -> frozenset[str]:
    return frozenset(folded(e) for e in emails_of(values, resource) if valid_email(e))


def _full_name(values: Values, resource: Resource) -> str:
    parts = [_value(values, resource, part) for part in ("first_name", "last_name")]
    joined = folded(" ".join(text_of(p) for p in parts if not blank(p)))
    return joined or folded(_value(values, resource, "full_name") or _value(values, resource, "name"))


def _company(values: Values, resource: Resource) -> str:
    """The primary association's name, else the company field (rule 5.3)."""
    reference = _company_reference(values, resource)
    label = reference.get("label") if reference is not None else None
    return folded(label) or folded(_value(values, resource, "company"))


def _company_reference(values: Values, resource: Resource) -> Mapping[str, Any] | None:
    """The primary association of a person with a company."""
    reference = _value(values, resource, "company_ref")
    if isinstance(reference, list):
        reference = first_of(reference)
    return reference if isinstance(reference, dict) else None


def _company_id(values: Values, resource: Resource) -> str:
    reference = _company_reference(values, resource)
    return text_of(reference["id"]) if reference is not None and reference.get("id") is not None else ""


def company_target(resource: Resource) -> str | None:
    """The resource that persons of this one refer to as their companies."""
    field_ = resource.canonical("company_ref") if resource.kind in PERSONS else None
    return field_.target if field_ is not None else None


def with_company(person: Keys, company: Keys) -> Keys:
    """A person's keys, with what is known of the company's own record (rule 5.3)."""
    return replace(
        person,
        company_email=company.company_email,
        company=company.name or person.company,
        company_domain=company.domain,
    )


def _domain(values: Values, resource: Resource) -> str:
    value = _value(values, resource, "domain") or _value(values, resource, "website")
    return "" if blank(value) else domain_key(str(value)) or ""


def blocks(keys: Keys) -> set[tuple[str, str]]:
    """(kind of key, key): two records can only match if they share one of these."""
    found = {("email", e) for e in keys.emails}
    for name in ("name", "domain", "sku", "number"):
        key = getattr(keys, name)
        if key:
            found.add((name, key))
    if keys.company_id:
        found.add((COMPANY_BLOCK, keys.company_id))
    return found | {(f"own:{name}", key) for name, key in keys.own.items()}


def shared_blocks(kind: Kind | None, matching: Matching) -> dict[str, str]:
    """Which kinds of key a sync compares: kind on side A → kind on side B."""
    if matching.by is MatchBy.NOTHING:
        return {}
    if matching.by is MatchBy.FIELD:
        return {f"own:{matching.field_a}": f"own:{matching.field_b}"}
    names = (
        {
            Kind.COMPANY: ("name", "domain"),
            Kind.PRODUCT: ("sku", "name"),
            Kind.INVOICE: ("number",),
            Kind.CONTACT: ("email", "name"),
            Kind.LEAD: ("email", "name"),
        }.get(kind, ())
        if kind
        else ()
    )
    return {name: name for name in names}


def never_matches(kind: Kind | None, matching: Matching) -> bool:
    """Nothing is ever the same by itself: each record is copied to the other side (rules 5.5 and 5.6)."""
    if matching.by is MatchBy.NOTHING:
        return True
    known = {*PERSONS, Kind.COMPANY, Kind.PRODUCT, Kind.INVOICE}
    return matching.by is MatchBy.DEFAULT and kind not in known


def tier(kind: Kind | None, matching: Matching, a: Keys, b: Keys) -> int | None:
    """How strong a key says that these two are the same: 0 is the strongest; None: they are not."""
    if matching.by is MatchBy.NOTHING:
        return None
    if matching.by is MatchBy.FIELD:
        key = a.own.get(matching.field_a, "")
        return 0 if key and key == b.own.get(matching.field_b, "") else None
    if kind in PERSONS:
        return _person_tier(a, b)
    if kind is Kind.COMPANY:
        return _company_tier(a, b, domain_first=matching.by is MatchBy.DOMAIN_FIRST)
    if kind is Kind.PRODUCT:
        return _by_first_shared((a.sku, b.sku), (a.name, b.name))
    if kind is Kind.INVOICE:
        return _by_first_shared((a.number, b.number))
    return None


def _person_tier(a: Keys, b: Keys) -> int | None:
    """Rule 5.3. Two persons with different e-mail addresses never match by themselves."""
    if a.emails and b.emails:
        return 0 if a.emails & b.emails else None
    if not a.name or a.name != b.name:
        return None
    same_company = _by_first_shared(
        (a.company_email, b.company_email), (a.company, b.company), (a.company_domain, b.company_domain)
    )
    return None if same_company is None else 1


def _company_tier(a: Keys, b: Keys, *, domain_first: bool) -> int | None:
    """Rule 5.4. Of several with one name, the one with the same domain: hence its stronger tier."""
    if domain_first:
        return _by_first_shared((a.domain, b.domain), (a.name, b.name))
    if a.name and b.name:
        if a.name != b.name:
            return None
        return 0 if a.domain and a.domain == b.domain else 1
    return 2 if a.domain and a.domain == b.domain else None


def _by_first_shared(*pairs: tuple[str, str]) -> int | None:
    """The first key that both have decides."""
    for position, (x, y) in enumerate(pairs):
        if x and y:
            return position if x == y else None
    return None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two records that match."""

    a: str
    b: str
    tier: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Which records stand in a link already."""

    linked: Mapping[Side, Set[str]]
    widowed: Mapping[Side, Set[str]] = field(default_factory=dict)
    """Those of them whose other end was deleted: they may take a new one (rule 5.9)."""

    def is_linked(self, side: Side, id_: str) -> bool:
        return id_ in self.linked.get(side, ())

    def is_free(self, side: Side, id_: str) -> bool:
        return id_ not in self.linked.get(side, ()) or id_ in self.widowed.get(side, ())


@dataclass(frozen=True, slots=True)
class Judgement:
    """What `judge` found. Records that stand in neither have no candidate at all."""

    links: tuple[tuple[str, str], ...]
    ambiguous: Mapping[tuple[Side, str], tuple[str, ...]]
    """(side, id) of a record that waits → its candidates on the other side."""


def judge(candidates: Iterable[Candidate], taken: Taken, kept_apart: Set[tuple[str, str]] = frozenset()) -> Judgement:
    """Link where each is the other's sole candidate by the deciding key; all else waits (rules 5.8 and 5.9).

    A record's deciding key is the strongest by which it has any candidate. A linked record is a candidate too,
    so that a second copy of it is never taken for something new.
    """
    best: dict[tuple[Side, str], tuple[int, set[str]]] = {}
    for c in candidates:
        if (c.a, c.b) in kept_apart:
            continue
        for record, other in (((Side.A, c.a), c.b), ((Side.B, c.b), c.a)):
            known = best.get(record)
            if known is None or c.tier < known[0]:
                best[record] = (c.tier, {other})
            elif c.tier == known[0]:
                known[1].add(other)
    links: list[tuple[str, str]] = []
    ambiguous: dict[tuple[Side, str], tuple[str, ...]] = {}
    linked: dict[Side, set[str]] = defaultdict(set)
    for (side, a), (_, others) in best.items():
        if side is Side.A and len(others) == 1:
            b = next(iter(others))
            if best[(Side.B, b)][1] == {a} and _may_link(a, b, taken):
                links.append((a, b))
                linked[Side.A].add(a)
                linked[Side.B].add(b)
    for (side, id_), (_, others) in best.items():
        if id_ not in linked[side] and not taken.is_linked(side, id_):
            ambiguous[(side, id_)] = tuple(sorted(others))
    return Judgement(tuple(sorted(links)), ambiguous)


def _may_link(a: str, b: str, taken: Taken) -> bool:
    """Both unlinked, or one of them the survivor of a link whose other end was deleted."""
    if taken.is_linked(Side.A, a) and taken.is_linked(Side.B, b):
        return False
    return taken.is_free(Side.A, a) and taken.is_free(Side.B, b)
