"""What a person chooses for a sync, as values that never change (rules 2, 3, 4.2 to 4.6)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from collections.abc import Mapping as MappingOf
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from typing import Any

from connectors.contract import Kind, Value, WriteKind

from .brake import Thresholds
from .filters import Filters


class Side(StrEnum):
    """The two ends of a sync: equal in everything."""

    A = "a"
    B = "b"

    @property
    def other(self) -> Side:
        return Side.B if self is Side.A else Side.A


class Direction(StrEnum):
    TWO_WAY = "two_way"
    A_TO_B = "a_to_b"
    B_TO_A = "b_to_a"

    def allows(self, to: Side) -> bool:
        """May values be written to this side?"""
        return self is Direction.TWO_WAY or self is Direction.toward(to)

    @staticmethod
    def toward(side: Side) -> Direction:
        return Direction.A_TO_B if side is Side.B else Direction.B_TO_A

    @staticmethod
    def of(*, to_a: bool, to_b: bool) -> Direction | None:
        """The direction that allows just these; None for none at all."""
        if to_a and to_b:
            return Direction.TWO_WAY
        if to_b:
            return Direction.A_TO_B
        return Direction.B_TO_A if to_a else None

    def narrowed(self, other: Direction) -> Direction | None:
        """What both allow (rule 2.1: a mapping may be narrower than its sync, never wider)."""
        return Direction.of(
            to_a=self.allows(Side.A) and other.allows(Side.A), to_b=self.allows(Side.B) and other.allows(Side.B)
        )


class WriteMode(StrEnum):
    """How a mapping writes (rule 2.3)."""

    OVERWRITE = "overwrite"
    FILL_BLANK = "fill_blank"
    ON_CREATION = "on_creation"


class ClearPolicy(StrEnum):
    """What a later clear on one side does to the other (rule 3.6)."""

    KEEP = "keep"
    CLEAR = "clear"


class Which(StrEnum):
    """Which of several associations a mapping carries (rule 7.3)."""

    PRIMARY = "primary"
    ALL = "all"
    """Where both sides can hold several."""


class Begins(StrEnum):
    """From what a new mapping starts on records that are linked already (rule 4.6)."""

    COMPARED = "compared"
    LATER = "later"
    """Only later changes count: the present values are the baselines."""


class Transform(StrEnum):
    """What happens on the way, where names and types alone do not say it."""

    NONE = ""
    NAME = "name"
    """First and last name against one full name (rule 4.4)."""
    ADDRESS = "address"
    """Street, city, region, zip and country against one address (rule 4.4)."""
    PARSE = "parse"
    """Text that is read as a number, date or boolean on the way back (rule 4.1)."""
    UPPER = "upper"
    LOWER = "lower"
    TITLE = "title"
    TRIM = "trim"
    PHONE = "phone"
    """In E.164, international or national form."""
    DATE = "date"
    """A date as text in a form of its own."""
    NUMBER = "number"
    """A number as text, with its own signs for thousands and fraction."""
    REPLACE = "replace"
    """Texts by a table: the mapping's options."""
    EXTRACT = "extract"
    """A part of the text; one way."""


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One or more fields of side A paired with one or more of side B.

    A mapping without fields on one side is a constant: `defaults` fill the other on creation (rule 4.4).
    """

    id: str
    """Stays the same from version to version: baselines hang on it."""
    a: tuple[str, ...]
    b: tuple[str, ...]
    direction: Direction = Direction.TWO_WAY
    enabled: bool = True
    custom: bool = False
    """Made by a person; else it came from canonical names."""
    transform: Transform = Transform.NONE
    argument: str = ""
    """Of the transform: which form, which part (`core.transforms.ARGUMENTS`)."""
    shaped: Side = Side.B
    """The side that holds the form that the transform makes; the other holds it plain."""
    options: tuple[tuple[str, str], ...] = ()
    """Pairs of option values (side A, side B); same labels are paired without being named."""
    winner: Side | None = None
    """Overrides the sync's."""
    clears: ClearPolicy = ClearPolicy.KEEP
    mode: WriteMode = WriteMode.OVERWRITE
    begins: Begins = Begins.COMPARED
    begins_at: str = ""
    """When only later changes began to count, in ISO form: links that are younger are compared as ever."""
    defaults: MappingOf[Side, Value] = field(default_factory=dict)
    """Side → value that fills a blank when a record is created there."""
    fallback: MappingOf[Side, str] = field(default_factory=dict)
    """Side → owner id used where nobody corresponds (rule 4.1)."""
    which: Which = Which.PRIMARY
    """Of several associations (rule 7.3)."""

    @property
    def needs_plan(self) -> bool:
        """More than what stands for the same thing is paired: only some plans include it (rule 4.2)."""
        return self.custom or self.transform not in (Transform.NONE, Transform.NAME, Transform.ADDRESS)

    def fields(self, side: Side) -> tuple[str, ...]:
        return self.a if side is Side.A else self.b


