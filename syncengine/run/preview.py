"""A preview: the plan of a draft, rehearsed (rule 11.1).

It reads both sides as any run does, and plans with the very planner that will plan in earnest, chunk by chunk. All
that a chunk changes in links is undone before the chunk is stored; what is kept are its operations, held, which name
their records by value. So the settings in effect go on beside it, and see nothing of it.

A link is looked at when its record of side A comes up, one without such an end when that of side B does: each once,
in the order of ids, with nothing kept in memory. A worker that is killed loses one chunk.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import OperationalError, transaction
from django.utils.translation import gettext as _

from connectors.contract import ConnectorError, RateLimited, Retry, WriteKind

from ..core.mapping import Side
from ..core.states import FailureClass, RecordState
from ..models import (
    LINK_CHANGE,
    Hold,
    Operation,
    OperationState,
    RecordLink,
    RemoteRecord,
    RunKind,
    RunPhase,
    RunState,
    Sync,
    SyncRun,
    Untouched,
    VersionState,
)
from . import trouble
from .bulk import delete_rows, insert_rows
from .clock import Clock
from .context import Halted, Next, Slice
from .lease import Held, LeaseLost, achieved, fenced, release, take, this_process
from .planning import Planner
from .read import Reader
from .runner import BUSY, GIVE_WAY, open_clients, slice_with
from .turns import others_concerned
from .untouched import untouched

logger = logging.getLogger(__name__)

CHUNK = 1000
LIFE = timedelta(hours=24)
"""How long people may decide on a preview."""
RETRY = timedelta(seconds=30)


def run_preview_slice(run_id: int, clock: Clock | None = None) -> Next:
    """Work on one preview until it is ready or the slice is over; one that is ready ends when its time is over."""
    clock = clock or Clock()
    run = _load(run_id)
    if run is None:
        return Next(None)
    if run.state == RunState.DONE:
        return _wait_for_the_end(run, clock)
    streams = (f"stream:{run.sync.pair.stream(side).pk}" for side in Side)
    held = take([lease_name(run_id), *streams], holder=this_process(), now=clock.now())
    if held is None:
        return Next(clock.now() + BUSY)
    survived = False
    try:
        found = _slice_of(run_id, held, clock)
        survived = True
    except LeaseLost:
        return Next(clock.now() + BUSY)
    finally:
        wanted = release(held, deaths=0 if survived else held.deaths + 1)
    soonest = clock.now() + GIVE_WAY
    return replace(found, at=soonest) if wanted and found.at is not None and found.at < soonest else found


def lease_name(run_id: int) -> str:
    return f"preview:{run_id}"


def is_over(run: SyncRun, now: datetime) -> bool:
    """Its time to be decided on is over."""
    return run.finished_at is not None and now >= run.finished_at + LIFE


def end(run: SyncRun) -> None:
    """Nothing of it will be carried out."""
    delete_rows(Operation.objects.filter(run=run, hold=Hold.PREVIEW))
    delete_rows(Untouched.objects.filter(run=run))
    SyncRun.objects.filter(pk=run.pk).update(state=RunState.CANCELLED, phase=RunPhase.DONE)


def _load(run_id: int) -> SyncRun | None:
    ends = ("sync__pair__stream_a__object__account", "sync__pair__stream_b__object__account", "sync__active")
    return (
        SyncRun.objects.select_related("version", *ends)
        .filter(pk=run_id, kind=RunKind.PREVIEW, decided_at=None, sync__deleted_at=None)
        .filter(state__in=[RunState.RUNNING, RunState.DONE])
        .first()
    )


def _wait_for_the_end(run: SyncRun, clock: Clock) -> Next:
    assert run.finished_at is not None
    if not is_over(run, clock.now()):
        return Next(run.finished_at + LIFE)
    with transaction.atomic():
        locked = SyncRun.objects.select_for_update().filter(pk=run.pk, decided_at=None).first()
        if locked is not None:
            end(locked)
    return Next(None)


def _slice_of(run_id: int, held: Held, clock: Clock) -> Next:
    run = _load(run_id)
    if run is None or run.state != RunState.RUNNING or run.version.state != VersionState.DRAFT:
        return Next(None)
    if held.deaths >= trouble.TOO_MANY_DEATHS:
        return _fail(run, held, clock, _("The work on this preview broke off several times in a row."))
    try:
        return _work(run, held, clock)
    except LeaseLost:
        raise
    except Halted:
        return Next(None)
    except RateLimited as error:
        return Next(clock.now() + timedelta(seconds=max(error.after or 0, 1)))
    except (Retry, OperationalError):
        logger.warning("preview %s waits", run.pk, exc_info=True)
        return Next(clock.now() + RETRY)
    except ConnectorError as error:
        return _fail(run, held, clock, str(error).replace("\x00", "") or type(error).__name__)
    except Exception:
        if _load(run_id) is None:
            return Next(None)  # A person has ended it meanwhile.
        logger.exception("preview %s stopped by a defect", run.pk)
        return _fail(run, held, clock, _("Something unexpected happened inside."))


def _fail(run: SyncRun, held: Held, clock: Clock, reason: str) -> Next:
    with fenced(held):
        delete_rows(Operation.objects.filter(run=run))
        delete_rows(Untouched.objects.filter(run=run))
        SyncRun.objects.filter(pk=run.pk, state=RunState.RUNNING).update(
            state=RunState.FAILED, error=reason, finished_at=clock.now()
        )
    return Next(None)


def _work(run: SyncRun, held: Held, clock: Clock) -> Next:
    with open_clients(run.sync) as clients:
        work = slice_with(run.sync, run.version, run, held, clock, clients, clock.now() + clock.slice)
        before = {side: stream.seq for side, stream in work.streams.items()}
        # Both sides are read to the end of a pass once; what changes while it is planned is told when it is carried
        # out.
        ready = (work.progress.get("read") or _read(work)) and Rehearsal(work).rehearse()
        others = others_concerned(run.sync, work.streams, before) + _itself(run.sync, work, before)
    if not ready:
        return Next(clock.now(), others=others)
    now = clock.now()
    with fenced(held):
        finished = SyncRun.objects.filter(pk=run.pk, state=RunState.RUNNING)
        finished.update(state=RunState.DONE, phase=RunPhase.DONE, finished_at=now)
    return Next(now + LIFE, quiet=True, others=others)


def _itself(sync: Sync, work: Slice, before: dict[Side, int]) -> tuple[int, ...]:
    """What was read for the preview is news for the settings in effect, too."""
    moved = any(stream.seq > before[side] for side, stream in work.streams.items())
    return (sync.pk,) if moved and sync.active_id is not None else ()


def _read(work: Slice) -> bool:
    """Both streams to the end of a pass (rule 5.2)."""
    for side in Side:

        def seen(records: int, name: str = f"read_{side.value}") -> None:
            work.progress[name] = records
            work.show(RunPhase.READING)

        reader = Reader(
            work.streams[side], work.resources[side], work.clients[side], work.rules.locale, work.held, work.clock,
            work.sync.pk,
        )  # fmt: skip
        if not reader.read(deadline=work.deadline, progress=seen, pass_wanted=True):
            return False
    work.progress["read"] = True
    work.show(RunPhase.PLANNING)
    return True


class Rehearsal(Planner):
    """Plans everything, and leaves nothing behind but what it would do."""

    def __init__(self, work: Slice) -> None:
        super().__init__(work)
        assert work.run is not None
        self._run = work.run
        self._knows_former = work.run.version.number == 1

    def rehearse(self) -> bool:
        """From where it stands to the end; False if the slice ended first."""
        self._know_former()
        for side in Side:
            while ids := self._next(side):
                self._rehearse(side, ids)
                if self.work.over:
                    return False
        return True

    def _next(self, side: Side) -> list[str]:
        at, after = self.work.progress.get("at", [Side.A.value, ""])
        if at != side.value:
            if side.value < at:
                return []
            after = ""
        records = RemoteRecord.objects.filter(stream=self.work.streams[side], remote_id__gt=after)
        return list(records.order_by("remote_id").values_list("remote_id", flat=True)[:CHUNK])

    def _rehearse(self, side: Side, ids: Sequence[str]) -> None:
        with fenced(self.work.held):
            self._refuse_ended()
            linked = self._linked(ids) if side is Side.A else set()
            with transaction.atomic():
                links, operations, _before = self._judge({side: set(ids), side.other: set()})
                mine = {link.pk: link for link in links if self._is_up(link, side, set(ids))}
                transaction.set_rollback(True)
            new = [link for link in mine.values() if link.is_whole and (link.a_id, link.b_id) not in linked]
            kept = [op for op in operations if op.link_id in mine]
            counts = self._counts(new, kept, mine.values())
            found = self._found(kept)
            for op in kept:
                link = mine[op.link_id]
                op.link, op.a_id, op.b_id = None, link.a_id, link.b_id
                op.state, op.hold = OperationState.HELD, Hold.PREVIEW
            insert_rows([*map(self._link_change, new), *kept])
            insert_rows(untouched(self._run, mine.values()))
            self.work.progress |= {"at": [side.value, ids[-1]], "counts": counts, "found": found}
            self.work.progress.pop("linked", None)
            self.work.show(RunPhase.PLANNING)
            achieved(self.work.held)

    def _refuse_ended(self) -> None:
        """Raises Halted where a person has ended it meanwhile: nothing is to be left behind."""
        going_on = SyncRun.objects.select_for_update(of=("self",)).filter(
            pk=self._run.pk, state=RunState.RUNNING, version__state=VersionState.DRAFT
        )
        if not going_on.exists():
            raise Halted

    def _is_compared(self, link: RecordLink, a: RemoteRecord | None, b: RemoteRecord | None) -> bool:
        return False

    def _is_up(self, link: RecordLink, side: Side, ids: set[str]) -> bool:
        """Each link comes up once: with its end on side A, where it has one."""
        return link.a_id in ids if side is Side.A else link.a_id is None and link.b_id in ids

    def _linked(self, ids: Sequence[str]) -> set[tuple[str | None, str | None]]:
        links = RecordLink.objects.filter(pair=self.pair, closed_at=None, a_id__in=ids, b_id__isnull=False)
        return set(links.values_list("a_id", "b_id"))

    def _link_change(self, link: RecordLink) -> Operation:
        return Operation(
            run=self._run,
            kind=LINK_CHANGE,
            a_id=link.a_id,
            b_id=link.b_id,
            label=link.label,
            changes=[{"field": "", "before": None, "after": None, "mapping": "", "rule": "5.1", "reason": ""}],
            key=self.work.clock.new_id(),
            state=OperationState.HELD,
            hold=Hold.PREVIEW,
            planned_at=self.work.clock.now(),
        )

    def _found(self, operations: Sequence[Operation]) -> dict[str, int]:
        """How many operations have a field, or follow from a rule: what is rare is looked for in another way."""
        found = Counter(self.work.progress.get("found", {}))
        for op in operations:
            found.update({f"field:{change['field']}" for change in op.changes})
            found.update({f"rule:{change['rule']}" for change in op.changes})
        return dict(found)

    def _counts(
        self, new: Sequence[RecordLink], operations: Sequence[Operation], links: Iterable[RecordLink]
    ) -> dict[str, int]:
        counts = Counter(self.work.progress.get("counts", {}))
        counts["link"] += len(new)
        for op in operations:
            counts[f"{op.kind}_{op.side}"] += 1
            counts["clear"] += op.clears
            if op.kind == WriteKind.UPDATE:
                counts["change"] += len(op.changes) - op.clears
        for link in links:
            if link.state == RecordState.EXCLUDED:
                counts["leave_out"] += 1
                counts[f"leave_out:{link.cause}"] += 1
            elif link.state == RecordState.FAILING:
                counts["ask" if link.cause == FailureClass.AMBIGUOUS else "fail"] += 1
                counts[f"fail:{link.cause}"] += 1
        return dict(counts)
