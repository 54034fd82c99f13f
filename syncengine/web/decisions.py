"""What people decide about single records, and undo: buttons of the record's page, of lists and of runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from tenants.access import actor_of, admin_required

from .. import acts, decisions, holding, undoing
from ..acts import Act
from ..core.mapping import Side
from ..core.states import FailureClass, RecordState
from ..decisions import Answer
from ..models import RecordLink, RunKind, Sync, SyncRun
from ..services import SyncError
from .common import attempt, sync_or_404

DONE = {
    Act.LINK: gettext_lazy("They are linked, and compared next."),
    Act.KEEP_APART: gettext_lazy("They are kept apart."),
    Act.CREATE: gettext_lazy("It is being created on the other side."),
    Act.LEAVE_OUT: gettext_lazy("It stays out."),
    Act.REOPEN: gettext_lazy("It is matched again."),
    Act.LOOK_AGAIN: gettext_lazy("It is being looked for again."),
    Act.WAS_CREATED: gettext_lazy("They are linked, and compared next."),
    Act.CREATE_ONCE_MORE: gettext_lazy("It is being created once more."),
}


def _link_or_404(sync: Sync, link_pk: int) -> RecordLink:
    return get_object_or_404(RecordLink, pk=link_pk, pair_id=sync.pair_id)


def _back(sync: Sync, link: RecordLink) -> HttpResponseRedirect:
    """To the record; to the list where its row has become part of another, or closed."""
    if RecordLink.objects.filter(pk=link.pk, closed_at=None).exists():
        return redirect("record_detail", pk=sync.pk, link_pk=link.pk)
    return redirect(f"{reverse('sync_records', args=[sync.pk])}?state={RecordState.FAILING}")


@require_POST
@admin_required
def record_decide(request: HttpRequest, pk: int, link_pk: int) -> HttpResponse:
    sync = sync_or_404(pk)
    link, said = _link_or_404(sync, link_pk), request.POST.get("act", "")
    if said not in set(Act):
        messages.error(request, _("Say what is to be done."))
        return _back(sync, link)
    what = Act(said)

    def decide(sync: Sync, *, actor: str) -> None:
        acts.act(sync, link, what, actor=actor, remote_id=request.POST.get("remote_id", "").strip())

    attempt(request, decide, sync, str(DONE[what]))
    return _back(sync, link)


@require_POST
@admin_required
def sync_answer(request: HttpRequest, pk: int) -> HttpResponse:
    """One answer to all ambiguous records."""
    sync, said = sync_or_404(pk), request.POST.get("answer", "")
    if said not in set(Answer):
        messages.error(request, _("Say what is to be done."))
    else:
        try:
            n = decisions.answer_ambiguous(sync, Answer(said), actor=actor_of(request))
        except SyncError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, ngettext("%(n)s record is settled.", "%(n)s records are settled.", n) % {"n": n})
    return redirect(f"{reverse('sync_records', args=[pk])}?state={RecordState.FAILING}&cause={FailureClass.AMBIGUOUS}")


# --- Holding still ------------------------------------------------------------------------------------------


@require_POST
@admin_required
def record_pause(request: HttpRequest, pk: int, link_pk: int) -> HttpResponse:
    sync = sync_or_404(pk)
    link = _link_or_404(sync, link_pk)
    raw = request.POST.get("until", "")
    until = _time(raw)
    if raw and until is None:
        messages.error(request, _("Choose a time in the future."))
    else:
        pause = partial(holding.pause_records, links=[link], until=until)
        attempt(request, pause, sync, _("Nothing is written to it for now."))
    return redirect("record_detail", pk=pk, link_pk=link_pk)


@require_POST
@admin_required
def record_resume(request: HttpRequest, pk: int, link_pk: int) -> HttpResponse:
    sync = sync_or_404(pk)
    resume = partial(holding.resume_records, links=[_link_or_404(sync, link_pk)])
    attempt(request, resume, sync, _("It is compared again."))
    return redirect("record_detail", pk=pk, link_pk=link_pk)


@require_POST
@admin_required
def record_pin(request: HttpRequest, pk: int, link_pk: int) -> HttpResponse:
    """`field` is a side and a name ("b:job"); with `end`, the pin is taken out."""
    sync = sync_or_404(pk)
    link = _link_or_404(sync, link_pk)
    side, _colon, name = request.POST.get("field", "").partition(":")
    until = _time(request.POST.get("until", ""))
    if side not in set(Side):
        messages.error(request, _("Choose a field."))
    elif "end" in request.POST:
        unpin = partial(holding.unpin_field, link=link, side=Side(side), field=name)
        attempt(request, unpin, sync, _("The field is written again."))
    elif until is None:
        messages.error(request, _("Choose a time in the future."))
    else:
        pin = partial(holding.pin_field, link=link, side=Side(side), field=name, until=until)
        attempt(request, pin, sync, _("Nothing is written to the field until then."))
    return redirect("record_detail", pk=pk, link_pk=link_pk)


def _time(raw: str) -> datetime | None:
    """What a field of type datetime-local sends, in the workspace's zone."""
    try:
        found = parse_datetime(raw)
    except ValueError:
        return None
    if found is None:
        return None
    return found if timezone.is_aware(found) else timezone.make_aware(found)


# --- Undo ---------------------------------------------------------------------------------------------------


@require_POST
@admin_required
def run_undo(request: HttpRequest, pk: int, run_pk: int) -> HttpResponse:
    sync = sync_or_404(pk)
    run = get_object_or_404(sync.runs.exclude(kind=RunKind.PREVIEW), pk=run_pk)
    return _preview(request, sync, undoing.Target(run=run), redirect("run_detail", pk=pk, run_pk=run_pk))


@require_POST
@admin_required
def record_undo(request: HttpRequest, pk: int, link_pk: int) -> HttpResponse:
    """The whole record, or one mapping of it."""
    sync = sync_or_404(pk)
    target = undoing.Target(link=_link_or_404(sync, link_pk), mapping=request.POST.get("mapping", ""))
    return _preview(request, sync, target, redirect("record_detail", pk=pk, link_pk=link_pk))


def _preview(
    request: HttpRequest, sync: Sync, target: undoing.Target, back: HttpResponseRedirect
) -> HttpResponseRedirect:
    try:
        run = undoing.preview(sync, target, actor=actor_of(request))
    except SyncError as error:
        messages.error(request, str(error))
        return back
    return redirect("run_detail", pk=sync.pk, run_pk=run.pk)


@require_POST
@admin_required
def undo_approve(request: HttpRequest, pk: int, run_pk: int) -> HttpResponse:
    run = _undo_or_404(pk, run_pk)
    delete = "delete" in request.POST
    _do(request, partial(undoing.approve, run, delete=delete), _("It is being undone."))
    return redirect("run_detail", pk=pk, run_pk=run_pk)


@require_POST
@admin_required
def undo_discard(request: HttpRequest, pk: int, run_pk: int) -> HttpResponse:
    run = _undo_or_404(pk, run_pk)
    if _do(request, partial(undoing.discard, run), _("Nothing was undone.")):
        return redirect("sync_runs", pk=pk)
    return redirect("run_detail", pk=pk, run_pk=run_pk)


def _undo_or_404(pk: int, run_pk: int) -> SyncRun:
    runs = sync_or_404(pk).runs.filter(kind=RunKind.UNDO).select_related("sync")
    return get_object_or_404(runs, pk=run_pk)


def _do(request: HttpRequest, action: Callable[..., object], success: str) -> bool:
    try:
        action(actor=actor_of(request))
    except SyncError as error:
        messages.error(request, str(error))
        return False
    messages.success(request, success)
    return True
