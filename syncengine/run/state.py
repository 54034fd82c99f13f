"""The one state of a link (rule 9.1)."""

from __future__ import annotations

from ..core.scope import Excluded
from ..core.states import FailureClass, state_of
from ..models import RecordLink


def settle(
    link: RecordLink,
    *,
    failure: FailureClass | None = None,
    waiting: bool = False,
    excluded: Excluded | None = None,
    detail: str = "",
) -> None:
    """Give a link its one state (rule 9.1). A field that is parked makes its record fail (rule 4.5)."""
    if failure is None and excluded is None and link.parked and not waiting:
        first = next(iter(link.parked.values()))
        failure, detail = FailureClass(first["reason"]), first["message"]
    link.state = state_of(
        paused=link.paused,
        failure=failure,
        waiting=waiting,
        excluded=excluded is not None,
        closed=link.closed_at is not None,
    ).value
    if failure is not None:
        link.cause, link.detail = failure.value, detail
    elif excluded is not None:
        link.cause, link.detail = excluded.condition.value, ", ".join(excluded.values)
    else:
        link.cause, link.detail = "", ""
    if failure is not FailureClass.AMBIGUOUS:
        link.candidates = []
