"""A preview: its counts, every operation of it, and what a person says to it. And what the brake holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from tenants.access import actor_of, admin_required, member_required

from .. import approvals, previews, queries, services, words
from ..core.mapping import Side
from ..models import RunState, Sync, SyncRun
from ..previews import Wanted
from ..services import SyncError
from ..showing import Showing, ends_of, label_of
from ..untouched import KINDS as KINDS_LEFT
from . import untouched
from .common import attempt, header, sync_or_404
from .progress import progress_of

FIELDS_SHOWN = 12
ROWS_SHOWN = 50
FILTERS = ("search", "kind", "side", "field", "rule", "decision")
POLLING_OVER = 286


@require_safe
@member_required
def sync_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """How far it is; once it is ready, everything that it would do."""
    sync = sync_or_404(pk)
    run = previews.current(sync)
    context = header(sync) | {"run": run, "has_draft": queries.draft_of(sync) is not None}
    if run is not None and run.state == RunState.DONE:
        context |= _found(request, sync, run)
    elif run is not None and run.state == RunState.RUNNING:
        context |= {"progress": progress_of(run)}
    return render(request, "syncengine/preview.html", context)


@require_safe
@member_required
def sync_preview_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The live part of a preview that is being made. When it is ready, the page is asked for anew."""
    sync = sync_or_404(pk)
    run = previews.current(sync)
    if run is None or run.state != RunState.RUNNING:
        return HttpResponse(status=POLLING_OVER, headers={"HX-Refresh": "true"})
    context = header(sync) | {"run": run, "progress": progress_of(run)}
    return render(request, "syncengine/_preview_progress.html", context)


def _found(request: HttpRequest, sync: Sync, run: SyncRun) -> dict[str, Any]:
    wanted = _wanted(request.GET.get)
    context = _around(sync, run, wanted)
    if wanted.kind in KINDS_LEFT:
        return context | {"untouched": True} | untouched.listed(sync, run, wanted, request.GET.dict())
    page = queries.after_key(previews.operations(run, wanted), request.GET.get("after", ""), ROWS_SHOWN)
    showing = Showing(most=FIELDS_SHOWN)
    asked = {name: value for name in FILTERS if (value := getattr(wanted, name))}
    return context | {
        "rows": [showing.planned(row, sync) for row in page.rows],
        "page": page,
        "also": urlencode(asked),
        "asked": asked,
    }


def _around(sync: Sync, run: SyncRun, wanted: Wanted) -> dict[str, Any]:
    """What stands around the list, whatever is in it."""
    counts = run.progress.get("counts", {})
    ends = ends_of(sync)
    return {
        "counts": counts,
        "tiles": _tiles(counts, {side: ends[side].name for side in Side}),
        "wanted": wanted,
        "ends_at": previews.ends_at(run),
        "declined": previews.operations(run, Wanted(decision="declined"))[:1].exists(),
        "fields": _fields(sync),
        "rules": [(rule, title) for rule, title in words.RULES.items() if rule in PLANNED_BY],
        "kinds": [(kind, words.PLANNED[kind]) for kind in previews.KINDS] + untouched.kinds(),
    }


PLANNED_BY = ("2.3", "3.2", "3.4", "3.6", "3.11", "4.4", "5.1", "8.2", "8.3")
"""Rules that an operation may follow from."""


def _wanted(get: Callable[[str, str], Any]) -> Wanted:
    said = {name: str(get(name, "")) for name in FILTERS}
    if said["side"] not in set(Side):
        said["side"] = ""
    if said["kind"] not in (*previews.KINDS, *KINDS_LEFT):
        said["kind"] = ""
    return Wanted(**said)


def _fields(sync: Sync) -> list[tuple[str, str]]:
    """Fields that the draft writes somewhere, by their labels."""
    resources = services.resources_of(sync)
    settings = services.current_settings(sync)
    names = {
        name: label_of(name, resources[side])
        for mapping in settings.mappings
        if mapping.enabled
        for side in Side
        for name in mapping.fields(side)
    }
    return sorted(names.items(), key=lambda pair: pair[1].casefold())


