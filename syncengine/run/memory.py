"""A link's memory between the database and the core: plain JSON on one side, frozen values on the other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..core.mapping import Side
from ..core.merge import Base, Reason
from ..core.plan import FieldChange, LinkMemory, LinkPlan, Parked, Planned
from ..core.states import FailureClass
from ..models import RecordLink

STORED = (
    "a_id", "b_id", "label", "state", "cause", "detail", "candidates", "baseline_a", "baseline_b", "notes", "parked",
    "replan", "next_try_at", "made_by", "closed_at", "decision", "paused", "paused_until", "passed",
)  # fmt: skip
"""What planning may change of a link."""


def stored(link: RecordLink) -> tuple[Any, ...]:
    """The same as long as there is nothing to store."""
    return tuple(getattr(link, name) for name in STORED)


def memory_of(link: RecordLink, now: datetime) -> LinkMemory:
    parked = {
        strand: Parked(FailureClass(p["reason"]), p["message"], p["a"], p["b"]) for strand, p in link.parked.items()
    }
    return LinkMemory(link.baseline_a, link.baseline_b, parked, pins_of(link, now) if link.pins else {})


def pins_of(link: RecordLink, now: datetime) -> dict[Side, frozenset[str]]:
    """Fields of each side to which nothing is written now (rule 9.5)."""
    return {
        Side(side): frozenset(name for name, until in fields.items() if datetime.fromisoformat(until) > now)
        for side, fields in link.pins.items()
    }


def next_wake(link: RecordLink, now: datetime) -> datetime | None:
    """When a pause or a pin of this link ends first: then it is planned again (rule 9.5)."""
    ends = [datetime.fromisoformat(until) for fields in link.pins.values() for until in fields.values()]
    if link.paused and link.paused_until is not None:
        ends.append(link.paused_until)
    return min((end for end in ends if end > now), default=None)


def remember(link: RecordLink, plan: LinkPlan) -> None:
    """What follows from a plan without writing anywhere."""
    link.baseline_a = {**link.baseline_a, **plan.baselines.get(Side.A, {})}
    link.baseline_b = {**link.baseline_b, **plan.baselines.get(Side.B, {})}
    kept = {strand: reason for strand, reason in link.notes.items() if strand not in plan.settled}
    link.notes = kept | {strand: reason.value for strand, reason in plan.notes.items()}
    link.parked = {
        strand: {"reason": p.reason.value, "message": p.message, "a": p.a, "b": p.b}
        for strand, p in plan.parked.items()
    }


def park(link: RecordLink, strand: str, *, reason: FailureClass, message: str, planned: Planned) -> None:
    """The app refused this value: leave the field alone until either side changes (rule 4.5)."""
    entry = {"reason": reason.value, "message": message, "a": planned.a, "b": planned.b}
    link.parked = {**link.parked, strand: entry}


def base_of(link: RecordLink, strand: str) -> Base | None:
    if strand not in link.baseline_a or strand not in link.baseline_b:
        return None
    return Base(link.baseline_a[strand], link.baseline_b[strand])


def note(link: RecordLink, strand: str, reason: Reason | None) -> None:
    """Keep, or drop, why the two sides of a strand differ."""
    rest = {s: r for s, r in link.notes.items() if s != strand}
    link.notes = rest if reason is None else {**rest, strand: reason.value}


def planned_to_json(strands: Mapping[str, Planned]) -> dict[str, Any]:
    return {
        strand: {"a": p.a, "b": p.b, "carries": p.carries}
        | ({} if p.base is None else {"base_a": p.base.a, "base_b": p.base.b})
        for strand, p in strands.items()
    }


def planned_from_json(data: Mapping[str, Any]) -> dict[str, Planned]:
    return {
        strand: Planned(p["a"], p["b"], p["carries"], Base(p["base_a"], p["base_b"]) if "base_a" in p else None)
        for strand, p in data.items()
    }


def change_to_json(change: FieldChange) -> dict[str, Any]:
    return {
        "field": change.field,
        "before": change.before,
        "after": change.after,
        "mapping": change.mapping,
        "rule": change.rule,
        "reason": change.reason.value,
    }
