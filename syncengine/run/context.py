"""What one slice of a sync works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.accounts import GuardedClient
from connectors.contract import Resource

from ..core.mapping import Side
from ..core.plan import Rules
from ..models import BESIDE, RunKind, RunPhase, RunState, Stream, Sync, SyncRun, SyncState
from .ahead import Answer
from .associations import Associations
from .clock import Clock
from .lanes import Lanes, OneByOne
from .lease import Held, renew

DUE_KIND = "sync"
"""Name of syncs in the table of what is due (`tenants.due`)."""


@dataclass(frozen=True, slots=True)
class Next:
    """When the sync is due again; None: not by itself."""

    at: datetime | None
    quiet: bool = False
    """Nothing is left to do."""
    others: tuple[int, ...] = ()
    """Syncs that share a stream in which something has changed: they are due at once."""
    looked_at: datetime | None = None
    """Both streams were read at this time or later, and no row tells of it (`run.glance`)."""


class Halted(Exception):
    """A person stopped the sync or changed its settings meanwhile: what follows would be of yesterday."""


@dataclass(slots=True)
class Slice:
    """A sync, its two streams with clients, its rules, and the leases under which it may store and send."""

    sync: Sync
    streams: Mapping[Side, Stream]
    resources: Mapping[Side, Resource]
    clients: Mapping[Side, GuardedClient]
    rules: Rules
    held: Held
    clock: Clock
    deadline: datetime
    run: SyncRun | None
    """The run under way. Made only when there is something to tell of: a poll that finds nothing writes none."""
    lanes: Lanes = field(default_factory=OneByOne)
    """Where the apps are asked."""
    progress: dict[str, Any] = field(default_factory=dict)
    touched: bool = False
    """A link was changed: what is counted of them has to be counted anew."""
    ahead: dict[Side, Answer] = field(default_factory=dict)
    """What the streams answered before the leases were taken."""
    associations: Associations = field(init=False)

    def __post_init__(self) -> None:
        self.associations = Associations(self.sync.pair, self.rules)

    @property
    def over(self) -> bool:
        return self.clock.now() >= self.deadline

    def go_on(self) -> None:
        """Before each further step. Raises LeaseLost or Halted where there is to be none."""
        renew(self.held, now=self.clock.now())
        sync = Sync.objects.filter(pk=self.sync.pk, state=SyncState.ON, active=self.sync.active_id)
        if not sync.filter(deleted_at=None).exists():
            raise Halted

    def the_run(self) -> SyncRun:
        """The run under way, begun now if there is none."""
        if self.run is None:
            assert self.sync.active is not None
            # A person may have begun one just now.
            self.run, _made = SyncRun.objects.exclude(kind__in=BESIDE).get_or_create(
                sync=self.sync,
                state=RunState.RUNNING,
                defaults={
                    "version": self.sync.active,
                    "kind": RunKind.CHANGES,
                    "started_at": self.clock.now(),
                },
            )
        return self.run

    def count(self, name: str, by: int = 1) -> None:
        self.progress[name] = self.progress.get(name, 0) + by

    def show(self, phase: RunPhase) -> None:
        """Let people see how far the run is."""
        if self.run is None:
            return
        if self.run.phase != phase:
            self.progress["phase_at"] = self.clock.now().isoformat()
        self.run.phase = phase
        self.run.progress = {**self.run.progress, **self.progress}
        self.run.save(update_fields=["phase", "progress"])

    def finish(self) -> None:
        if self.run is None:
            return
        self.show(RunPhase.DONE)
        SyncRun.objects.filter(pk=self.run.pk, state=RunState.RUNNING).update(
            state=RunState.DONE, finished_at=self.clock.now(), error=""
        )
        self.run = None
