"""Which fields are paired by themselves, and what makes a set of mappings impossible (rules 4.1 to 4.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from connectors.contract import ADDRESS_PARTS, Field, FieldType, Resource, Value

from .compat import NoWay, Unpaired, pairing
from .convert import Unfit, out_of
from .lens import grind
from .mapping import Direction, FieldMapping, Side, SyncSettings, Transform, Which
from .values import Locale, blank

T = FieldType
KEPT_BY_APPS = frozenset({"created_at", "modified_at"})
"""Each app keeps its own: never mapped by default."""
PRIMARY_ONLY = frozenset({"company_ref"})
"""Of several of these, only the primary one is synced unless a person chooses otherwise (rule 7.3)."""
NAME_PARTS = ("first_name", "last_name")


def default_mappings(a: Resource, b: Resource) -> tuple[FieldMapping, ...]:
    """Two fields with one canonical name are paired; names and addresses also against their parts (rule 4.2).

    The canonical name is the mapping's id, so that it stays the same whatever else changes.
    """
    found = [m for name in _shared_names(a, b) if (m := _plain(name, a, b)) is not None]
    found += _same_labels(a, b) if a.kind is b.kind is None else []
    taken = {side: {f for m in found for f in m.fields(side)} for side in Side}
    for m in (*_names(a, b), *_addresses(a, b), *_company_names(a, b)):
        if not taken[Side.A] & set(m.a) and not taken[Side.B] & set(m.b):
            found.append(m)
    return tuple(found)


def _shared_names(a: Resource, b: Resource) -> list[str]:
    """Canonical names that both sides have, in the order of side A."""
    there = {f.canonical for f in b.fields}
    names = (f.canonical for f in a.fields)
    return list(dict.fromkeys(n for n in names if n and n in there and n not in KEPT_BY_APPS))


def _plain(name: str, a: Resource, b: Resource) -> FieldMapping | None:
    fa, fb = a.canonical(name), b.canonical(name)
    if fa is None or fb is None:
        return None
    found = pairing(fa, fb)
    if isinstance(found, Unpaired):
        return None
    which = Which.ALL if found.common is T.REFERENCE and name not in PRIMARY_ONLY else Which.PRIMARY
    return FieldMapping(name, (fa.name,), (fb.name,), found.direction, which=which)


def _same_labels(a: Resource, b: Resource) -> list[FieldMapping]:
    """Of two custom objects that are said to be alike: nothing else tells what their own fields stand for."""
    there = {f.label.casefold(): f for f in reversed(b.fields) if f.canonical is None}
    found = []
    for fa in a.fields:
        fb = there.pop(fa.label.casefold(), None) if fa.canonical is None else None
        if fb is not None and not isinstance(fits := pairing(fa, fb), Unpaired):
            which = Which.ALL if fits.common is T.REFERENCE else Which.PRIMARY
            found.append(FieldMapping(f"same-{fa.name}", (fa.name,), (fb.name,), fits.direction, which=which))
    return found


def _names(a: Resource, b: Resource) -> list[FieldMapping]:
    """First and last name on one side, one full name on the other."""
    for parts, whole, swapped in ((a, b, False), (b, a, True)):
        two = [parts.canonical(n) for n in NAME_PARTS]
        one = whole.canonical("full_name")
        if one is not None and all(two) and not any(whole.canonical(n) for n in NAME_PARTS):
            names = tuple(f.name for f in two if f is not None)
            left, right = ((one.name,), names) if swapped else (names, (one.name,))
            return [FieldMapping("full_name", left, right, transform=Transform.NAME)]
    return []


def _addresses(a: Resource, b: Resource) -> list[FieldMapping]:
    """One address on one side, its parts as fields on the other."""
    for whole, parts, swapped in ((a, b, False), (b, a, True)):
        one = whole.canonical("address")
        fields = [f for p in ADDRESS_PARTS if (f := parts.canonical(p)) is not None and f.type in (T.TEXT, T.LONG_TEXT)]
        if one is not None and one.type is T.ADDRESS and fields and parts.canonical("address") is None:
            names = tuple(f.name for f in fields)
            left, right = (names, (one.name,)) if swapped else ((one.name,), names)
            return [FieldMapping("address", left, right, transform=Transform.ADDRESS)]
    return []


def _company_names(a: Resource, b: Resource) -> list[FieldMapping]:
    """A company that one side refers to, and the other only names: the name goes one way (rule 4.1)."""
    for refers, names, toward in ((a, b, Side.B), (b, a, Side.A)):
        reference, text = refers.canonical("company_ref"), names.canonical("company")
        if reference is not None and text is not None and names.canonical("company_ref") is None:
            fa, fb = (reference, text) if toward is Side.B else (text, reference)
            if not isinstance(pairing(fa, fb), Unpaired):
                return [FieldMapping("company", (fa.name,), (fb.name,), Direction.toward(toward))]
    return []


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a mapping cannot be active; the message is for people."""

    mapping: str
    message: str


