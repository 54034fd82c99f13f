"""A random case of the planner: one common state of ten pairs and more, disturbed twice, once on each side."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random
from typing import Any

from connectors.contract import ADDRESS_PARTS, Field, FieldType, Kind, Option, Resource, Value, WriteKind
from syncengine.core.convert import Unfit
from syncengine.core.mapping import ClearPolicy, Direction, FieldMapping, Side, SyncSettings, Transform, WriteMode
from syncengine.core.plan import LinkMemory, Rules
from syncengine.core.values import Key

T = FieldType
A, B = Side.A, Side.B
STAGES = tuple(Option(s, s.title()) for s in ("new", "open", "won"))

FIELDS: dict[Side, tuple[Field, ...]] = {
    A: (
        Field("first", "First name", T.TEXT, "first_name"),
        Field("last", "Last name", T.TEXT, "last_name"),
        Field("mail", "E-mail", T.EMAIL, "email"),
        Field("phone", "Phone", T.PHONE),
        Field("job", "Job title", T.TEXT),
        Field("score", "Score", T.NUMBER),
        Field("born", "Born", T.DATE),
        Field("tags", "Tags", T.TEXT, multi_valued=True),
        Field("sites", "Sites", T.URL, multi_valued=True),
        Field("stage", "Stage", T.CHOICE, options=STAGES),
        Field("vip", "VIP", T.BOOLEAN),
        Field("note", "Notes", T.LONG_TEXT),
        Field("origin", "Origin", T.TEXT, read_only=True),
        *(Field(part, part.title(), T.TEXT, part) for part in ADDRESS_PARTS),
    ),
    B: (
        Field("full", "Full name", T.TEXT, "full_name"),
        Field("mail", "E-mails", T.EMAIL, "email", multi_valued=True),
        Field("phone", "Phone", T.PHONE),
        Field("job", "Job title", T.TEXT),
        Field("score", "Score", T.INTEGER),
        Field("born", "Born", T.DATETIME),
        Field("tags", "Tags", T.TEXT, multi_valued=True),
        Field("sites", "Site", T.URL),
        Field("stage", "Stage", T.CHOICE, options=STAGES),
        Field("vip", "VIP", T.BOOLEAN),
        Field("note", "Notes", T.TEXT, tells_blank=False),
        Field("origin", "Origin", T.TEXT),
        Field("address", "Address", T.ADDRESS, "address"),
    ),
}
RESOURCES = {
    side: Resource("people", "People", fields, kind=Kind.CONTACT, writes=frozenset(WriteKind))
    for side, fields in FIELDS.items()
}
MAPPINGS: dict[str, tuple[tuple[str, ...], tuple[str, ...], Transform]] = {
    "name": (("first", "last"), ("full",), Transform.NAME),
    "address": (ADDRESS_PARTS, ("address",), Transform.ADDRESS),
    **{
        name: ((name,), (name,), Transform.NONE)
        for name in ("phone", "job", "score", "born", "tags", "sites", "stage", "vip", "note", "origin")
    },
}
FIRST, LAST = ["Ann", "Bob", "Zoë", "ann", None], ["Lee", "van Dam", " Lee", None]
VALUES: dict[tuple[Side, str], list[Any]] = {
    (A, "first"): FIRST,
    (A, "last"): LAST,
    (B, "full"): ["Ann Lee", "Bob Lee", "Ann van Dam", "Zoë", None],
    (B, "born"): ["2000-02-28T23:00:00Z", "2026-03-29T10:00:00Z", "1999-05-05T22:00:00Z", None],
    (A, "score"): ["1", "1.5", "2.50", "100", None],
    (B, "score"): [1, 2, 3, 100, None],
    (B, "sites"): ["https://x.de", "X.de/", "y.de", None],
    (B, "address"): [
        None,
        {"street": "Main St 1", "city": "Bonn", "region": None, "zip": "53111", "country": None},
        {"street": None, "city": "Ulm", "region": None, "zip": None, "country": "DE"},
    ],
    **{(A, part): [None, "Bonn", "Ulm", " Ulm  am See"] for part in ADDRESS_PARTS},
}
SHARED: dict[str, list[Any]] = {
    "phone": ["+49 30 1234567", "030 1234567", "+49301234567", "112", "ask Bob", None],
    "job": ["Boss", " boss ", "Cook", "Clerk", None],
    "born": ["2000-02-29", "2026-03-29", "1999-05-06", None],
    "tags": [["x"], ["x", "y"], ["y", "x"], ["z", "x"], ["y", "z", "w"], None],
    "sites": [["x.de"], ["https://X.de/", "y.de"], ["z.de", "y.de"], None],
    "stage": ["new", "open", "won", None],
    "vip": [True, False, None],
    "note": ["hello", "hello world", "line\nline", None],
    "origin": ["web", "fair", None],
}


def values_of(side: Side, name: str) -> list[Any]:
    return VALUES.get((side, name)) or SHARED[name]


# --- Rules --------------------------------------------------------------------------------------------------

SETTINGS = 500
"""So many settings of a sync are drawn once; each case has one of them."""


@lru_cache(maxsize=SETTINGS)
def rules_number(number: int) -> Rules:
    """The number-th of all settings that are tried, made ready."""
    dice = Random(f"settings {number}")
    names = dice.sample(list(MAPPINGS), dice.choice([2, 3, 3, 4]))
    settings = SyncSettings(
        kind=Kind.CONTACT,
        direction=dice.choice([Direction.TWO_WAY, Direction.TWO_WAY, *Direction]),
        winner=dice.choice(list(Side)),
        email_only=dice.random() < 0.7,
        country="DE",
        zone="Europe/Berlin",
        mappings=(FieldMapping("mail", ("mail",), ("mail",)), *(_drawn(dice, name) for name in names)),
    )
    return Rules(settings, RESOURCES[A], RESOURCES[B])


def _drawn(dice: Random, name: str) -> FieldMapping:
    a, b, transform = MAPPINGS[name]
    return FieldMapping(
        name,
        a,
        b,
        direction=dice.choice([Direction.TWO_WAY] * 4 + list(Direction)),
        transform=transform,
        winner=dice.choice([None, None, *Side]),
        clears=dice.choice(list(ClearPolicy)),
        mode=dice.choice([WriteMode.OVERWRITE] * 4 + list(WriteMode)),
        defaults=dice.choice([{}, {}, {B: "Guest"}]) if name == "job" else {},
    )


# --- Records ------------------------------------------------------------------------------------------------

Record = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two linked records as they are now, and what their link remembers; an end is None where it is missing."""

    a: Record | None
    b: Record | None
    memory: LinkMemory | None = None
    """None: not linked yet."""

    def record(self, side: Side) -> Record | None:
        return self.a if side is A else self.b


