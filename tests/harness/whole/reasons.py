"""Whether what the engine says of a record is so: judged by what the apps hold and by what people did, not by the
engine's own judgement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from connectors.contract import Values
from syncengine.core.filters import FieldCondition, Filter, FilterMode, Joined, Leaving, Operator
from syncengine.core.mapping import Direction, History, Side
from syncengine.models import Hold, KeptApart, Operation, OperationState, RecordLink

if TYPE_CHECKING:
    from .trial import Trial
    from .verdict import Seen

LATE = timedelta(minutes=15)
"""What ends by itself is over by then."""
Held = Mapping[Side, Values | None]


def passes(chosen: Filter, values: Values) -> bool:
    """A filter as `office` draws them, understood once more."""
    groups = [
        _joined(group.joined, [_holds(condition, values) for condition in group.conditions]) for group in chosen.groups
    ]
    return _joined(chosen.joined, groups)


def _joined(how: Joined, found: list[bool]) -> bool:
    return not found or (all(found) if how is Joined.ALL else any(found))


def _holds(condition: FieldCondition, values: Values) -> bool:
    value = values.get(condition.field)
    match condition.operator:
        case Operator.BLANK:
            return value in (None, "")
        case Operator.NOT_BLANK:
            return value not in (None, "")
        case Operator.IS_NOT:
            return value != condition.value
        case Operator.ONE_OF:
            return value in condition.value
        case Operator.CONTAINS_NOT:
            return str(condition.value) not in str(value or "").casefold()
    raise ValueError(condition)


def sending(seen: Seen, link: RecordLink, held: Held) -> set[Side]:
    """Sides from which values may go, as far as filters and directions let them."""
    settings = seen.sync.settings
    chosen = {Side.A: settings.filters.a, Side.B: settings.filters.b}
    ways = {side for side, values in held.items() if values is not None and passes(chosen[side], values)}
    if link.is_whole and settings.filters.leaving is Leaving.GO_ON:
        ways |= {Side(side) for side in link.passed}
    if settings.filters.mode is FilterMode.EITHER and ways:
        ways = set(Side)
    there = {side for side, values in held.items() if values is not None}
    return {side for side in ways & there if settings.direction.allows(side.other)}


def is_left_out_rightly(seen: Seen, link: RecordLink, held: Held) -> bool:
    """Excluded: is what is said of it so? Of causes that nothing here knows, yes."""
    settings, decision = seen.sync.settings, link.decision
    match link.cause:
        case "filter_a" | "filter_b" | "filters":
            return not sending(seen, link, held)
        case "direction":
            return settings.direction is not Direction.TWO_WAY
        case "history":
            return settings.history is History.FROM_NOW and not _was_changed_since(seen, link)
        case "kept_apart":
            apart = KeptApart.objects.filter(pair=link.pair_id)
            return apart.filter(a_id=link.a_id).exists() or apart.filter(b_id=link.b_id).exists()
        case "declined" | "left_out" | "undone":
            return decision == link.cause
    return True


def _was_changed_since(seen: Seen, link: RecordLink) -> bool:
    """Has anybody typed into it, or made it, after it was known what was there?"""
    trial = seen.trial
    if seen.sync.pk in trial.history_changed:
        return False
    ends = {side: end for side in Side if (end := link.end(side)) is not None}
    mapped = {lens.mapping.id for lens in seen.rules.lenses}
    return any(
        (edit := trial.typed.get((seen.apps[side].name, end, name))) is not None
        and edit.at > trial.rested_at
        and isinstance(edit.value, str)
        for side, end in ends.items()
        for name in ("code", "job", "dept")
        if name in mapped
    )


def is_noted_rightly(seen: Seen, link: RecordLink, reason: str, held: Held, now: datetime) -> bool:
    """A difference: is what is said of it so? Of reasons that nothing here knows, yes."""
    operations = Operation.objects.filter(link=link)
    match reason:
        case "filtered":
            open_to = {side.other for side in sending(seen, link, held)}
            return open_to != {side for side in Side if seen.sync.settings.direction.allows(side)}
        case "pinned":
            return any(end > now - LATE for end in _ends_of_pins(link))
        case "declined":
            return operations.filter(state=OperationState.DECLINED).exists()
        case "undone":
            return operations.filter(state=OperationState.DONE).exclude(undoes=[]).exists()
    return True


def _ends_of_pins(link: RecordLink) -> list[datetime]:
    return [datetime.fromisoformat(at) for fields in link.pins.values() for at in fields.values()]


def last_end_of_holds(trial: Trial) -> datetime:
    """When the last of the pauses and pins that end by themselves does; now where there is none."""
    links = list(RecordLink.objects.filter(pair__in=[sync.pair_id for sync in trial.syncs], closed_at=None))
    pauses = [link.paused_until for link in links if link.paused and link.paused_until is not None]
    return max([trial.now, *pauses, *(end for link in links for end in _ends_of_pins(link))])


def is_paused_rightly(link: RecordLink, now: datetime) -> bool:
    return link.paused and (link.paused_until is None or link.paused_until > now - LATE)


def is_braked_rightly(link: RecordLink) -> bool:
    return Operation.objects.filter(link=link, state=OperationState.HELD, hold=Hold.BRAKE).exists()
