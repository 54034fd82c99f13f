"""What a person chose of which records may send (rule 6.2): groups of conditions over one side's fields.

Plain values: `filter_faults` says what forbids a filter for a resource, `judging` makes one ready to look at
records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connectors.contract import FieldType

T = FieldType


class Joined(StrEnum):
    ALL = "all"
    ANY = "any"


class Operator(StrEnum):
    IS = "is"
    IS_NOT = "is_not"
    ONE_OF = "one_of"
    CONTAINS = "contains"
    CONTAINS_NOT = "contains_not"
    STARTS_WITH = "starts_with"
    GREATER = "greater"
    LESS = "less"
    BEFORE = "before"
    AFTER = "after"
    IN_LAST_DAYS = "in_last_days"
    TRUE = "true"
    FALSE = "false"
    BLANK = "blank"
    NOT_BLANK = "not_blank"


ALONE = frozenset({Operator.TRUE, Operator.FALSE, Operator.BLANK, Operator.NOT_BLANK})
"""Operators that take no value."""

_PRESENCE = (Operator.BLANK, Operator.NOT_BLANK)

_EQUALITY = (Operator.IS, Operator.IS_NOT, Operator.ONE_OF)

_WORDING = (*_EQUALITY, Operator.CONTAINS, Operator.CONTAINS_NOT, Operator.STARTS_WITH, *_PRESENCE)

_COUNTING = (Operator.IS, Operator.IS_NOT, Operator.GREATER, Operator.LESS, *_PRESENCE)

_TIMING = (Operator.IS, Operator.BEFORE, Operator.AFTER, Operator.IN_LAST_DAYS, *_PRESENCE)

OPERATORS: Mapping[FieldType, tuple[Operator, ...]] = {
    **dict.fromkeys((T.TEXT, T.LONG_TEXT, T.EMAIL, T.PHONE, T.URL), _WORDING),
    **dict.fromkeys((T.INTEGER, T.NUMBER, T.MONEY), _COUNTING),
    **dict.fromkeys((T.DATE, T.DATETIME), _TIMING),
    **dict.fromkeys((T.CHOICE, T.MULTI_CHOICE, T.REFERENCE, T.OWNER), (*_EQUALITY, *_PRESENCE)),
    T.BOOLEAN: (Operator.TRUE, Operator.FALSE, *_PRESENCE),
    T.ADDRESS: (Operator.CONTAINS, Operator.CONTAINS_NOT, *_PRESENCE),
}
"""Type of a field → what may be asked of it."""


@dataclass(frozen=True, slots=True)
class FieldCondition:
    """One question about one field. Of several elements, one that answers it is enough; *not* concerns them all."""

    field: str
    operator: Operator
    value: str | tuple[str, ...] = ""
    """As typed: a text, number, date, option value, id or label; several for `ONE_OF`; days for `IN_LAST_DAYS`."""

    @property
    def values(self) -> tuple[str, ...]:
        return self.value if isinstance(self.value, tuple) else (self.value,)


@dataclass(frozen=True, slots=True)
class Group:
    joined: Joined = Joined.ALL
    conditions: tuple[FieldCondition, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """Groups, all or any of which have to be met. Without conditions it passes everything."""

    joined: Joined = Joined.ALL
    groups: tuple[Group, ...] = ()

    @property
    def conditions(self) -> tuple[FieldCondition, ...]:
        return tuple(c for group in self.groups for c in group.conditions)


class FilterMode(StrEnum):
    OWN = "own"
    """Each side's filter judges what that side sends."""
    EITHER = "either"
    """Values go both ways while either record passes its own."""


class Leaving(StrEnum):
    """What a linked record does that leaves its filter (rule 6.3)."""

    STOP = "stop"
    GO_ON = "go_on"


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of both directions."""

    a: Filter = Filter()
    b: Filter = Filter()
    mode: FilterMode = FilterMode.OWN
    leaving: Leaving = Leaving.STOP

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Filters:
        return cls(
            filter_from_json(data.get("a", {})),
            filter_from_json(data.get("b", {})),
            FilterMode(data.get("mode", FilterMode.OWN)),
            Leaving(data.get("leaving", Leaving.STOP)),
        )


def filter_from_json(data: Mapping[str, Any]) -> Filter:
    """Raises ValueError and KeyError for what is no filter."""
    return Filter(
        Joined(data.get("joined", Joined.ALL)),
        tuple(
            Group(Joined(group.get("joined", Joined.ALL)), tuple(map(_condition_from_json, group["conditions"])))
            for group in data.get("groups", ())
        ),
    )


def _condition_from_json(data: Mapping[str, Any]) -> FieldCondition:
    value = data.get("value", "")
    typed = tuple(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return FieldCondition(data["field"], Operator(data["operator"]), typed)
