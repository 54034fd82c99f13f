"""The editor of a sync's filters (rule 6.2). It works by sending the form; htmx only spares loading the page."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from connectors.contract import Field, FieldType, Option, Resource
from tenants.access import actor_of, member_required

from .. import services, words
from ..core.convert import options_of
from ..core.filter_faults import fault_of
from ..core.filters import (
    ALONE,
    OPERATORS,
    FieldCondition,
    Filter,
    FilterMode,
    Filters,
    Group,
    Joined,
    Leaving,
    Operator,
)
from ..core.mapping import Side, SyncSettings
from ..models import Sync
from ..services import SyncError
from ..showing import ends_of
from .common import header, sync_or_404
from .configuration import chosen

MOST_GROUPS, MOST_CONDITIONS = 20, 50
EMPTY = FieldCondition("", Operator.IS)
T = FieldType


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def sync_filters(request: HttpRequest, pk: int) -> HttpResponse:
    """Which records of each side send. Saved as the draft; what is in effect goes on."""
    sync = sync_or_404(pk)
    settings = services.current_settings(sync)
    if request.method != "POST":
        return _page(request, sync, settings, settings.filters)
    if not request.membership.is_admin:
        raise PermissionDenied
    sent = filters_from(request.POST, settings.filters)
    if "do" in request.POST:
        return _page(request, sync, settings, edited(sent, request.POST["do"]))
    filters = without_empty(sent)
    try:
        services.save_settings(sync, replace(settings, filters=filters), actor=actor_of(request))
    except SyncError as error:
        return _page(request, sync, settings, sent, errors=error.errors)
    messages.success(request, _("The filters are in the draft."))
    return redirect("sync_settings", pk=pk)


def _page(
    request: HttpRequest,
    sync: Sync,
    settings: SyncSettings,
    filters: Filters,
    *,
    errors: dict[str, str] | None = None,
) -> HttpResponse:
    resources, ends = services.resources_of(sync), ends_of(sync)
    context = header(sync) | {
        "sides": [
            EditedFilter(
                side,
                ends[side].name,
                ends[side.other].name,
                getattr(filters, side.value),
                resources[side],
                sends=settings.direction.allows(side.other),
            )
            for side in Side
        ],
        "filters": filters,
        "joined": [(j.value, words.JOINED[j]) for j in Joined],
        "modes": [(m.value, words.FILTER_MODES[m]) for m in FilterMode],
        "leavings": [(m.value, words.LEAVINGS[m]) for m in Leaving],
        "errors": errors or {},
        "may_change": request.membership.is_admin,
    }
    partial = request.htmx and not request.htmx.boosted
    template = "syncengine/_filters.html" if partial else "syncengine/filters.html"
    return render(request, template, context, status=422 if errors else 200)


# --- What the form sends ------------------------------------------------------------------------------------


def filters_from(post: QueryDict, current: Filters) -> Filters:
    """As sent, with rows that are not filled in yet."""
    return Filters(
        _filter_from(post, "a"),
        _filter_from(post, "b"),
        chosen(FilterMode, post.get("mode"), current.mode),
        chosen(Leaving, post.get("leaving"), current.leaving),
    )


def _filter_from(post: QueryDict, side: str) -> Filter:
    groups = []
    for g in range(MOST_GROUPS):
        if f"{side}.{g}.joined" not in post:
            break
        rows = (f"{side}.{g}.{c}" for c in range(MOST_CONDITIONS))
        conditions = tuple(_condition_from(post, row) for row in rows if f"{row}.field" in post)
        groups.append(Group(chosen(Joined, post.get(f"{side}.{g}.joined"), Joined.ALL), conditions))
    return Filter(chosen(Joined, post.get(f"{side}.joined"), Joined.ALL), tuple(groups))


def _condition_from(post: QueryDict, row: str) -> FieldCondition:
    operator = chosen(Operator, post.get(f"{row}.operator"), Operator.IS)
    sent = [line.strip() for value in post.getlist(f"{row}.value") for line in value.splitlines() if line.strip()]
    if operator is Operator.ONE_OF:
        return FieldCondition(post[f"{row}.field"], operator, tuple(sent))
    return FieldCondition(post[f"{row}.field"], operator, "" if operator in ALONE or not sent else sent[0])


def edited(filters: Filters, do: str) -> Filters:
    """After a click: `group:a`, `add:a.0`, `remove:a.0.1`; anything else shows the form as it was sent."""
    action, _colon, place = do.partition(":")
    side, *numbers = place.split(".")
    if side not in ("a", "b") or not all(n.isdecimal() for n in numbers):
        return filters
    filter_: Filter = getattr(filters, side)
    groups = list(filter_.groups)
    if action == "group" and len(groups) < MOST_GROUPS:
        groups.append(Group(Joined.ALL, (EMPTY,)))
    elif numbers and int(numbers[0]) < len(groups):
        at = int(numbers[0])
        kept = groups[at].conditions
        if action == "add" and len(kept) < MOST_CONDITIONS:
            groups[at] = replace(groups[at], conditions=(*kept, EMPTY))
        elif action == "remove" and len(numbers) == 2:
            groups[at] = replace(groups[at], conditions=tuple(c for n, c in enumerate(kept) if n != int(numbers[1])))
    groups = [group for group in groups if group.conditions]
    return replace(filters, **{side: replace(filter_, groups=tuple(groups))})


def without_empty(filters: Filters) -> Filters:
    """Rows for which no field was chosen count for nothing."""

    def kept(filter_: Filter) -> Filter:
        groups = (replace(g, conditions=tuple(c for c in g.conditions if c.field)) for g in filter_.groups)
        return replace(filter_, groups=tuple(group for group in groups if group.conditions))

    return replace(filters, a=kept(filters.a), b=kept(filters.b))


# --- What the page shows ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EditedCondition:
    """One row: a field, what is asked of it, and what it is compared with."""

    name: str
    condition: FieldCondition
    field: Field | None
    fault: str

    @property
    def operators(self) -> list[tuple[str, str]]:
        known = OPERATORS[self.field.type] if self.field is not None else ()
        return [(operator.value, str(words.OPERATORS[operator])) for operator in known]

    @property
    def operator(self) -> Operator:
        """The one that is chosen; for a field of another type than before, the first that fits."""
        known = OPERATORS[self.field.type] if self.field is not None else ()
        return self.condition.operator if self.condition.operator in known or not known else known[0]

    @property
    def input(self) -> str:
        """How the value is asked for."""
        if self.field is None or self.operator in ALONE:
            return "none"
        if self.operator is Operator.IN_LAST_DAYS:
            return "days"
        if self.field.type in (T.CHOICE, T.MULTI_CHOICE) and self.field.options:
            return "options" if self.operator is Operator.ONE_OF else "option"
        if self.operator is Operator.ONE_OF:
            return "lines"
        return {T.DATE: "date", T.DATETIME: "date", T.INTEGER: "number", T.NUMBER: "number", T.MONEY: "number"}.get(
            self.field.type, "text"
        )

    @property
    def options(self) -> tuple[Option, ...]:
        return options_of(self.field) if self.field is not None else ()

    @property
    def lines(self) -> str:
        return "\n".join(self.condition.values)


@dataclass(frozen=True, slots=True)
class EditedGroup:
    name: str
    group: Group
    rows: list[EditedCondition]


@dataclass(frozen=True, slots=True)
class EditedFilter:
    """The filter of one side, as the page shows it."""

    side: Side
    name: str
    other: str
    filter: Filter
    resource: Resource
    sends: bool
    """The direction lets this side send at all."""

    @property
    def fields(self) -> list[Field]:
        return sorted(self.resource.fields, key=lambda field: field.label.casefold())

    @property
    def join(self) -> str:
        return str(words.JOINS[self.filter.joined])

    @property
    def groups(self) -> list[EditedGroup]:
        return [
            EditedGroup(
                f"{self.side.value}.{g}",
                group,
                [self._row(f"{self.side.value}.{g}.{c}", condition) for c, condition in enumerate(group.conditions)],
            )
            for g, group in enumerate(self.filter.groups)
        ]

    def _row(self, name: str, condition: FieldCondition) -> EditedCondition:
        fault = fault_of(condition, self.resource) if condition.field else ""
        return EditedCondition(name, condition, self.resource.field(condition.field), fault)
