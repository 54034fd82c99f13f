"""Runs and what they did: of one sync, and of all."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from tenants.access import member_required

from .. import queries, words
from ..models import OperationState, RunKind, SyncRun
from ..showing import Showing
from .common import header, sync_or_404
from .progress import progress_of

FIELDS_SHOWN = 6
SYNCS_OFFERED = 200


@require_safe
@member_required
def sync_changes(request: HttpRequest, pk: int) -> HttpResponse:
    """All that was carried out, the newest first."""
    sync = sync_or_404(pk)
    page = queries.operations_done(sync, before=request.GET.get("before", ""))
    showing = Showing(most=FIELDS_SHOWN)
    context = header(sync, "changes") | {"changes": [showing.operation(row, sync) for row in page.rows], "page": page}
    return render(request, "syncengine/changes.html", context)


@require_safe
@member_required
def sync_runs(request: HttpRequest, pk: int) -> HttpResponse:
    sync = sync_or_404(pk)
    page = queries.runs(sync, before=request.GET.get("before", ""))
    return render(request, "syncengine/runs.html", header(sync, "runs") | {"runs": page.rows, "page": page})


@require_safe
@member_required
def run_detail(request: HttpRequest, pk: int, run_pk: int) -> HttpResponse:
    """One run with its operations, also those that were refused or are still to come."""
    sync = sync_or_404(pk)
    run = get_object_or_404(sync.runs.exclude(kind=RunKind.PREVIEW).select_related("version"), pk=run_pk)
    state = request.GET.get("state", "")
    state = state if state in OperationState.values else ""
    page = queries.operations_of(run, state=state, before=request.GET.get("before", ""))
    showing = Showing(most=FIELDS_SHOWN)
    context = header(sync, "runs") | {
        "run": run,
        "progress": progress_of(run) if run.finished_at is None else None,
        "may_undo": run.kind != RunKind.UNDO and run.operations.filter(state=OperationState.DONE).exists(),
        "undecided": run.kind == RunKind.UNDO and run.decided_at is None,
        "left": [words.left_text(code) for code in _left_codes(run)],
        "state": state,
        "states": OperationState.choices,
        "operations": [showing.operation(row, sync) for row in page.rows],
        "page": page,
    }
    return render(request, "syncengine/run.html", context)


def _left_codes(run: SyncRun) -> list[str]:
    """Why an undo leaves something as it is."""
    if run.kind != RunKind.UNDO:
        return []
    refused = run.operations.filter(state=OperationState.REFUSED).order_by()
    return sorted(code for code in refused.values_list("error", flat=True).distinct() if words.left_text(code))


@require_safe
@member_required
def activity(request: HttpRequest) -> HttpResponse:
    """What happened last over all syncs, or in one of them."""
    syncs = {sync.pk: sync for sync in queries.live_syncs()[:SYNCS_OFFERED]}
    wanted = request.GET.get("sync", "")
    sync = syncs.get(int(wanted)) if queries.is_key(wanted) else None
    page = queries.operations_done(sync, before=request.GET.get("before", ""))
    showing = Showing(most=FIELDS_SHOWN)
    runs = SyncRun.objects.exclude(kind=RunKind.PREVIEW)
    runs = runs.filter(sync=sync) if sync else runs.filter(sync__in=syncs)
    context = {
        "syncs": syncs.values(),
        "sync": sync,
        "changes": [showing.operation(row, syncs[row.run.sync_id]) for row in page.rows if row.run.sync_id in syncs],
        "page": page,
        "runs": runs.select_related(*(f"sync__{path}" for path in queries.WITH_ENDS)).order_by("-pk")[:10],
    }
    return render(request, "syncengine/activity.html", context)