def problems(settings: SyncSettings, a: Resource, b: Resource) -> list[Problem]:
    """Everything that forbids these mappings. Checked by pages and API, and again by the engine."""
    found = list(_double_ids(settings.mappings))
    locale = Locale(settings.country, settings.zone)
    writers: dict[tuple[Side, str], str] = {}
    for mapping in settings.mappings:
        if not mapping.enabled:
            continue
        for side, resource in ((Side.A, a), (Side.B, b)):
            found += _unwritable_defaults(mapping, side, resource)
        if not mapping.a or not mapping.b:
            if any(blank(mapping.defaults.get(side)) for side in Side if mapping.fields(side)):
                found.append(Problem(mapping.id, "A constant needs a value."))
            written = [(s, f) for s in Side for f in mapping.fields(s)]
        else:
            lens = grind(mapping, settings.direction, a, b, locale)
            if isinstance(lens, NoWay):
                continue
            if isinstance(lens, Unpaired):
                found.append(Problem(mapping.id, lens.reason))
                continue
            written = [(s, f) for s in Side if lens.direction.allows(s) for f in mapping.fields(s)]
        for side, name in written:
            other = writers.setdefault((side, name), mapping.id)
            if other != mapping.id:
                label = _label((a if side is Side.A else b).field(name), name)
                found.append(Problem(mapping.id, f"“{label}” is written by another mapping already."))
    return found


def _double_ids(mappings: Iterable[FieldMapping]) -> Iterable[Problem]:
    seen: set[str] = set()
    for m in mappings:
        if m.id in seen:
            yield Problem(m.id, "Two mappings have the same id.")
        seen.add(m.id)


def _unwritable_defaults(mapping: FieldMapping, side: Side, resource: Resource) -> list[Problem]:
    if side not in mapping.defaults:
        return []
    fields = [resource.field(name) for name in mapping.fields(side)]
    first = fields[0] if fields else None
    if first is None or any(f is None or f.read_only for f in fields):
        return [Problem(mapping.id, "A default needs a field that can be written.")]
    fault = default_fault(first, mapping.defaults[side])
    return [Problem(mapping.id, fault)] if fault else []


def default_fault(f: Field, value: Value) -> str:
    """Why a new record's field cannot take this value; blank where it can."""
    if blank(value):
        return ""
    if f.type in (T.ADDRESS, T.REFERENCE, T.OWNER) or f.multi_valued:
        return f"“{f.label}” takes no default."
    values = value if f.type is T.MULTI_CHOICE and isinstance(value, list) else [value]
    kinds = {T.MONEY: dict, T.BOOLEAN: bool, T.INTEGER: int}
    if not all(isinstance(one, kinds.get(f.type, str)) for one in values):
        return f"“{value}” is no value for “{f.label}”."
    try:
        for one in values:
            out_of(f, f.type, Locale())(one, None)
    except Unfit as unfit:
        return str(unfit)
    if f.options and not all(any(o.value == one for o in f.options) for one in values):
        return f"“{f.label}” has no option “{value}”."
    return ""


def _label(f: Field | None, name: str) -> str:
    return f.label if f is not None else name
