"""Records for which a preview plans nothing, by the cause: kept by the chunk, found one by one (rule 11.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core.states import RecordState
from ..models import RecordLink, SyncRun, Untouched

STATES = (RecordState.EXCLUDED, RecordState.FAILING)


def untouched(run: SyncRun, links: Iterable[RecordLink]) -> list[Untouched]:
    """Those of these that are left out or failing: a row for each cause, to be stored."""
    records: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for link in links:
        if link.state in STATES:
            records.setdefault((link.state, link.cause), []).append(
                {
                    "a": link.a_id,
                    "b": link.b_id,
                    "label": link.label,
                    "detail": link.detail,
                    "candidates": list(link.candidates),
                }
            )
    return [Untouched(run=run, state=state, cause=cause, records=them) for (state, cause), them in records.items()]
