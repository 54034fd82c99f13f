"""What stays out of a sync, judged on the values as read, before planning (section 6 of the rules)."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from connectors.contract import Resource, Values, WriteKind

from .filters import FilterMode, Leaving
from .judging import Judge
from .mapping import Direction, Side, SyncSettings
from .match import PERSONS, emails_of
from .values import valid_email


class Condition(StrEnum):
    """Why a record is excluded. Shown to people in their language."""

    NO_EMAIL = "no_email"
    """A person without an e-mail address (rule 6.1)."""
    INVALID_EMAIL = "invalid_email"
    """A person none of whose addresses is valid (rule 6.1)."""
    DIRECTION = "direction"
    """It exists only on the side that is not written from (rule 2.1)."""
    KEPT_APART = "kept_apart"
    """A person said that it is not the same as what it was, or might have been, linked with (rule 5.8)."""
    LEFT_OUT = "left_out"
    """A person said that it stays out (rule 5.8)."""
    DECLINED = "declined"
    """A person declined its creation on the other side (rule 11.1)."""
    UNDONE = "undone"
    """Its creation on the other side was undone (rule 11.2)."""
    READ_ONLY = "read_only"
    """The other side takes no new records of this object."""
    PASSED_ON = "passed_on"
    """It came from another account of the very app that it would go to (rule 5.11)."""
    FILTER_A = "filter_a"
    """The record of side A does not pass its filter (rule 6.2)."""
    FILTER_B = "filter_b"
    FILTERS = "filters"
    """Neither record passes the filter of its side."""
    HISTORY = "history"
    """It was there before, and nobody has changed it since (rule 6.4)."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """Why, with the values that decided (rule 6.5)."""

    condition: Condition
    values: tuple[str, ...] = ()


def judge_scope(
    settings: SyncSettings, a: tuple[Resource, Values] | None, b: tuple[Resource, Values] | None
) -> Excluded | None:
    """None: it takes part. Judged on the pair once linked: one valid address suffices (rule 6.1)."""
    present = [end for end in (a, b) if end is not None]
    if not settings.email_only or not any(resource.kind in PERSONS for resource, _ in present):
        return None
    addresses: list[str] = []
    for resource, values in present:
        found = emails_of(values, resource)
        if any(valid_email(e) for e in found):
            return None
        addresses += found
    if addresses:
        return Excluded(Condition.INVALID_EMAIL, tuple(addresses))
    return Excluded(Condition.NO_EMAIL)


def may_create(settings: SyncSettings, side: Side, target: Resource, *, passed_on: bool = False) -> Excluded | None:
    """May a record of the other side be created on this one?

    `passed_on`: it came into the other side from another account of this side's app.
    """
    if not settings.direction.allows(side):
        return Excluded(Condition.DIRECTION)
    if WriteKind.CREATE not in target.writes:
        return Excluded(Condition.READ_ONLY)
    if passed_on and not settings.pass_on:
        return Excluded(Condition.PASSED_ON)
    return None


@dataclass(frozen=True, slots=True)
class Ways:
    """Which way values of one record, or of two linked ones, may go (rule 6.2)."""

    open: Direction | None
    """None: no way at all."""
    excluded: Excluded | None = None
    """Why, where there is no way because of a filter."""
    until: datetime | None = None
    """When time alone may change it."""
    passing: frozenset[Side] = frozenset()
    """Sides whose record passes its filter."""


def open_ways(
    settings: SyncSettings,
    judges: Mapping[Side, Judge],
    records: Mapping[Side, Values],
    *,
    passed: Set[Side],
    now: datetime,
) -> Ways:
    """Judge the records of one link, one or both of them.

    `passed` names the sides whose record passed its filter before, while it was linked (rule 6.3).
    """
    verdicts = {side: judges[side].judge(values, now) for side, values in records.items()}
    passing = frozenset(side for side, verdict in verdicts.items() if verdict.passes)
    until = min((v.until for v in verdicts.values() if v.until is not None), default=None)
    stays = passed if len(records) == 2 and settings.filters.leaving is Leaving.GO_ON else frozenset[Side]()
    sending = passing | stays
    if settings.filters.mode is FilterMode.EITHER and sending:
        sending = frozenset(Side)
    of_filters = Direction.of(to_a=Side.B in sending, to_b=Side.A in sending)
    allowed = of_filters.narrowed(settings.direction) if of_filters else None
    if allowed is not None or not _would_go(settings, records):
        return Ways(allowed, None, until, passing)
    shut = [side for side in records if side not in passing and settings.direction.allows(side.other)]
    condition = Condition.FILTERS if len(shut) > 1 else Condition.FILTER_A if shut == [Side.A] else Condition.FILTER_B
    return Ways(None, Excluded(condition, tuple(verdicts[side].why for side in shut)), until, passing)


def _would_go(settings: SyncSettings, records: Mapping[Side, Values]) -> bool:
    """Without filters something of these could go somewhere."""
    return any(settings.direction.allows(side.other) for side in records)
