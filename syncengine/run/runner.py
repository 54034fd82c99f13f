"""The story of a slice: take the lease, settle what is in doubt, read both sides, plan, apply, say when to go on."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from connectors import accounts
from connectors.contract import (
    Client,
    ConnectorError,
    PermissionLost,
    RateLimited,
    Resource,
    ResourceGone,
    Retry,
    SignInAgain,
)

from ..core.mapping import Side
from ..core.plan import Rules
from ..models import Operation, OperationState, RecordLink, RunPhase, RunState, Stream, Sync, SyncRun, SyncState
from ..models.sync import Attention
from .apply import Applier
from .clock import Clock
from .context import Slice
from .doubt import Doubts
from .lease import Held, LeaseLost, release, take, this_process
from .planning import Planner
from .read import Reader

logger = logging.getLogger(__name__)

BUSY = timedelta(seconds=2)
"""Somebody else is at work with the sync or one of its streams."""
ERROR_WAIT = timedelta(seconds=15)
LONGEST_ERROR_WAIT = timedelta(minutes=10)
ROUNDS = 5
"""Plan and apply follow each other this often in one slice: answers of apps may need another look."""


@dataclass(frozen=True, slots=True)
class Next:
    """When the sync is due again; None: not by itself."""

    at: datetime | None
    quiet: bool = False
    """Nothing is left to do."""


def run_slice(sync_id: int, clock: Clock | None = None) -> Next:
    """Work on one sync until nothing is left to do or its time is over. The only entry into a sync."""
    clock = clock or Clock()
    sync = (
        Sync.objects.select_related("active", "pair__stream_a__object__account", "pair__stream_b__object__account")
        .filter(pk=sync_id, deleted_at=None, state=SyncState.ON)
        .first()
    )
    if sync is None or sync.active is None:
        return Next(None)
    held = take(_lease_names(sync), holder=this_process(), now=clock.now())
    if held is None:
        return Next(clock.now() + BUSY)
    try:
        return _work(sync, held, clock)
    except LeaseLost:
        logger.warning("sync %s: the lease went to somebody else; nothing more is stored", sync.pk)
        return Next(clock.now() + BUSY)
    except ConnectorError as error:
        return _stopped(sync, error, clock)
    finally:
        _keep_counts(sync)
        release(held)


def _lease_names(sync: Sync) -> list[str]:
    """The sync first: one writer of a sync, and one sync at a time that reads and creates in a stream (10.5)."""
    return [f"sync:{sync.pk}", *(f"stream:{sync.pair.stream(side).pk}" for side in Side)]


def _work(sync: Sync, held: Held, clock: Clock) -> Next:
    deadline = clock.now() + clock.slice
    with _clients(sync) as clients:
        work = _slice(sync, held, clock, clients, deadline)
        doubts = Doubts(work)
        doubts.settle_before_reading()
        if not _read(work):
            return Next(clock.now())
        doubts.settle_after_reading()
        if not _plan_and_apply(work):
            return Next(clock.now())
        return _finish(work, doubts)


@contextmanager
def _clients(sync: Sync) -> Iterator[Mapping[Side, Client]]:
    with ExitStack() as stack:
        yield {side: stack.enter_context(accounts.open_client(sync.pair.stream(side).object.account)) for side in Side}


def _slice(sync: Sync, held: Held, clock: Clock, clients: Mapping[Side, Client], deadline: datetime) -> Slice:
    streams = {side: sync.pair.stream(side) for side in Side}
    resources = {side: _resource(streams[side], clients[side]) for side in Side}
    assert sync.active is not None
    rules = Rules(sync.active.load(), resources[Side.A], resources[Side.B])
    run = sync.runs.filter(state=RunState.RUNNING).first()
    return Slice(
        sync, streams, resources, clients, rules, held, clock, deadline, run, dict(run.progress) if run else {}
    )


def _resource(stream: Stream, client: Client) -> Resource:
    obj = stream.object
    return client.interpret(accounts.snapshot_of(obj), accounts.meaning_of(obj))


def _read(work: Slice) -> bool:
    """Both streams to the end of a pass; nothing is written before both were read whole (rule 5.2)."""
    for side in Side:
        name = f"read_{side.value}"

        def seen(records: int, name: str = name) -> None:
            work.progress[name] = records
            work.show(RunPhase.READING)

        reader = Reader(
            work.streams[side], work.resources[side], work.clients[side], work.rules.locale, work.held, work.clock
        )
        if not reader.read(deadline=work.deadline, progress=seen):
            return False
    return all(stream.listed_at is not None for stream in work.streams.values())


def _plan_and_apply(work: Slice) -> bool:
    """Until nothing is planned any more; False if the slice ended first."""
    for _ in range(ROUNDS):
        work.show(RunPhase.PLANNING)
        stored = Planner(work).plan()
        if work.over:
            return False
        if not stored and not _planned(work):
            return True
        if not Applier(work).apply():
            return False
    return True


def _planned(work: Slice) -> bool:
    return Operation.objects.filter(run__sync=work.sync, state=OperationState.PLANNED).exists()


def _finish(work: Slice, doubts: Doubts) -> Next:
    """The pass has come to rest, but for what is in doubt."""
    now = work.clock.now()
    waiting_for = doubts.next_look
    if waiting_for is not None:
        return Next(max(waiting_for, now) + timedelta(seconds=1))
    work.finish()
    Sync.objects.filter(pk=work.sync.pk).update(initial_done=True, last_run_at=now, attention="", attention_reason="")
    soonest = _soonest_retry(work, now)
    regular = now + timedelta(seconds=work.sync.interval)
    return Next(min(regular, soonest) if soonest else regular, quiet=True)


def _soonest_retry(work: Slice, now: datetime) -> datetime | None:
    due = RecordLink.objects.filter(pair=work.sync.pair, closed_at=None, next_try_at__gt=now)
    return due.order_by("next_try_at").values_list("next_try_at", flat=True).first()


def _keep_counts(sync: Sync) -> None:
    """What the pages show is kept, not counted by them."""
    rows = (
        RecordLink.objects.filter(pair=sync.pair, closed_at=None).values_list("state", "cause").annotate(n=Count("pk"))
    )
    counts: dict[str, int] = {}
    for state, cause, n in rows.order_by():
        counts[state] = counts.get(state, 0) + n
        if state == "failing":
            counts[f"failing:{cause}"] = n
    if counts != sync.counts:
        Sync.objects.filter(pk=sync.pk).update(counts=counts)
        sync.counts = counts


# --- When an account does not play along -----------------------------------------------------------------------


def _stopped(sync: Sync, error: ConnectorError, clock: Clock) -> Next:
    """The smallest scope stops (rule 9.4): passing troubles wait, the rest needs a person."""
    now = clock.now()
    if isinstance(error, RateLimited):
        return Next(now + timedelta(seconds=error.after or 30))
    if isinstance(error, Retry):
        _note_error(sync, error)
        return Next(now + ERROR_WAIT)
    attention = _attention(error)
    Sync.objects.filter(pk=sync.pk).update(attention=attention, attention_reason=str(error))
    _note_error(sync, error)
    # Looked at again now and then: a person may have mended it in the app itself.
    return Next(now + LONGEST_ERROR_WAIT)


def _attention(error: ConnectorError) -> Attention:
    if isinstance(error, SignInAgain):
        return Attention.SIGN_IN
    if isinstance(error, PermissionLost):
        return Attention.PERMISSION
    return Attention.OBJECT_GONE if isinstance(error, ResourceGone) else Attention.BROKEN


def _note_error(sync: Sync, error: ConnectorError) -> None:
    logger.warning("sync %s stopped: %s", sync.pk, type(error).__name__)
    SyncRun.objects.filter(sync=sync, state=RunState.RUNNING).update(error=str(error))
