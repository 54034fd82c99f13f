"""Records that one side has lost: resync, and what a listing lacks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from connectors.contract import Resource, WriteKind
from tenants.access import actor_of, admin_required

from .. import deleting, queries, words
from ..core.mapping import Side, SyncSettings
from ..core.states import FailureClass, RecordState
from ..models import RecordLink, Sync
from ..services import SyncError
from .common import attempt, sync_or_404

LOST = {deleting.DELETED_IN[side].value: side for side in Side}
"""Failure class → the side on which the record was deleted."""


def obstacles(sync: Sync, causes: Collection[str]) -> dict[str, str]:
    """Of the causes that a resync is for: why it cannot be done, or blank."""
    return {cause: deleting.why_not_resync(sync, LOST[cause]) for cause in causes if cause in LOST}


@require_POST
@admin_required
def sync_resync(request: HttpRequest, pk: int) -> HttpResponse:
    """All records that were deleted on one side, or those that were ticked."""
    sync = sync_or_404(pk)
    side = LOST.get(request.POST.get("cause", ""))
    if side is None:
        messages.error(request, _("Say on which side the records were deleted."))
        return _listed(sync, "")
    chosen = (
        None if "all" in request.POST else [int(raw) for raw in request.POST.getlist("link") if queries.is_key(raw)]
    )
    if chosen == []:
        messages.error(request, _("Tick the records to resync first."))
    else:
        _resync(request, sync, side, chosen)
    return _listed(sync, deleting.DELETED_IN[side])


@require_POST
@admin_required
def sync_confirm_missing(request: HttpRequest, pk: int) -> HttpResponse:
    """The records that one side does not show any more were deleted."""
    sync = sync_or_404(pk)
    side, count = request.POST.get("side", ""), request.POST.get("records", "")
    if side not in set(Side) or not queries.is_key(count):
        messages.error(request, _("Say which records were deleted."))
    else:
        confirm = partial(deleting.confirm_missing, side=Side(side), records=int(count))
        attempt(request, confirm, sync, _("They count as deleted from now on."))
    return redirect("sync_detail", pk=pk)


@require_POST
@admin_required
def record_resync(request: HttpRequest, pk: int, link_pk: int) -> HttpResponse:
    sync = sync_or_404(pk)
    link = get_object_or_404(RecordLink, pk=link_pk, pair_id=sync.pair_id)
    _resync(request, sync, LOST.get(link.cause, Side.A), [link.pk])
    return redirect("record_detail", pk=pk, link_pk=link_pk)


@require_POST
@admin_required
def record_pass_on(request: HttpRequest, pk: int, link_pk: int) -> HttpResponse:
    """Pass a deletion on although something spoke against it."""
    sync = sync_or_404(pk)
    link = get_object_or_404(RecordLink, pk=link_pk, pair_id=sync.pair_id)
    action = partial(deleting.pass_deletions_on, side=LOST.get(link.cause, Side.A), records=[link.pk])
    attempt(request, action, sync, _("The deletion is being passed on."))
    return redirect("record_detail", pk=pk, link_pk=link_pk)


@require_POST
@admin_required
def record_keep_unlinked(request: HttpRequest, pk: int, link_pk: int) -> HttpResponse:
    """Of two links whose records were merged: this one's other record goes on alone."""
    link = get_object_or_404(RecordLink, pk=link_pk, pair_id=sync_or_404(pk).pair_id)
    try:
        deleting.keep_unlinked(link, actor=actor_of(request))
    except SyncError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("“%(name)s” stays unlinked.") % {"name": str(link)})
    return redirect("record_detail", pk=pk, link_pk=link_pk)


def _resync(request: HttpRequest, sync: Sync, side: Side, records: Collection[int] | None) -> None:
    try:
        asked = deleting.resync_deleted(sync, side=side, records=records, actor=actor_of(request))
    except SyncError as error:
        messages.error(request, str(error))
        return
    said = ngettext("%(n)s record is being resynced.", "%(n)s records are being resynced.", asked.records)
    messages.success(request, said % {"n": asked.records})


def _listed(sync: Sync, cause: FailureClass | str) -> HttpResponseRedirect:
    return redirect(f"{reverse('sync_records', args=[sync.pk])}?state={RecordState.FAILING}&cause={cause}")


@dataclass(frozen=True, slots=True)
class DeletionChoice:
    """What a deletion on one side does to the records of the other: a choice on the settings page."""

    name: str
    here: str
    there: str
    chosen: str
    choices: list[tuple[str, words.Text, bool]]
    """(value, label, whether it is possible)."""
    obstacle: str


def offered_deletions(
    settings: SyncSettings, side: Side, names: Mapping[Side, str], resource: Resource
) -> DeletionChoice:
    """For the records of this side (rule 8.3)."""
    allowed = settings.direction.allows(side)
    obstacle = ""
    if not allowed:
        obstacle = _("The direction of this sync does not allow writing to “%(name)s”.") % {"name": names[side]}
    elif not resource.writes & {WriteKind.ARCHIVE, WriteKind.DELETE}:
        obstacle = _("“%(name)s” lets nobody archive or delete these.") % {"name": names[side]}
    return DeletionChoice(
        f"deletions_{side.value}",
        names[side],
        names[side.other],
        settings.deletions.get(side, ""),
        [(kind, label, not kind or (allowed and kind in resource.writes)) for kind, label in words.DELETIONS.items()],
        obstacle,
    )
