"""Previews: what settings that are not in effect yet would do, and what people say to it (rule 11.1)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from connectors.contract import WriteKind
from tenants import due
from tenants.context import current_workspace

from . import services
from .core.mapping import Side
from .models import (
    LINK_CHANGE,
    Hold,
    KeptApart,
    Operation,
    OperationState,
    RunKind,
    RunPhase,
    RunState,
    Sync,
    SyncRun,
    Untouched,
    VersionState,
)
from .run.bulk import delete_rows
from .run.preview import LIFE, end, is_over
from .services import SyncError

DUE_KIND = "preview"
"""Name of previews in the table of what is due (`tenants.due`)."""
LONGEST_SEARCH = 100
FEW = 2000
"""Operations that are better found by what they are than in the order of the list."""
KINDS = (LINK_CHANGE, *(kind.value for kind in WriteKind))


def is_required() -> bool:
    """Whether the workspace lets no settings take effect unseen."""
    return bool(current_workspace().preview_required)


def require(required: bool, *, actor: str) -> None:
    """Let settings of this workspace take effect only by a preview, or at once."""
    workspace = current_workspace()
    workspace.preview_required = required
    workspace.save(update_fields=["preview_required"])


def current(sync: Sync) -> SyncRun | None:
    """The preview of the sync's draft, being made, ready or failed; None where there is none to look at."""
    run = sync.runs.filter(
        kind=RunKind.PREVIEW,
        decided_at=None,
        version__state=VersionState.DRAFT,
        state__in=[RunState.RUNNING, RunState.DONE, RunState.FAILED],
    ).first()
    return None if run is None or (is_over(run, timezone.now()) and run.state == RunState.DONE) else run


def start(sync: Sync, *, actor: str) -> SyncRun:
    """Begin a preview of the sync's draft; an older one ends. The settings in effect go on meanwhile.

    Raises SyncError.
    """
    services.refuse_unusable_accounts(sync)
    with transaction.atomic():
        locked = Sync.objects.select_for_update().get(pk=sync.pk)
        draft = locked.versions.filter(state=VersionState.DRAFT).first()
        if draft is None:
            raise SyncError(_("All settings are in effect: there is nothing to preview."))
        end_all(locked)
        services.index_own_keys(locked, draft.load())
        run = locked.runs.create(version=draft, kind=RunKind.PREVIEW, started_by=actor, started_at=timezone.now())
        due.schedule(DUE_KIND, run.pk, timezone.now())
    return run


def end_all(sync: Sync) -> None:
    """Previews that nobody has decided on end: the draft that they show is none any more."""
    for run in sync.runs.filter(kind=RunKind.PREVIEW, decided_at=None).exclude(state=RunState.CANCELLED):
        end(run)
        due.cancel(DUE_KIND, run.pk)


def discard(run: SyncRun, *, actor: str) -> None:
    """Forget it: the draft stays, and nothing of it is in effect. Raises SyncError."""
    with transaction.atomic():
        end(_undecided(run))
        due.cancel(DUE_KIND, run.pk)
    run.refresh_from_db()


# --- Looking through it -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for among the operations of a preview. Blank: all."""

    search: str = ""
    """Part of a record's name, or its whole id on either side."""
    field: str = ""
    side: str = ""
    rule: str = ""
    kind: str = ""
    decision: str = ""
    """"declined", or "approved" for all others."""


def operations(run: SyncRun, wanted: Wanted = Wanted()) -> QuerySet[Operation]:  # noqa: B008, RUF100
    found = Operation.objects.filter(run=run, hold=Hold.PREVIEW)
    if wanted.kind:
        found = found.filter(kind=wanted.kind)
    if wanted.side:
        found = found.filter(side=wanted.side)
    for name, value in (("field", wanted.field), ("rule", wanted.rule)):
        if value:
            found = _having(found, run, name, value)
    if wanted.decision:
        declined = wanted.decision == OperationState.DECLINED
        found = found.filter(state=OperationState.DECLINED if declined else OperationState.HELD)
    search = wanted.search.strip()[:LONGEST_SEARCH]
    if search:
        found = found.filter(Q(label__icontains=search) | Q(a_id=search) | Q(b_id=search))
    return found