@dataclass(frozen=True, slots=True)
class Case:
    """What the planner finds."""

    settings: SyncSettings
    pairs: tuple[Pair, ...]
    rules: Rules | None = field(default=None, compare=False)
    habit: str = "keeps"
    """What both apps make of a text that is written."""
    seen: dict[int, tuple[Record, dict[str, Key]]] = field(default_factory=dict, compare=False, repr=False)
    """id() of a record → the record, and what it looks like: nobody looks twice at what did not change."""

    def made_ready(self) -> Rules:
        return self.rules or Rules(self.settings, RESOURCES[A], RESOURCES[B])


HABITS: dict[str, Callable[[str], str]] = {
    "keeps": lambda text: text,
    "strips": str.strip,
    "lower case": str.lower,
    "cuts": lambda text: text[:5],
}


def case_number(seed: int, records: int = 10) -> Case:
    """The case of a seed."""
    dice = Random(seed)
    rules = rules_number(dice.randrange(SETTINGS))
    seen: dict[int, tuple[Record, dict[str, Key]]] = {}
    pairs = [_pair(dice, rules, number, seen) for number in range(records)]
    for number in range(records, records + dice.randrange(3)):
        pairs += _newcomers(dice, rules, number)
    return Case(rules.settings, tuple(pairs), rules, dice.choice(list(HABITS)), seen)


def _fields(rules: Rules, side: Side) -> list[str]:
    return [n for mapping in rules.settings.mappings if mapping.id != "mail" for n in mapping.fields(side)]


def _record(dice: Random, rules: Rules, side: Side, mail: str | None) -> Record:
    record: Record = {name: dice.choice(values_of(side, name)) for name in _fields(rules, side)}
    record["mail"] = mail if side is A or mail is None else [mail]
    return record


def _pair(dice: Random, rules: Rules, number: int, seen: dict[int, tuple[Record, dict[str, Key]]]) -> Pair:
    """A link that was in step once: its baselines are what both sides looked like. Then both were disturbed."""
    mail = dice.choice([f"p{number}@x.de", f"p{number}@x.de", f"P{number}@X.de", f"p{number}@x.de", "nobody", None])
    common = {A: (mine := _record(dice, rules, A, mail)), B: _counterpart(rules, mine)}
    bases = {side: rules.looks(side, common[side]) for side in (A, B)}
    seen |= {id(common[side]): (common[side], bases[side]) for side in (A, B)}
    memory = LinkMemory(bases[A], bases[B])
    if dice.random() < 0.08:
        memory = LinkMemory()  # Linked, and never compared.
    ends = {side: _disturbed(dice, rules, side, common[side]) for side in Side}
    gone = dice.choice(list(Side)) if dice.random() < 0.04 else None
    return Pair(None if gone is A else ends[A], None if gone is B else ends[B], memory)


def _counterpart(rules: Rules, record: Record) -> Record:
    """The record of side B that is in step with this one of side A."""
    made: Record = dict.fromkeys(("mail", *_fields(rules, B)))
    for lens in rules.lenses:
        seen = lens.look(A, record) or {}
        for element in ("",) if lens.is_set else lens.elements:
            with suppress(Unfit):
                made |= lens.halves[B].put(element, seen[element].value, made, None)
    return made


def _disturbed(dice: Random, rules: Rules, side: Side, record: Record) -> Record:
    """Edits, clears, elements that come and go, changes of form; most records get none or one."""
    for _ in range(dice.choice([0, 0, 1, 1, 2])):
        name = dice.choice(_fields(rules, side))
        old, kind = record[name], dice.random()
        if kind < 0.2:
            record = {**record, name: None}
        elif kind < 0.4 and isinstance(old, str):
            record = {**record, name: dice.choice([old.upper(), f" {old}", old.replace(" ", "")])}
        elif kind < 0.6 and isinstance(old, list):
            record = {**record, name: dice.choice([[*old, "new"], old[1:] or None, old[::-1]])}
        else:
            record = {**record, name: dice.choice(values_of(side, name))}
    return record


def _newcomers(dice: Random, rules: Rules, number: int) -> list[Pair]:
    """New on one side, or on both; some match."""
    mail = dice.choice([f"n{number}@x.de", f"n{number}@x.de", None])
    sides = dice.choice([(A,), (B,), (A, B)])
    ends = {side: _record(dice, rules, side, mail) for side in sides}
    return [Pair(ends.get(A) if side is A else None, ends.get(B) if side is B else None) for side in sides]


def without(case: Case, position: int) -> Case:
    return replace(case, pairs=case.pairs[:position] + case.pairs[position + 1 :], seen={})
