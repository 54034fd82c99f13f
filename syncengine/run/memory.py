"""A link's memory between the database and the core: plain JSON on one side, frozen values on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from ..core.baselines import is_former
from ..core.flips import Wrote, frozen_side, turns_after
from ..core.mapping import Side
from ..core.merge import Base, Reason
from ..core.plan import FieldChange, LinkMemory, LinkPlan, Parked, Planned
from ..core.states import FailureClass
from ..models import RecordLink

STORED = (
    "a_id", "b_id", "label", "state", "cause", "detail", "candidates", "baseline_a", "baseline_b", "notes", "parked",
    "pending", "replan", "next_try_at", "made_by", "closed_at", "decision", "decided_by", "paused",
    "paused_until", "passed",
)  # fmt: skip
"""What planning may change of a link."""


stored: Callable[[RecordLink], tuple[Any, ...]] = attrgetter(*STORED)
"""The same as long as there is nothing to store."""


def changed_names(
    links: Iterable[RecordLink], before: Mapping[int, tuple[Any, ...]], names: Sequence[str]
) -> list[str]:
    """Those of these columns in which any link differs from what was there before (`names` of it, by link)."""
    now = attrgetter(*names)
    places: set[int] = set()
    for link in links:
        old = before[link.id]
        if len(places) < len(names):
            places.update(place for place, value in enumerate(now(link)) if value != old[place])
    return [name for place, name in enumerate(names) if place in places]


def memory_of(link: RecordLink, now: datetime) -> LinkMemory:
    parked = {
        strand: Parked(FailureClass(p["reason"]), p["message"], p["a"], p["b"], p.get("definition", ""))
        for strand, p in link.parked.items()
    }
    pins = pins_of(link, now) if link.pins else {}
    return LinkMemory(
        link.baseline_a, link.baseline_b, parked, pins, link.provenance, frozen_of(link, now), link.created_at
    )


def frozen_of(link: RecordLink, now: datetime) -> dict[str, Side]:
    """Mappings that both sides wrote by turns, and the side that is not written any more (rule 4.5)."""
    sides = {mapping: frozen_side(writes_of(link, mapping), now) for mapping in link.flips}
    return {mapping: side for mapping, side in sides.items() if side is not None}


def writes_of(link: RecordLink, mapping: str) -> tuple[Wrote, ...]:
    return tuple(Wrote(datetime.fromisoformat(at), Side(to)) for at, to in link.flips.get(mapping, ()))


def count_turns(link: RecordLink, mappings: Iterable[str], to: Side, *, planned_at: datetime, at: datetime) -> None:
    """These were written on side `to`. Call it before provenance tells of it."""
    flips = dict(link.flips)
    for mapping in mappings:
        told = link.provenance.get(mapping)
        last = Wrote(datetime.fromisoformat(told["at"]), Side(told["side"]).other) if told else None
        turns = turns_after(writes_of(link, mapping), last, Wrote(at, to), planned_at)
        flips.pop(mapping, None)
        if turns:
            flips[mapping] = [[w.at.isoformat(), w.to.value] for w in turns]
    if flips != link.flips:
        link.flips = flips


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
    if moved := plan.baselines.get(Side.A):
        for strand in moved:
            forget_former(link, strand)
        link.baseline_a = {**link.baseline_a, **moved}
    if moved := plan.baselines.get(Side.B):
        link.baseline_b = {**link.baseline_b, **moved}
    if link.notes or plan.notes:
        kept = {strand: reason for strand, reason in link.notes.items() if strand not in plan.settled}
        link.notes = kept | {strand: reason.value for strand, reason in plan.notes.items()}
    link.parked = {
        strand: {"reason": p.reason.value, "message": p.message, "a": p.a, "b": p.b, "definition": p.definition}
        for strand, p in plan.parked.items()
    }


def forget_former(link: RecordLink, strand: str) -> None:
    """What was remembered of an earlier form of this part of a mapping has served, once this is to be (rule 4.6)."""
    if not link.baseline_a or strand in link.baseline_a:
        return
    head = strand.rpartition("#")[0] + "#"
    if not any(known.startswith(head) and is_former(known, strand) for known in link.baseline_a):
        return
    for name in ("baseline_a", "baseline_b", "notes"):
        setattr(link, name, {s: v for s, v in getattr(link, name).items() if not is_former(s, strand)})


def park(
    link: RecordLink, strand: str, *, reason: FailureClass, message: str, planned: Planned, definition: str
) -> None:
    """The app refused this value: leave the field alone until something changes (rule 4.5)."""
    entry = {
        "reason": reason.value,
        "message": message,
        "a": planned.a,
        "b": planned.b,
        "definition": definition,
    }
    link.parked = {**link.parked, strand: entry}


def base_of(link: RecordLink, strand: str) -> Base | None:
    if strand not in link.baseline_a or strand not in link.baseline_b:
        return None
    return Base(link.baseline_a[strand], link.baseline_b[strand])


def note(link: RecordLink, strand: str, reason: Reason | None) -> None:
    """Keep, or drop, why the two sides of a strand differ."""
    if reason is None and strand not in link.notes:
        return
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
