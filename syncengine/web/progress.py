"""How far a run is, how fast it goes and how long it will still take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from ..core.values import datetime_of
from ..models import RunPhase, SyncRun

PHASES = (RunPhase.READING, RunPhase.PLANNING, RunPhase.APPLYING)


@dataclass(frozen=True, slots=True)
class Step:
    label: str
    done: bool
    current: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """A run under way."""

    run: SyncRun
    steps: tuple[Step, ...]
    read_a: int
    read_b: int
    planned: int
    done: int
    """Operations that have ended, refused ones too."""
    refused: int
    per_minute: int
    """Records read, or operations ended; 0 while that cannot be told."""
    left: timedelta | None
    """Until all that is planned is done; None while that cannot be told."""

    @property
    def is_writing(self) -> bool:
        return self.run.phase == RunPhase.APPLYING and self.planned > 0

    @property
    def is_reading(self) -> bool:
        return self.run.phase == RunPhase.READING

    @property
    def minutes_left(self) -> int:
        return 0 if self.left is None else round(self.left.total_seconds() / 60)


def progress_of(run: SyncRun, now: datetime | None = None) -> Progress:
    told = run.progress
    ended = told.get("done", 0) + told.get("refused", 0)
    planned = max(told.get("planned", 0), ended)
    writing = run.phase == RunPhase.APPLYING
    counted = ended if writing else told.get("read_a", 0) + told.get("read_b", 0)
    seconds = max(((now or timezone.now()) - _phase_began(run)).total_seconds(), 1.0)
    speed = counted / seconds if run.phase != RunPhase.PLANNING else 0.0
    return Progress(
        run=run,
        steps=_steps(run.phase),
        read_a=told.get("read_a", 0),
        read_b=told.get("read_b", 0),
        planned=planned,
        done=ended,
        refused=told.get("refused", 0),
        per_minute=round(speed * 60),
        left=timedelta(seconds=(planned - ended) / speed) if writing and speed else None,
    )


def _phase_began(run: SyncRun) -> datetime:
    """The run notes it as `phase_at`; without that, its own beginning."""
    return datetime_of(run.progress.get("phase_at") or "") or run.started_at


def _steps(phase: str) -> tuple[Step, ...]:
    at = PHASES.index(RunPhase(phase)) if phase in PHASES else len(PHASES)
    return tuple(Step(str(one.label), done=i < at, current=i == at) for i, one in enumerate(PHASES))
