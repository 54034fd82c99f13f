"""Hostile apps, drawn by a seed: what they offer, and how they misbehave."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from connectors.contract import (
    Field,
    FieldType,
    Idempotency,
    Kind,
    MergeSignal,
    Option,
    ReadStrategy,
    Resource,
    Values,
    WriteKind,
)
from connectors.testing.hostile import HostileObject, Reaction
from connectors.testing.memory_object import Row
from syncengine.core.mapping import ClearPolicy, Direction, FieldMapping, Side, Transform, WriteMode

T = FieldType
STAGES = ("new", "open", "won", "lost")

SPLIT, WHOLE = "split", "whole"
"""Two shapes of the same people: first and last name, or one full name; and so on."""


def fields_of(shape: str, dice: Random) -> tuple[Field, ...]:
    split = shape == SPLIT
    names = (
        (Field("first", "First name", T.TEXT, "first_name"), Field("last", "Last name", T.TEXT, "last_name"))
        if split
        else (Field("full", "Full name", T.TEXT, "full_name"),)
    )
    return (
        Field("code", "Code", T.TEXT),
        *names,
        Field("mail", "E-mail", T.EMAIL, "email", multi_valued=not split),
        Field("job", "Job title", T.TEXT, "job_title", max_length=dice.choice([None, None, 30])),
        Field("dept", "Department", T.TEXT, "department"),
        Field("note", "Notes", T.LONG_TEXT if split else T.TEXT, "notes", tells_blank=dice.random() < 0.7),
        Field("tags", "Tags", T.TEXT, "tags", multi_valued=True),
        Field("score", "Score", T.NUMBER if split else T.INTEGER),
        Field("stage", "Stage", T.CHOICE, options=tuple(Option(s, s.title()) for s in STAGES)),
        Field("phone", "Phone", T.PHONE, "phone"),
    )


TEXTS = ("job", "dept", "note")
"""Fields whose values people make unmistakable: `token` finds again what they typed, whatever an app made of it."""


def token(value: Any) -> str | None:
    """The unmistakable part of what somebody typed, as far as it is there."""
    if isinstance(value, str):
        found = re.search(r"t\d+", value.casefold())
        return found.group() if found else value.strip().casefold() or None
    return None if value is None else str(value)


def typed(field: Field, number: int, dice: Random) -> Any:
    """Something new to type into this field."""
    if field.name in TEXTS:
        tail = dice.choice(["", "", " Boss", "  of it all  ", " at such a length that some app cuts it off"])
        return dice.choice(["t{}{}", "T{}{}", " t{}{}"]).format(number, tail)
    if field.name == "score":
        return number if field.type is T.INTEGER else dice.choice(["{}", "{}.0", "{}.4"]).format(number)
    if field.name == "stage":
        return dice.choice([*(o.value for o in field.options), None])
    if field.name == "phone":
        return f"+49 30 {1000 + number}"
    if field.name == "tags":
        return [f"t{n}" for n in dice.sample(range(1, 9), dice.randrange(4))] or None
    raise ValueError(field.name)


# --- Habits -------------------------------------------------------------------------------------------------

Rewrite = Callable[[Values], Values]


def on_texts(change: Callable[[str], str]) -> Rewrite:
    return lambda values: {n: change(v) if n in TEXTS and isinstance(v, str) else v for n, v in values.items()}


def _sorted_tags(values: Values) -> Values:
    return {n: sorted(v) if n == "tags" and v else v for n, v in values.items()}


HABITS: Mapping[str, Rewrite] = {
    "keeps": lambda values: values,
    "cuts": on_texts(lambda text: text[:12]),
    "lower case": on_texts(str.lower),
    "strips": on_texts(str.strip),
    "sorts tags": _sorted_tags,
    "blank is empty": lambda values: {n: "" if v is None and n in TEXTS else v for n, v in values.items()},
    "keeps no notes": lambda values: {**values, "note": None},
    "phones its own way": lambda values: {
        n: v.replace(" ", "-") if n == "phone" and v else v for n, v in values.items()
    },
}


def files_by_job(row: Row, written: Values) -> Values:
    """A workflow: who gets a new job gets a department."""
    job = token(row.values.get("job"))
    if written.get("job") is None or job == token(row.values.get("dept")):
        return {}
    return {"dept": f"{job} dept"}


REACTIONS: tuple[Reaction | None, ...] = (None, None, None, files_by_job)


@dataclass(frozen=True, slots=True)
class Traits:
    """How one app was drawn, for people who read of a seed."""

    shape: str
    habit: str
    told: str


def hostile_people(dice: Random, moment: Callable[[], datetime]) -> tuple[HostileObject, Traits]:
    """People of one app, as a seed draws it."""
    shape = dice.choice([SPLIT, WHOLE])
    read = dice.choice(list(ReadStrategy))
    tombstones = read is ReadStrategy.DELTA or (read is ReadStrategy.SINCE and dice.random() < 0.3)
    settle = dice.choice([0, 0, 3, 30])
    batch = dice.choice([1, 2, 5, 20])
    lock = dice.random() < 0.5
    resource = Resource(
        "people",
        "People",
        fields_of(shape, dice),
        kind=Kind.CONTACT,
        read=read,
        tombstones=tombstones,
        merges=frozenset({MergeSignal.FEED} if tombstones else ()),
        writes=frozenset({WriteKind.CREATE, WriteKind.UPDATE}),
        batch={WriteKind.CREATE: batch, WriteKind.UPDATE: batch},
        get_batch=dice.choice([3, 10, 100]),
        atomic=dice.random() < 0.3,
        lock=lock,
        idempotency=dice.choice(list(Idempotency)),
        settle=settle,
    )
    habit = dice.choice([*HABITS, "keeps", "keeps"])
    people = HostileObject(
        resource,
        page_size=dice.choice([3, 7, 20, 100]),
        rewrite=HABITS[habit],
        answers=dice.random() < 0.6,
        versions=lock or dice.random() < 0.5,
        moment=moment,
        lag=timedelta(seconds=settle * dice.random()),
        drifts=not tombstones and dice.random() < 0.5,
        reaction=dice.choice(REACTIONS),
    )
    people.lists_versions = people.versions and dice.random() < 0.3
    told = (
        f"{read} {'tombstones ' if tombstones else ''}settle {settle} lag {people.lag.total_seconds():.1f} "
        f"batch {batch} {'atomic ' if resource.atomic else ''}{'lock ' if lock else ''}key {resource.idempotency} "
        f"page {people.page_size}{' drifts' if people.drifts else ''}{' answers' if people.answers else ''}"
        f"{' versions' if people.lists_versions else ''}{' workflow' if people.reaction else ''}"
    )
    return people, Traits(shape, habit, told)


# --- Mappings -----------------------------------------------------------------------------------------------

PLAIN = ("code", "mail", "job", "dept", "note", "tags", "score", "stage", "phone")


def drawn_mappings(dice: Random, a: Resource, b: Resource) -> tuple[FieldMapping, ...]:
    """All that the two have in common; most of it two-way, some of it as people may choose."""
    split = {side: resource.field("first") is not None for side, resource in ((Side.A, a), (Side.B, b))}
    names: tuple[FieldMapping, ...]
    if split[Side.A] and split[Side.B]:
        names = (FieldMapping("first", ("first",), ("first",)), FieldMapping("last", ("last",), ("last",)))
    elif split[Side.A] or split[Side.B]:
        ends = {side: ("first", "last") if split[side] else ("full",) for side in Side}
        names = (FieldMapping("name", ends[Side.A], ends[Side.B], transform=Transform.NAME),)
    else:
        names = (FieldMapping("full", ("full",), ("full",)),)
    return (*names, *(_drawn(dice, name) for name in PLAIN))


def _drawn(dice: Random, name: str) -> FieldMapping:
    if name in ("code", "mail") or dice.random() < 0.6:
        return FieldMapping(name, (name,), (name,))
    return FieldMapping(
        name,
        (name,),
        (name,),
        direction=dice.choice([Direction.TWO_WAY, Direction.TWO_WAY, *Direction]),
        winner=dice.choice([None, None, *Side]),
        clears=dice.choice(list(ClearPolicy)),
        mode=dice.choice([WriteMode.OVERWRITE, WriteMode.OVERWRITE, *WriteMode]),
        defaults=dice.choice([{}, {}, {}, {Side.B: "t0 default"}]) if name == "dept" else {},
    )
