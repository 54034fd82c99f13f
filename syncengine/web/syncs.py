"""The list of syncs, a sync's own page with its live progress, and what one can do to it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants.access import admin_required, member_required

from .. import looking, queries, services
from ..models import Sync, SyncState
from ..showing import Showing
from .common import attempt, header, sync_or_404
from .progress import progress_of

CHANGES_SHOWN = 8
FIELDS_SHOWN = 4
RUNS_SHOWN = 5
SYNCS_SHOWN = 200
POLLING_OVER = 286
"""The status by which htmx stops asking."""


@require_safe
@member_required
def syncs(request: HttpRequest) -> HttpResponse:
    overviews = queries.overviews(queries.live_syncs()[:SYNCS_SHOWN])
    return render(request, "syncengine/syncs.html", {"overviews": overviews})


@require_safe
@member_required
def sync_detail(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "syncengine/sync.html", _overview_context(sync_or_404(pk)))


@require_safe
@member_required
def sync_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The live part of the sync's page. Status 286 when no run is under way."""
    context = _overview_context(sync_or_404(pk)) | {"live": True}
    status = 200 if context["progress"] else POLLING_OVER
    return render(request, "syncengine/_live.html", context, status=status)


def _overview_context(sync: Sync) -> dict[str, Any]:
    context = header(sync, "overview")
    run = context["status"].run
    showing = Showing(most=FIELDS_SHOWN)
    changes = queries.operations_done(sync, size=CHANGES_SHOWN).rows
    return context | {
        "progress": progress_of(run) if run else None,
        "changes": [showing.operation(row, sync) for row in changes],
        "runs": queries.runs(sync, size=RUNS_SHOWN).rows,
        "polls": sync.state == SyncState.ON,
        "next_look": looking.next_look(sync),
    }


# --- What one can do ----------------------------------------------------------------------------------------


@require_POST
@admin_required
def sync_run(request: HttpRequest, pk: int) -> HttpResponse:
    attempt(request, services.run_now, sync_or_404(pk), _("Both sides are being looked at."))
    return redirect("sync_detail", pk=pk)


@require_POST
@admin_required
def sync_pause(request: HttpRequest, pk: int) -> HttpResponse:
    said = _("Paused. What changes meanwhile is caught up when you resume it.")
    attempt(request, services.pause, sync_or_404(pk), said)
    return redirect("sync_detail", pk=pk)


@require_POST
@admin_required
def sync_resume(request: HttpRequest, pk: int) -> HttpResponse:
    attempt(request, services.resume, sync_or_404(pk), _("The sync goes on."))
    return redirect("sync_detail", pk=pk)


@require_POST
@admin_required
def sync_start(request: HttpRequest, pk: int) -> HttpResponse:
    """*Save and sync*: also turns on what was off."""
    attempt(request, services.start, sync_or_404(pk), _("The sync is on. All records are being compared."))
    return redirect("sync_detail", pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def sync_turn_off(request: HttpRequest, pk: int) -> HttpResponse:
    sync = sync_or_404(pk)
    if request.method == "POST":
        attempt(request, services.turn_off, sync, _("The sync is off. Its links and settings are kept."))
        return redirect("sync_detail", pk=pk)
    return render(request, "syncengine/turn_off.html", header(sync))


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def sync_delete(request: HttpRequest, pk: int) -> HttpResponse:
    sync = sync_or_404(pk)
    if request.method == "POST":
        if attempt(request, services.delete_sync, sync, _("The sync is deleted. No record was touched.")):
            return redirect("syncs")
        return redirect("sync_detail", pk=pk)
    return render(request, "syncengine/delete.html", header(sync))


@require_POST
@admin_required
def sync_discard(request: HttpRequest, pk: int) -> HttpResponse:
    attempt(request, services.discard_draft, sync_or_404(pk), _("The changed settings are discarded."))
    return redirect("sync_detail", pk=pk)
