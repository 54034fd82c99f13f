"""The brake: before the first write of a run its totals are judged, and too much waits for a person (rule 11.4).

Everything due is planned before anything is applied, so that the totals are those of the whole run. As long as a
person has not answered, both sides go on being read and planned: what is held is always of today, and all of it is
let go by itself where it is too much no longer.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import gettext as _

from connectors.contract import WriteKind

from ..core.brake import WITHIN_HOURS, Over, Totals, judge
from ..core.states import FailureClass, RecordState
from ..models import Hold, Operation, OperationState, RecordLink, RunKind, Sync, SyncRun
from ..models.sync import Attention
from .context import Slice
from .lease import fenced

COUNTED = (RunKind.FIRST, RunKind.RESYNC)
"""Runs that a person starts with the counts before them: held for clears and deletes only."""
CHANGES = Q(kind__in=[WriteKind.CREATE, WriteKind.UPDATE])
DELETES = Q(kind__in=[WriteKind.ARCHIVE, WriteKind.DELETE])


def lets_through(work: Slice) -> bool:
    """Whether something is to be carried out. What is too much is held, all of it but what a person let go."""
    undecided = waiting(work.sync).filter(decided_at=None)
    planned = _totals(undecided)
    if planned == Totals():
        return True
    over = judge(work.rules.settings.brake, planned, _done(work), _links(work), counted=_is_counted(work.the_run()))
    if over is None:
        if held(work.sync).exists():
            with fenced(work.held):
                let_go(held(work.sync))
        return True
    _hold(work, undecided, over)
    return of_sync(work.sync).filter(state=OperationState.PLANNED).exists()


def _is_counted(run: SyncRun) -> bool:
    """What is planned again since a preview is new to people."""
    return run.kind in COUNTED and run.preview_id is None


def held(sync: Sync) -> QuerySet[Operation]:
    """What the brake holds of a sync."""
    return of_sync(sync).filter(state=OperationState.HELD, hold=Hold.BRAKE)


def of_sync(sync: Sync) -> QuerySet[Operation]:
    return Operation.objects.filter(run__sync=sync).order_by()


def let_go(operations: QuerySet[Operation], **decision: object) -> int:
    """Held operations go on their way. Within a transaction that keeps the engine out."""
    waiting = RecordLink.objects.filter(pk__in=operations.values("link_id"), cause=FailureClass.BRAKE)
    waiting.update(state=RecordState.WAITING, cause="", detail="")
    return operations.update(state=OperationState.PLANNED, hold="", **decision)


def ask(work: Slice) -> None:
    """People are told. Within `fenced`."""
    Sync.objects.filter(pk=work.sync.pk).update(
        attention=Attention.BRAKE,
        attention_reason=_("This run would change more than usual. It waits for somebody to look at it."),
    )


def waiting(sync: Sync) -> QuerySet[Operation]:
    """What is planned of a sync and not begun, held by the brake or not."""
    return of_sync(sync).filter(Q(state=OperationState.PLANNED) | Q(state=OperationState.HELD, hold=Hold.BRAKE))


def _hold(work: Slice, operations: QuerySet[Operation], over: Over) -> None:
    run = work.the_run()
    work.progress["brake"] = {
        "changes": over.totals.changes,
        "clears": over.totals.clears,
        "most_changes": over.most_changes,
        "most_clears": over.most_clears,
    }
    with fenced(work.held):
        # A record that was written on one side is held all the same, as long as what goes to the other side is.
        RecordLink.objects.filter(pk__in=operations.values("link_id")).exclude(cause=FailureClass.BRAKE).update(
            state=RecordState.FAILING, cause=FailureClass.BRAKE, detail=""
        )
        operations.filter(state=OperationState.PLANNED).update(state=OperationState.HELD, hold=Hold.BRAKE)
        ask(work)
        run.progress = {**run.progress, **work.progress}
        SyncRun.objects.filter(pk=run.pk).update(progress=run.progress)
    work.touched = True


def _totals(operations: QuerySet[Operation]) -> Totals:
    found = operations.aggregate(
        changes=Count("pk", filter=CHANGES), clears=Sum("clears"), deletes=Count("pk", filter=DELETES)
    )
    return Totals(found["changes"], (found["clears"] or 0) + found["deletes"])


def _done(work: Slice) -> Totals:
    """Within the last 24 hours, without what a person let go; nor do creations of a first run count as changes."""
    since = work.clock.now() - timedelta(hours=WITHIN_HOURS)
    recent = SyncRun.objects.filter(Q(finished_at=None) | Q(finished_at__gte=since), sync=work.sync)
    done = Operation.objects.filter(
        run__in=recent, state=OperationState.DONE, ended_at__gt=since, decided_at=None
    ).order_by()
    changes = done.aggregate(n=Count("pk", filter=CHANGES & ~Q(run__kind__in=COUNTED)))["n"]
    return Totals(changes, _totals(done).clears)


def _links(work: Slice) -> int:
    links = RecordLink.objects.filter(pair=work.sync.pair, closed_at=None)
    return links.filter(a_id__isnull=False, b_id__isnull=False).count()