class MatchBy(StrEnum):
    DEFAULT = "default"
    """The preset of the kind (rules 5.3 to 5.5)."""
    DOMAIN_FIRST = "domain_first"
    """Companies: domain, then name (rule 5.4)."""
    FIELD = "field"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Matching:
    by: MatchBy = MatchBy.DEFAULT
    field_a: str = ""
    field_b: str = ""


class History(StrEnum):
    """Which records take part (rule 6.4)."""

    ALL = "all"
    FROM_NOW = "from_now"
    """Only those created or changed since this was chosen; the others are indexed for matching."""


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """Everything that was chosen for a sync, resolved. Stored as one numbered version."""

    kind: Kind | None
    direction: Direction = Direction.TWO_WAY
    winner: Side = Side.A
    """Resolved when the version is made: the home account, else side A, or the one chosen (rule 3.4)."""
    mappings: tuple[FieldMapping, ...] = ()
    matching: Matching = Matching()
    email_only: bool = True
    """Persons without a valid e-mail address stay out (rule 6.1)."""
    pass_on: bool = False
    """Records that came into one side from another account of the other side's app go on to it (rule 5.11)."""
    deletions: MappingOf[Side, WriteKind] = field(default_factory=dict)
    """Side → archive or delete: what a deletion on the other side does to this side's record. A side that is not
    named is left alone (rule 8.3)."""
    filters: Filters = field(default_factory=Filters)
    history: History = History.ALL
    brake: Thresholds = field(default_factory=Thresholds)
    """What is held and asked for first (rule 11.4)."""
    country: str = ""
    zone: str = "UTC"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: MappingOf[str, Any]) -> SyncSettings:
        """The inverse of `to_json`; what an older version did not know takes its default."""
        known = {k: v for k, v in data.items() if k in cls.__slots__}
        return cls(
            **{
                **known,
                "kind": Kind(known["kind"]) if known.get("kind") else None,
                "direction": Direction(known.get("direction", Direction.TWO_WAY)),
                "winner": Side(known.get("winner", Side.A)),
                "deletions": {Side(k): WriteKind(v) for k, v in known.get("deletions", {}).items()},
                "filters": Filters.from_json(known.get("filters", {})),
                "history": History(known.get("history", History.ALL)),
                "mappings": tuple(_mapping_from_json(m) for m in known.get("mappings", ())),
                "brake": Thresholds(**known.get("brake", {})),
                "matching": Matching(
                    **{**known.get("matching", {}), "by": MatchBy(known.get("matching", {}).get("by", MatchBy.DEFAULT))}
                ),
            }
        )

    def names(self) -> frozenset[str]:
        """Everything that is named anywhere in it, fields among them."""
        return frozenset(_texts(self))

    def with_mappings(self, mappings: tuple[FieldMapping, ...]) -> SyncSettings:
        return replace(self, mappings=mappings)


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, MappingOf):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _texts(value)
    elif is_dataclass(data):
        for one in fields(data):
            yield from _texts(getattr(data, one.name))


def _mapping_from_json(data: MappingOf[str, Any]) -> FieldMapping:
    known = {k: v for k, v in data.items() if k in FieldMapping.__slots__}
    return FieldMapping(
        **{
            **known,
            "a": tuple(known["a"]),
            "b": tuple(known["b"]),
            "direction": Direction(known.get("direction", Direction.TWO_WAY)),
            "transform": Transform(known.get("transform", "")),
            "options": tuple((str(x), str(y)) for x, y in known.get("options", ())),
            "winner": Side(known["winner"]) if known.get("winner") else None,
            "clears": ClearPolicy(known.get("clears", ClearPolicy.KEEP)),
            "shaped": Side(known.get("shaped", Side.B)),
            "begins": Begins(known.get("begins", Begins.COMPARED)),
            "mode": WriteMode(known.get("mode", WriteMode.OVERWRITE)),
            "defaults": {Side(k): v for k, v in known.get("defaults", {}).items()},
            "fallback": {Side(k): v for k, v in known.get("fallback", {}).items()},
            "which": Which(known.get("which", Which.PRIMARY)),
        }
    )


def fingerprint(*parts: object) -> str:
    """Twelve hex digits that change when any of the parts does. Parts are plain data."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
