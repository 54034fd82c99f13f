"""What people decide about records that one side has lost (section 8 of the rules).

A decision is written down on the link, and the next slice takes it up: only the engine changes what a link holds.
What cannot be done raises `SyncError`, in plain words.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from .core.mapping import Side
from .core.scope import Condition, may_create
from .core.states import FailureClass, RecordState
from .models import RecordLink, RunKind, Stream, Sync, SyncRun, SyncState, Wish
from .services import SyncError, ensure_run, look_at_stream, resources_of

DELETED_IN = {Side.A: FailureClass.DELETED_IN_A, Side.B: FailureClass.DELETED_IN_B}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, and the run that does it: the one under way takes it along."""

    run: SyncRun
    records: int


def deleted_in(sync: Sync, side: Side) -> QuerySet[RecordLink]:
    """Records that were deleted on this side and are still there on the other."""
    return RecordLink.objects.filter(
        pair_id=sync.pair_id, closed_at=None, state=RecordState.FAILING, cause=DELETED_IN[side]
    )


def why_not_resync(sync: Sync, side: Side) -> str:
    """Why records deleted on this side cannot be resynced; blank if they can (rules 2.1 and 8.2)."""
    if sync.active is None or sync.state != SyncState.ON:
        return _("Turn the sync on first.")
    refused = may_create(sync.active.load(), side, resources_of(sync)[side])
    if refused is None:
        return ""
    name = sync.pair.stream(side).object.account.name
    if refused.condition is Condition.DIRECTION:
        return _("The direction of this sync does not allow writing to “%(name)s”.") % {"name": name}
    return _("“%(name)s” takes no new records of this kind.") % {"name": name}


def resync_deleted(sync: Sync, *, side: Side, records: Collection[int] | None = None, actor: str) -> Asked:
    """Have records that were deleted on this side looked for once more there, else created again (rule 8.2).

    `records`: links; None for all of them. Those that were not deleted there, or are back, stay as they are.
    Raises SyncError.
    """
    with transaction.atomic():
        locked = Sync.objects.select_for_update(of=("self",)).select_related("active").get(pk=sync.pk)
        refused = why_not_resync(locked, side)
        if refused:
            raise SyncError(refused)
        chosen = deleted_in(locked, side)
        if records is not None:
            chosen = chosen.filter(pk__in=records)
        count = chosen.update(wish=Wish.RESYNC)
        if not count:
            raise SyncError(_("None of these records is deleted there any more."))
        return Asked(ensure_run(locked, RunKind.RESYNC, actor), count)


def pass_deletions_on(sync: Sync, *, side: Side, records: Collection[int], actor: str) -> Asked:
    """Have deletions on this side passed on for these links, although something spoke against it (rule 8.3).

    Raises SyncError, also where passing deletions on is not switched on.
    """
    with transaction.atomic():
        locked = Sync.objects.select_for_update(of=("self",)).select_related("active").get(pk=sync.pk)
        if locked.active is None or locked.state != SyncState.ON:
            raise SyncError(_("Turn the sync on first."))
        if side.other not in locked.active.load().deletions:
            raise SyncError(_("Passing deletions on is not switched on for this direction."))
        count = deleted_in(locked, side).filter(pk__in=records).update(wish=Wish.PASS_ON, replan=True)
        if not count:
            raise SyncError(_("None of these records is deleted there any more."))
        return Asked(ensure_run(locked, RunKind.CHANGES, actor), count)


def confirm_missing(sync: Sync, *, side: Side, records: int, actor: str) -> None:
    """A person says that the records that this side does not show any more were deleted (rule 8.4).

    `records`: how many the person was told of; it holds for no more than these. Raises SyncError.
    """
    stream = sync.pair.stream(side)
    with transaction.atomic():
        now = Stream.objects.select_for_update(of=("self",)).values_list("missing", flat=True).get(pk=stream.pk)
        if not now:
            raise SyncError(_("No records are missing there any more."))
        if records < now:
            raise SyncError(_("By now %(count)s records are missing there. Look again.") % {"count": now})
        Stream.objects.filter(pk=stream.pk).update(missing_confirmed=now)
        look_at_stream(stream)


def keep_unlinked(link: RecordLink, *, actor: str) -> None:
    """Two links met because their records were merged: what is left of this one goes on alone (rule 8.5).

    Raises SyncError.
    """
    sync = Sync.objects.filter(pair_id=link.pair_id, deleted_at=None, state=SyncState.ON).first()
    if sync is None:
        raise SyncError(_("Turn the sync on first."))
    waiting = RecordLink.objects.filter(pk=link.pk, closed_at=None, cause=FailureClass.MERGED)
    with transaction.atomic():
        if not waiting.update(wish=Wish.KEEP_APART, replan=True, decided_by=actor):
            raise SyncError(_("There is nothing to decide any more."))
        look_at_stream(sync.pair.stream_a)