def _tiles(counts: dict[str, int], names: dict[Side, str]) -> list[tuple[str, int, str, str, str]]:
    """Label, number, icon, colour, and the filter that shows just these."""
    tiles = [(_("To link"), counts.get("link", 0), "link", "primary", "kind=link")]
    for side in Side:
        said = {"name": names[side]}
        made, changed = counts.get(f"create_{side}", 0), counts.get(f"update_{side}", 0)
        tiles += [
            (_("New in %(name)s") % said, made, "plus", "green", f"kind=create&side={side}"),
            (_("To change in %(name)s") % said, changed, "pencil", "blue", f"kind=update&side={side}"),
        ]
    gone = sum(counts.get(f"{kind}_{side}", 0) for kind in ("archive", "delete") for side in Side)
    if gone:
        tiles.append((_("To archive or delete"), gone, "trash-2", "red", "kind=delete"))
    tiles += [
        (_("Values cleared"), counts.get("clear", 0), "circle-x", "orange", "rule=3.6"),
        (_("Left out"), counts.get("leave_out", 0), "funnel", "secondary", "kind=leave_out"),
        (_("For a person"), counts.get("ask", 0), "circle-alert", "yellow", "kind=ask"),
    ]
    if counts.get("fail"):
        tiles.append((_("Not possible"), counts["fail"], "triangle-alert", "red", "kind=fail"))
    return tiles


# --- What one can do ----------------------------------------------------------------------------------------


@require_POST
@admin_required
def sync_preview_start(request: HttpRequest, pk: int) -> HttpResponse:
    if attempt(request, previews.start, sync_or_404(pk), _("Both sides are being looked at; nothing is written.")):
        return redirect("sync_preview", pk=pk)
    return redirect("sync_review", pk=pk)


@require_POST
@admin_required
def sync_preview_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """All of it, only what is ticked, none of it; or the preview is forgotten."""
    sync = sync_or_404(pk)
    run = previews.current(sync)
    what = request.POST.get("do", "")
    if run is None:
        messages.error(request, _("This preview has ended. Make a new one."))
        return redirect("sync_preview", pk=pk)
    ticked = _ticked(request)
    if what in ("only", "leave_out", "take_in") and not ticked:
        messages.error(request, _("Tick some operations first."))
        return _listed(request, pk)
    try:
        if what in ("leave_out", "take_in", "leave_out_found"):
            _mark(request, run, what, ticked)
            return _listed(request, pk)
        if what == "discard":
            previews.discard(run, actor=actor_of(request))
            messages.success(request, _("The preview is forgotten. The changed settings are not in effect."))
            return redirect("sync_review", pk=pk)
        if what not in ("all", "only", "none"):
            return _listed(request, pk)
        only = {"only": ticked, "none": set()}.get(what)
        previews.approve(run, actor=actor_of(request), only=only)
    except SyncError as error:
        messages.error(request, str(error))
        return _listed(request, pk)
    messages.success(
        request,
        _("The settings are in effect; nothing of what was shown is carried out.")
        if what == "none"
        else _("The settings are in effect; what was approved is being carried out."),
    )
    return redirect("sync_detail", pk=pk)


def _mark(request: HttpRequest, run: SyncRun, what: str, ticked: set[int]) -> None:
    if what == "leave_out_found":
        chosen = previews.operations(run, _wanted(request.POST.get))
    else:
        chosen = previews.operations(run).filter(pk__in=ticked)
    count = previews.mark(run, chosen, declined=what != "take_in", actor=actor_of(request))
    said = (
        ngettext("%(n)s operation is carried out after all.", "%(n)s operations are carried out after all.", count)
        if what == "take_in"
        else ngettext("%(n)s operation is left out.", "%(n)s operations are left out.", count)
    )
    messages.success(request, said % {"n": count})


def _ticked(request: HttpRequest) -> set[int]:
    return {int(raw) for raw in request.POST.getlist("operation") if queries.is_key(raw)}


def _listed(request: HttpRequest, pk: int) -> HttpResponse:
    """The list again, as it was asked for."""
    asked = {name: value for name in (*FILTERS, "after") if (value := request.POST.get(name, ""))}
    answer = redirect("sync_preview", pk=pk)
    if asked:
        answer["Location"] += f"?{urlencode(asked)}"
    return answer


@require_POST
@admin_required
def sync_held_release(request: HttpRequest, pk: int) -> HttpResponse:
    attempt(request, approvals.release, sync_or_404(pk), _("It is carried out."))
    return redirect("sync_detail", pk=pk)


@require_POST
@admin_required
def sync_reopen(request: HttpRequest, pk: int) -> HttpResponse:
    """Creations and deletions that were declined are planned again."""
    attempt(request, approvals.reopen, sync_or_404(pk), _("What was declined is planned again."))
    return redirect("sync_detail", pk=pk)


@require_POST
@admin_required
def record_reopen(request: HttpRequest, pk: int, link_pk: int) -> HttpResponse:
    reopen = partial(approvals.reopen, only=[link_pk])
    attempt(request, reopen, sync_or_404(pk), _("What was declined is planned again."))
    return redirect("record_detail", pk=pk, link_pk=link_pk)


@require_POST
@admin_required
def sync_held_decline(request: HttpRequest, pk: int) -> HttpResponse:
    attempt(request, approvals.decline, sync_or_404(pk), _("Nothing of it is carried out."))
    return redirect("sync_detail", pk=pk)