def _having(found: QuerySet[Operation], run: SyncRun, name: str, value: str) -> QuerySet[Operation]:
    """Those with a change of this field, or by this rule.

    Of many, a page is soon found in the order of the list; few have to be found by the index, which the database
    would not choose by itself: it cannot guess what is rare.
    """
    found = found.filter(changes__contains=[{name: value}])
    counts = run.progress.get("found")
    if counts is None or counts.get(f"{name}:{value}", 0) > FEW:
        return found
    few = Operation.objects.filter(run=run, hold=Hold.PREVIEW, changes__contains=[{name: value}])
    return found.filter(pk__in=list(few.values_list("pk", flat=True)))


# --- Deciding -----------------------------------------------------------------------------------------------


def mark(run: SyncRun, chosen: QuerySet[Operation], *, declined: bool, actor: str) -> int:
    """Take these operations out of what will be carried out, or in again. How many. Raises SyncError."""
    with transaction.atomic():
        _ready(run)
        was = OperationState.HELD if declined else OperationState.DECLINED
        rows = chosen.filter(run=run, hold=Hold.PREVIEW, state=was)
        if declined:
            return rows.update(state=OperationState.DECLINED, decided_by=actor, decided_at=timezone.now())
        return rows.update(state=OperationState.HELD, decided_by="", decided_at=None)


def approve(run: SyncRun, *, actor: str, only: Collection[int] | None = None) -> SyncRun:
    """The settings take effect, and what was shown is carried out: all that was not declined, or `only` these.

    All others are declined: changes count as seen, and creations and deletions stay undone until a person reopens
    them. What has moved since is planned again. Raises SyncError.
    """
    with transaction.atomic():
        Sync.objects.select_for_update().get(pk=run.sync_id)
        locked, now = _ready(run), timezone.now()
        open_ = Operation.objects.filter(run=locked, hold=Hold.PREVIEW, state=OperationState.HELD)
        if only is not None:
            unknown = set(only) - set(open_.filter(pk__in=only).values_list("pk", flat=True))
            if unknown:
                raise SyncError({"operations": _("Some of these operations are not part of this preview.")})
            open_.exclude(pk__in=only).update(state=OperationState.DECLINED, decided_by=actor, decided_at=now)
        # Those that are left take the run's decision when they are carried out.
        delete_rows(Untouched.objects.filter(run=locked))  # From now on the records tell it themselves.
        _keep_apart(locked, actor)
        locked.decided_by, locked.decided_at = actor, now
        locked.save(update_fields=["decided_by", "decided_at"])
        due.cancel(DUE_KIND, locked.pk)
        return services.start(locked.sync, actor=actor, preview=locked)


def decline(run: SyncRun, *, actor: str) -> SyncRun:
    """The settings take effect, and nothing of what was shown is carried out. Raises SyncError."""
    return approve(run, actor=actor, only=())


def _keep_apart(run: SyncRun, actor: str) -> None:
    """Records whose link was declined are not the same (rule 5.8)."""
    parted = Operation.objects.filter(run=run, hold=Hold.PREVIEW, kind=LINK_CHANGE, state=OperationState.DECLINED)
    KeptApart.objects.bulk_create(
        [
            KeptApart(pair_id=run.sync.pair_id, a_id=a, b_id=b, by=actor)
            for a, b in parted.values_list("a_id", "b_id").iterator()
        ],
        ignore_conflicts=True,
        batch_size=2000,
    )


def ends_at(run: SyncRun) -> datetime | None:
    """When it can be decided on no longer; None before it is ready."""
    return run.finished_at + LIFE if run.finished_at is not None and run.state == RunState.DONE else None


def _ready(run: SyncRun) -> SyncRun:
    locked = _undecided(run)
    if locked.state == RunState.RUNNING or locked.phase != RunPhase.DONE:
        raise SyncError(_("The preview is not ready yet."))
    if locked.state != RunState.DONE:
        raise SyncError(_("This preview has ended. Make a new one."))
    return locked


def _undecided(run: SyncRun) -> SyncRun:
    """Locked. Raises SyncError where it has ended, or somebody has decided."""
    locked = SyncRun.objects.select_for_update(of=("self",)).select_related("version", "sync").get(pk=run.pk)
    if locked.decided_at is not None:
        raise SyncError(_("Somebody has decided on this preview already."))
    over = locked.state == RunState.DONE and is_over(locked, timezone.now())
    if locked.state == RunState.CANCELLED or over or locked.version.state != VersionState.DRAFT:
        raise SyncError(_("This preview has ended. Make a new one."))
    return locked


SIDES = tuple(side.value for side in Side)
