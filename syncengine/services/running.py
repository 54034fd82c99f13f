"""A sync turned on, paused, off; its runs begun."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from connectors.models import AccountState
from tenants import due
from tenants.context import current_workspace

from ..core.mapping import Side, SyncSettings
from ..models import (
    Hold,
    Operation,
    OperationState,
    RecordLink,
    RunKind,
    RunState,
    Sync,
    SyncRun,
    SyncState,
    VersionState,
)
from ..run.associations import replan_pending
from ..run.context import DUE_KIND
from .errors import SyncError
from .retrying import let_apps_answer_again
from .versions import activate, save_settings


def start(sync: Sync, *, actor: str, preview: SyncRun | None = None) -> SyncRun:
    """*Save and sync*: make the draft active, turn the sync on and begin a pass over all records at once.

    `preview`: the preview of the draft that a person has decided, and that is carried out. Raises SyncError.
    """
    refuse_unusable_accounts(sync)
    with transaction.atomic():
        locked = Sync.objects.select_for_update().get(pk=sync.pk)
        if preview is None:
            _refuse_unseen(locked)
        activate(locked)
        if locked.active is None:
            raise SyncError(_("This sync has no settings."))
        locked.state, locked.attention, locked.attention_reason = SyncState.ON, "", ""
        locked.planned_a = locked.planned_b = 0
        locked.save()
        run = _begin_run(locked, RunKind.FULL if locked.initial_done else RunKind.FIRST, actor)
        if preview is not None:
            run.preview = preview
            run.save(update_fields=["preview"])
        replan_pending(locked.pair)
        due.schedule(DUE_KIND, locked.pk, timezone.now())
    sync.refresh_from_db()
    return run


def _refuse_unseen(sync: Sync) -> None:
    """Rule 11.1: a workspace may want to see first what settings would do."""
    if current_workspace().preview_required and sync.versions.filter(state=VersionState.DRAFT).exists():
        raise SyncError(_("This workspace wants a preview before settings take effect. Make one first."))


def change_settings(sync: Sync, settings: SyncSettings, *, actor: str) -> None:
    """Save settings; where the sync is on, they take effect at once, with a pass over all records.

    In a workspace that requires previews they stay a draft until one is approved (rule 11.1).
    """
    save_settings(sync, settings, actor=actor)
    if sync.state == SyncState.ON and not current_workspace().preview_required:
        start(sync, actor=actor)


def run_now(sync: Sync, *, actor: str) -> SyncRun:
    """Look at both sides at once instead of when it is due. Raises SyncError."""
    if sync.state != SyncState.ON:
        raise SyncError(_("Turn the sync on first."))
    with transaction.atomic():
        locked = Sync.objects.select_for_update().get(pk=sync.pk)
        return ensure_run(locked, RunKind.CHANGES, actor)


def ensure_run(sync: Sync, kind: RunKind, actor: str) -> SyncRun:
    """The run under way, else a new one of this kind; at once. Within a transaction that has locked the sync."""
    run = sync.runs.under_way().first() or _begin_run(sync, kind, actor)
    due.schedule(DUE_KIND, sync.pk, timezone.now())
    return run


def _begin_run(sync: Sync, kind: RunKind, actor: str) -> SyncRun:
    """A pass with older settings ends: what it had planned and not sent is planned again."""
    let_apps_answer_again(sync)
    now = timezone.now()
    sync.runs.under_way().update(state=RunState.CANCELLED, finished_at=now)
    waiting = Q(state=OperationState.PLANNED) | Q(state=OperationState.HELD, hold=Hold.BRAKE)
    left = Operation.objects.filter(waiting, run__sync=sync).exclude(run__kind=RunKind.UNDO)
    RecordLink.objects.filter(operations__in=left).update(replan=True)
    left.update(state=OperationState.SUPERSEDED, ended_at=now)
    # What was approved earlier, and has not come up, goes with the run that was to carry it out.
    Operation.objects.filter(run__sync=sync, run__carried_out_by__state=RunState.CANCELLED, hold=Hold.PREVIEW).update(
        state=OperationState.SUPERSEDED, ended_at=now, hold=""
    )
    assert sync.active is not None
    return sync.runs.create(version=sync.active, kind=kind, started_by=actor, started_at=timezone.now())


def pause(sync: Sync, *, actor: str) -> None:
    """Stop reading and writing until `resume`; nothing is forgotten, and what changes meanwhile is caught up."""
    _stop(sync, SyncState.PAUSED)


def resume(sync: Sync, *, actor: str) -> None:
    if sync.state != SyncState.PAUSED:
        raise SyncError(_("The sync is not paused."))
    refuse_unusable_accounts(sync)
    Sync.objects.filter(pk=sync.pk).update(state=SyncState.ON)
    replan_pending(sync.pair)
    due.schedule(DUE_KIND, sync.pk, timezone.now())
    sync.refresh_from_db()


def turn_off(sync: Sync, *, actor: str) -> None:
    """Keeps links and settings; turning on again (`start`) makes a pass over all records (rule 10.6)."""
    _stop(sync, SyncState.OFF)


def _stop(sync: Sync, state: SyncState) -> None:
    with transaction.atomic():
        Sync.objects.select_for_update().filter(pk=sync.pk).update(state=state)
        if state is SyncState.OFF:
            sync.runs.under_way().update(state=RunState.CANCELLED, finished_at=timezone.now())
        replan_pending(sync.pair)
        due.cancel(DUE_KIND, sync.pk)
    sync.refresh_from_db()


def delete_sync(sync: Sync, *, actor: str) -> None:
    """Records are never touched; links are kept aside for a new sync of the same two objects (rule 10.6)."""
    if sync.state not in (SyncState.OFF, SyncState.DRAFT):
        raise SyncError(_("Turn the sync off first."))
    sync.deleted_at = timezone.now()
    sync.save(update_fields=["deleted_at"])
    replan_pending(sync.pair)


def refuse_unusable_accounts(sync: Sync) -> None:
    for side in Side:
        account = sync.pair.stream(side).object.account
        if account.state != AccountState.OK:
            raise SyncError(_("“%(name)s” has to be reconnected first.") % {"name": account.name})
