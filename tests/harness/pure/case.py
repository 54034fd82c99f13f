"""A random case of the planner: one common state of ten pairs and more, disturbed twice, once on each side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
Look = dict[str, Key]
Seen = dict[int, tuple[Record, Look]]
"""id() of a record → the record, and what it looks like: nobody looks twice at what did not change."""


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
    seen: Seen = field(default_factory=dict, compare=False, repr=False)

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
    ground = ground_number(seed // IN_A_ROW)
    chosen = dice.sample(ground.states, records)
    seen: Seen = {id(record): (record, look) for state in chosen for record, look in (state.a, state.b)}
    pairs = [_disturbed(dice, ground, state) for state in chosen]
    for number in range(int(dice.random() * 3)):
        pairs += _newcomers(dice, ground, number)
    return Case(ground.rules.settings, tuple(pairs), ground.rules, _one_of(dice, tuple(HABITS)), seen)


def _one_of(dice: Random, choices: Sequence[Any]) -> Any:
    """As `dice.choice`, in half the time."""
    return choices[int(dice.random() * len(choices))]


# --- What is in step ----------------------------------------------------------------------------------------

IN_A_ROW, STATES = 10, 20
"""So many cases in a row share their settings and a stock of so many states; each disturbs a choice of its own."""


@dataclass(frozen=True, slots=True)
class State:
    """Two records that are in step, and what they look like."""

    a: tuple[Record, Look]
    b: tuple[Record, Look]


@dataclass(frozen=True, slots=True)
class Ground:
    """What cases in a row have in common."""

    rules: Rules
    fields: Mapping[Side, tuple[str, ...]]
    """Names of those that people edit."""
    states: tuple[State, ...]


@lru_cache(maxsize=4)
def ground_number(number: int) -> Ground:
    dice, rules = Random(f"states {number}"), rules_number(number)
    names = {
        side: tuple(n for mapping in rules.settings.mappings if mapping.id != "mail" for n in mapping.fields(side))
        for side in (A, B)
    }
    return Ground(rules, names, tuple(_state(dice, rules, names, n) for n in range(STATES)))


def _state(dice: Random, rules: Rules, names: Mapping[Side, Sequence[str]], number: int) -> State:
    mine = _record(dice, A, names[A], _one_of(dice, (*[f"p{number}@x.de"] * 3, f"P{number}@X.de", "nobody", None)))
    theirs = _counterpart(rules, mine, names[B])
    return State((mine, rules.looks(A, mine)), (theirs, rules.looks(B, theirs)))


def _record(dice: Random, side: Side, names: Iterable[str], mail: str | None) -> Record:
    record: Record = {name: _one_of(dice, values_of(side, name)) for name in names}
    record["mail"] = mail if side is A or mail is None else [mail]
    return record


def _counterpart(rules: Rules, record: Record, names: Iterable[str]) -> Record:
    """The record of side B that is in step with this one of side A."""
    made: Record = dict.fromkeys(("mail", *names))
    for lens in rules.lenses:
        seen = lens.look(A, record) or {}
        for element in ("",) if lens.is_set else lens.elements:
            with suppress(Unfit):
                made |= lens.halves[B].put(element, seen[element].value, made, None)
    return made


# --- What becomes of it -------------------------------------------------------------------------------------


def _disturbed(dice: Random, ground: Ground, state: State) -> Pair:
    """A link whose baselines are what both sides looked like. Then both were disturbed."""
    (a, look_a), (b, look_b) = state.a, state.b
    memory = LinkMemory(look_a, look_b)
    if dice.random() < 0.08:
        memory = LinkMemory()  # Linked, and never compared.
    a, b = _edited(dice, A, ground.fields[A], a), _edited(dice, B, ground.fields[B], b)
    gone = _one_of(dice, (A, B)) if dice.random() < 0.04 else None
    return Pair(None if gone is A else a, None if gone is B else b, memory)


def _edited(dice: Random, side: Side, names: Sequence[str], record: Record) -> Record:
    """Edits, clears, elements that come and go, changes of form; most records get none or one."""
    for _ in range(_one_of(dice, (0, 0, 1, 1, 2))):
        name = _one_of(dice, names)
        old, kind = record[name], dice.random()
        new: Value
        if kind < 0.2:
            new = None
        elif kind < 0.4 and isinstance(old, str):
            new = _one_of(dice, (old.upper(), f" {old}", old.replace(" ", "")))
        elif kind < 0.6 and isinstance(old, list):
            new = _one_of(dice, ([*old, "new"], old[1:] or None, old[::-1]))
        else:
            new = _one_of(dice, values_of(side, name))
        record = {**record, name: new}
    return record


def _newcomers(dice: Random, ground: Ground, number: int) -> list[Pair]:
    """New on one side, or on both; some match."""
    mail = _one_of(dice, (f"n{number}@x.de", f"n{number}@x.de", None))
    sides = _one_of(dice, ((A,), (B,), (A, B)))
    ends = {side: _record(dice, side, ground.fields[side], mail) for side in sides}
    return [Pair(ends.get(A) if side is A else None, ends.get(B) if side is B else None) for side in sides]


def without(case: Case, position: int) -> Case:
    return replace(case, pairs=case.pairs[:position] + case.pairs[position + 1 :], seen={})
