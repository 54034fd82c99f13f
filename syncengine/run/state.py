"""The one state of a link (rule 9.1)."""

from __future__ import annotations

from ..core.references import Obstacle
from ..core.scope import Excluded
from ..core.states import FailureClass, RecordState, state_of
from ..models import RecordLink


def settle(
    link: RecordLink,
    *,
    failure: FailureClass | None = None,
    waiting: bool = False,
    excluded: Excluded | None = None,
    detail: str = "",
) -> None:
    """Give a link its one state (rule 9.1). A field that is parked makes its record fail (rule 4.5), and one whose
    association follows by itself waits for the related record (rule 7.2)."""
    if failure is None and excluded is None and link.parked and not waiting:
        first = next(iter(link.parked.values()))
        failure, detail = FailureClass(first["reason"]), first["message"]
    related = _related(link) if failure is None and excluded is None and not waiting else []
    link.state = state_of(
        paused=link.paused,
        failure=failure,
        waiting=waiting or bool(related),
        excluded=excluded is not None,
        closed=link.closed_at is not None,
    ).value
    if failure is not None:
        link.cause, link.detail = failure.value, detail
    elif excluded is not None:
        link.cause, link.detail = excluded.condition.value, ", ".join(excluded.values)
    elif link.state == RecordState.WAITING and related:
        link.cause, link.detail = FailureClass.WAITING_RELATED.value, ", ".join(related)
    else:
        link.cause, link.detail = "", ""
    if failure is not FailureClass.AMBIGUOUS:
        link.candidates = []


def _related(link: RecordLink) -> list[str]:
    """What its associations wait for, as people call it."""
    return [one["label"] or name for name, one in link.pending.items() if one["obstacle"] == Obstacle.WAITING]
