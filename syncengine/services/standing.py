"""How a sync stands (rule 9.2), from the counts that are kept with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tenants import due

from ..models import Sync, SyncRun, SyncState
from ..run.context import DUE_KIND


class Standing(StrEnum):
    """The state of a sync as people see it (rule 9.2)."""

    DRAFT = "draft"
    INITIAL = "initial"
    UP_TO_DATE = "up_to_date"
    PAUSED = "paused"
    OFF = "off"
    ATTENTION = "attention"


@dataclass(frozen=True, slots=True)
class Status:
    """How a sync stands, for pages and API."""

    standing: Standing
    reason: str
    in_sync: int
    waiting: int
    failing: int
    excluded: int
    paused: int
    causes: Mapping[str, int]
    """Failure class → records."""
    run: SyncRun | None
    """The run under way."""
    last_run_at: datetime | None
    """When both sides were last looked at, and all was well."""

    @property
    def total(self) -> int:
        return self.in_sync + self.waiting + self.failing + self.excluded + self.paused


def status_of(sync: Sync) -> Status:
    return status_with(sync, sync.runs.under_way().first(), looks_of([sync.pk]).get(sync.pk))


def looks_of(syncs: Collection[int]) -> dict[int, datetime]:
    """The last looks that found nothing, and left no other trace."""
    return {one.target: one.looked_at for one in due.items(DUE_KIND, syncs) if one.looked_at is not None}


def status_with(sync: Sync, run: SyncRun | None, looked_at: datetime | None) -> Status:
    """How a sync stands whose run under way is known already, and when it was last found with nothing to do."""
    counts: Mapping[str, int] = sync.counts or {}
    causes = {k.removeprefix("failing:"): n for k, n in counts.items() if k.startswith("failing:")}
    return Status(
        standing=_standing(sync),
        reason=sync.attention_reason,
        in_sync=counts.get("in_sync", 0),
        waiting=counts.get("waiting", 0),
        failing=counts.get("failing", 0),
        excluded=counts.get("excluded", 0),
        paused=counts.get("paused", 0),
        causes=causes,
        run=run,
        last_run_at=max((at for at in (sync.last_run_at, looked_at) if at is not None), default=None),
    )


def _standing(sync: Sync) -> Standing:
    plain = {
        SyncState.DRAFT: Standing.DRAFT,
        SyncState.PAUSED: Standing.PAUSED,
        SyncState.OFF: Standing.OFF,
    }.get(SyncState(sync.state))
    if plain is not None:
        return plain
    if sync.attention:
        return Standing.ATTENTION
    return Standing.UP_TO_DATE if sync.initial_done else Standing.INITIAL
