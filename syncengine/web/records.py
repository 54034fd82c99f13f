"""The records of a sync: lists by state, one record side by side, another try."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from tenants.access import admin_required, member_required

from .. import acts, approvals, queries, services, words
from ..core.mapping import Side
from ..core.states import FailureClass, RecordState
from ..models import OperationState, RecordLink, Sync
from ..showing import Showing, ends_of
from .common import header, sync_or_404
from .comparison import Candidate, candidates_of, compare
from .deletions import LOST, obstacles

LISTED = (
    RecordState.IN_SYNC,
    RecordState.WAITING,
    RecordState.FAILING,
    RecordState.EXCLUDED,
    RecordState.PAUSED,
)
OPERATIONS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ShownLink:
    """A record in a list."""

    link: RecordLink
    why: words.Words
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Failing records of one cause."""

    cause: str
    words: words.Words
    count: int
    rows: list[ShownLink]
    resync: bool
    """These were deleted on one side."""
    obstacle: str
    """Why they cannot be resynced; blank if they can."""


@require_safe
@member_required
def sync_records(request: HttpRequest, pk: int) -> HttpResponse:
    """Records of one state; failing ones by their cause. The list alone where htmx asks."""
    sync = sync_or_404(pk)
    state = _listed_state(request.GET.get("state", ""))
    cause, search, after = (request.GET.get(name, "") for name in ("cause", "q", "after"))
    context = header(sync, "records") | {
        "state": state.value,
        "states": [(one.value, words.STATES[one].title) for one in LISTED],
        "state_words": words.STATES[state],
        "cause": cause,
        "query": search[: queries.LONGEST_SEARCH],
    }
    status = context["status"]
    context["cause_words"] = words.cause_words(state, cause, context["a"].name, context["b"].name) if cause else None
    if state is RecordState.FAILING and not (cause or search or after):
        context["groups"] = _groups(sync, status.causes)
    else:
        page = queries.records(sync, state=state, cause=cause, search=search, after=after)
        context |= {"page": page, "rows": _shown(sync, page.rows), "paging": _paging(state, cause, search)}
        hindered = obstacles(sync, [cause] if state is RecordState.FAILING else [])
        context["declined"] = state is RecordState.EXCLUDED and approvals.declined_links(sync).exists()
        context |= {"resync": bool(hindered), "obstacle": hindered.get(cause, "")}
    partial = request.htmx and not request.htmx.boosted
    return render(request, "syncengine/_records.html" if partial else "syncengine/records.html", context)


def _listed_state(name: str) -> RecordState:
    return RecordState(name) if name in {s.value for s in LISTED} else RecordState.IN_SYNC


def _paging(state: str, cause: str, search: str) -> str:
    """What the address of the next page begins with."""
    wanted = {"state": state, "cause": cause, "q": search}
    return urlencode({name: value for name, value in wanted.items() if value})


def _groups(sync: Sync, causes: Mapping[str, int]) -> list[Group]:
    """The most frequent cause first. A cause without records any more is left out."""
    ends = ends_of(sync)
    ordered = sorted((c for c, n in causes.items() if n > 0), key=lambda cause: -causes[cause])
    found, hindered = queries.samples(sync, ordered), obstacles(sync, ordered)
    shown = {one.link.pk: one for one in _shown(sync, [link for rows in found.values() for link in rows])}
    return [
        Group(
            cause=cause,
            words=words.failure_words(cause, ends[Side.A].name, ends[Side.B].name),
            count=causes[cause],
            rows=[shown[link.pk] for link in found[cause]],
            resync=cause in hindered,
            obstacle=hindered.get(cause, ""),
        )
        for cause in ordered
        if cause in found
    ]


def _shown(sync: Sync, links: Iterable[RecordLink]) -> list[ShownLink]:
    links = list(links)
    ends = ends_of(sync)
    names = (ends[Side.A].name, ends[Side.B].name)
    candidates = candidates_of(sync, [link for link in links if link.cause == FailureClass.AMBIGUOUS])
    return [
        ShownLink(link, words.cause_words(link.state, link.cause, *names), tuple(candidates.get(link.pk, ())))
        for link in links
    ]


# --- One record ---------------------------------------------------------------------------------------------


@require_safe
@member_required
def record_detail(request: HttpRequest, pk: int, link_pk: int) -> HttpResponse:
    """Both sides field by field, with why each value is what it is, and what was done to them."""
    sync = sync_or_404(pk)
    link = get_object_or_404(RecordLink, pk=link_pk, pair_id=sync.pair_id)
    context: dict[str, Any] = header(sync, "records")
    showing = Showing()
    history = queries.before_key(
        link.operations.filter(run__sync=sync).select_related("link", "run"),
        request.GET.get("before", ""),
        OPERATIONS_SHOWN,
    )
    operations = [showing.operation(row, sync) for row in history.rows]
    hindered = obstacles(sync, [link.cause] if link.state == RecordState.FAILING else [])
    context |= {
        "link": link,
        "why": words.cause_words(link.state, link.cause, context["a"].name, context["b"].name),
        "comparison": compare(sync, link, showing.resources(sync)),
        "candidates": candidates_of(sync, [link]).get(link.pk, ()),
        "operations": operations,
        "page": history,
        "may_retry": link.state == RecordState.FAILING,
        "resync": bool(hindered),
        "obstacle": hindered.get(link.cause, ""),
        "acts": {one.name.lower(): True for one in acts.offered(link)},
        "hindered": acts.why_not_create(sync, link) if not link.is_whole else "",
        "may_undo": any(one.row.state == OperationState.DONE for one in operations),
        "may_pass_on": link.cause in LOST and LOST[link.cause].other in queries.shown_settings(sync).deletions,
    }
    return render(request, "syncengine/record.html", context)


# --- Another try --------------------------------------------------------------------------------------------


@require_POST
@admin_required
def record_retry(request: HttpRequest, pk: int, link_pk: int) -> HttpResponse:
    sync = sync_or_404(pk)
    link = get_object_or_404(RecordLink, pk=link_pk, pair_id=sync.pair_id)
    services.retry([link])
    messages.success(request, _("“%(name)s” will be tried again.") % {"name": str(link)})
    return redirect("record_detail", pk=pk, link_pk=link_pk)


@require_POST
@admin_required
def sync_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """All failing records, or those of one cause."""
    sync = sync_or_404(pk)
    count = services.retry_all(sync, cause=request.POST.get("cause", ""))
    said = ngettext("%(n)s record will be tried again.", "%(n)s records will be tried again.", count)
    messages.success(request, said % {"n": count})
    return redirect(f"{reverse('sync_records', args=[pk])}?state={RecordState.FAILING}")
