"""What people say to operations that wait for them: those that the brake holds (rule 11.4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from .core.states import RecordState
from .decisions import deciding
from .models import Decision, Operation, OperationState, RecordLink, Sync
from .models.sync import Attention
from .run import brake
from .run.declining import decline_all
from .services import SyncError

CHUNK = 1000


def release(sync: Sync, *, actor: str, only: Collection[int] | None = None) -> int:
    """Let what the brake holds go on its way, all of it or these operations. How many.

    Raises SyncError where nothing is held.
    """
    with deciding(sync):
        held = _held(sync, only)
        count = brake.let_go(held, decided_by=actor, decided_at=timezone.now())
        _answered(sync)
        return count


def decline(sync: Sync, *, actor: str, only: Collection[int] | None = None) -> int:
    """Carry out none of what the brake holds, or none of these operations. How many.

    Changes count as seen: nothing is planned of them until somebody edits a side. Creations and deletions stay
    declined until a person reopens them. Raises SyncError where nothing is held.
    """
    with deciding(sync):
        held, count = _held(sync, only).order_by("pk"), 0
        while operations := list(held[:CHUNK]):
            decline_all(operations, actor)
            now = timezone.now()
            Operation.objects.filter(pk__in=[op.pk for op in operations]).update(
                state=OperationState.DECLINED, hold="", decided_by=actor, decided_at=now, ended_at=now
            )
            count += len(operations)
        _answered(sync)
        return count


def declined_links(sync: Sync) -> QuerySet[RecordLink]:
    """Records whose creation or deletion was declined, and that nobody has reopened."""
    return RecordLink.objects.filter(pair_id=sync.pair_id, closed_at=None, decision=Decision.DECLINED)


def reopen(sync: Sync, *, actor: str, only: Collection[int] | None = None) -> int:
    """Have creations and deletions that were declined planned again, all of them or of these records. How many.

    Raises SyncError where nothing was declined.
    """
    with deciding(sync):
        links = declined_links(sync) if only is None else declined_links(sync).filter(pk__in=only)
        count = links.update(
            decision="", decided_by="", replan=True, state=RecordState.WAITING, cause="", detail="", next_try_at=None
        )
        if not count:
            raise SyncError(_("Nothing of this was declined."))
        return count


@dataclass(frozen=True, slots=True)
class HeldByBrake:
    """What the brake holds of a sync, and why: the numbers of `core.brake.Over`."""

    run: int | None
    operations: Mapping[str, int]
    """kind_side → operations."""
    changes: int
    clears: int
    most_changes: int | None
    most_clears: int | None


def held_of(sync: Sync) -> HeldByBrake:
    rows = brake.held(sync).values_list("kind", "side").annotate(n=Count("pk")).order_by("kind", "side")
    operations = {f"{kind}_{side}": n for kind, side, n in rows}
    run = sync.runs.under_way().first() if operations else None
    over: Mapping[str, int | None] = run.progress.get("brake", {}) if run else {}
    return HeldByBrake(
        run.pk if run else None,
        operations,
        over.get("changes") or 0,
        over.get("clears") or 0,
        over.get("most_changes"),
        over.get("most_clears"),
    )


def _held(sync: Sync, only: Collection[int] | None) -> QuerySet[Operation]:
    held = brake.held(sync)
    held = held if only is None else held.filter(pk__in=only)
    if not held.exists():
        raise SyncError(_("The brake holds nothing of this any more."))
    return held


def _answered(sync: Sync) -> None:
    if not brake.held(sync).exists():
        Sync.objects.filter(pk=sync.pk, attention=Attention.BRAKE).update(attention="", attention_reason="")
    sync.refresh_from_db(fields=["attention", "attention_reason"])
