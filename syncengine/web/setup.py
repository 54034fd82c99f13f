"""Setting up a sync: accounts, objects, configuration, review. The draft sync is what is kept between the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from connectors.contract import Field, FieldType, Resource
from connectors.models import AccountObject, AccountState, ConnectedAccount
from tenants.access import actor_of, admin_required, member_required

from .. import editing, previews, queries, services, words
from ..core.mapping import ClearPolicy, Direction, History, MatchBy, Side, SyncSettings, Transform, WriteMode
from ..core.match import PERSONS
from ..models import Sync, SyncState
from ..services import SyncError
from ..showing import ends_of
from .associations import is_by_hand, with_notes
from .common import header, sync_or_404
from .configuration import settings_from
from .deletions import offered_deletions
from .mappings import constants_of, offers, rows_of
from .review import changes_between, creations, filter_sentences, sentences

# --- 1 and 2: accounts and objects --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OfferedObject:
    """An object of one account, in the list of one side."""

    object: AccountObject
    possible: bool
    """The other account offers something of its kind."""
    chosen: bool


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def sync_new(request: HttpRequest) -> HttpResponse:
    """Choose the two accounts, then an object of each; that makes a draft."""
    accounts = [a for a in queries.accounts_for_syncs() if a.state != AccountState.DISCONNECTED]
    chosen = _chosen_accounts(request, accounts)
    if chosen is None:
        # The home account first; the other one preferably one that works.
        proposed = sorted(accounts, key=lambda a: (not a.is_home, not a.is_usable))[:2]
        first, second = (*(a.pk for a in proposed), None, None)[:2]
        context = {
            "accounts": accounts,
            "first": _pk(request.GET.get("a")) or first,
            "second": _pk(request.GET.get("b")) or second,
        }
        return render(request, "syncengine/new_accounts.html", context, status=422 if "a" in request.GET else 200)
    if request.method == "POST":
        return _make_draft(request, chosen)
    return _objects_page(request, chosen, skipped=len(accounts) == 2)


def _pk(raw: str | None) -> int | None:
    return int(raw) if raw and queries.is_key(raw) else None


def _chosen_accounts(
    request: HttpRequest, accounts: Sequence[ConnectedAccount]
) -> tuple[ConnectedAccount, ConnectedAccount] | None:
    """The two that were chosen, or the only two that there are, the home account first."""
    sent = request.POST if request.method == "POST" else request.GET
    known = {account.pk: account for account in accounts}
    a, b = (known.get(_pk(sent.get(name)) or 0) for name in ("a", "b"))
    if a is not None and b is not None and a != b:
        return a, b
    if len(accounts) == 2 and "a" not in sent:
        return accounts[0], accounts[1]
    return None


def _objects_page(
    request: HttpRequest,
    chosen: tuple[ConnectedAccount, ConnectedAccount],
    *,
    skipped: bool = False,
    errors: Mapping[str, str] | None = None,
    known: Sync | None = None,
    picked: tuple[int | None, int | None] = (None, None),
) -> HttpResponse:
    offered = {account.pk: services.objects_to_sync(account) for account in chosen}
    proposed = picked if any(picked) else _first_pair(offered[chosen[0].pk], offered[chosen[1].pk])
    sides = []
    for account, other, pk in zip(chosen, reversed(chosen), proposed, strict=True):
        there = {kind for o in offered[other.pk] for kind in _fitting(o)}
        objects = [OfferedObject(o, bool(o.kind in there), o.pk == pk) for o in offered[account.pk]]
        nameless = account.objects_offered.filter(missing=False).exclude(pk__in=[o.pk for o in offered[account.pk]])
        sides.append({"account": account, "other": other, "objects": objects, "nameless": list(nameless), "picked": pk})
    custom = all(side["nameless"] for side in sides)
    context = {
        "sides": sides,
        "a": chosen[0],
        "b": chosen[1],
        "skipped": skipped,
        "errors": errors or {},
        "known": known,
        "possible": custom or any(o.possible for side in sides for o in side["objects"]),
        "custom": custom,
        "alike": "alike" in request.POST,
    }
    return render(request, "syncengine/new_objects.html", context, status=422 if errors else 200)


def _fitting(obj: AccountObject) -> frozenset[Any]:
    """Kinds that this object can be synced with."""
    return PERSONS if obj.kind in PERSONS else frozenset({obj.kind})


def _first_pair(a: Sequence[AccountObject], b: Sequence[AccountObject]) -> tuple[int | None, int | None]:
    """The most usual two that fit and are not synced yet; else none."""
    taken = set(queries.live_syncs().values_list("pair__stream_a__object", "pair__stream_b__object"))
    for x in a:
        for y in b:
            if y.kind in _fitting(x) and (x.pk, y.pk) not in taken and (y.pk, x.pk) not in taken:
                return x.pk, y.pk
    return None, None


def _make_draft(request: HttpRequest, chosen: tuple[ConnectedAccount, ConnectedAccount]) -> HttpResponse:
    picked = (_pk(request.POST.get("object_a")), _pk(request.POST.get("object_b")))
    objects = AccountObject.objects.select_related("account").in_bulk([pk for pk in picked if pk])
    a, b = (objects.get(pk or 0) for pk in picked)
    if a is None or b is None or a.account_id != chosen[0].pk or b.account_id != chosen[1].pk:
        return _objects_page(request, chosen, errors={"": _("Choose an object of each account.")}, picked=picked)
    try:
        sync = services.create_sync(object_a=a, object_b=b, actor=actor_of(request), alike="alike" in request.POST)
    except SyncError as error:
        known = _sync_of(a, b)
        if known is not None and known.state == SyncState.DRAFT:
            return redirect("sync_settings", pk=known.pk)
        return _objects_page(request, chosen, errors=error.errors, known=known, picked=picked)
    return redirect("sync_settings", pk=sync.pk)


def _sync_of(a: AccountObject, b: AccountObject) -> Sync | None:
    syncs = queries.live_syncs()
    there = syncs.filter(pair__stream_a__object=a, pair__stream_b__object=b).first()
    return there or syncs.filter(pair__stream_a__object=b, pair__stream_b__object=a).first()


# --- 3: configuration ---------------------------------------------------------------------------------------


ONWARD = {"add": "sync_mapping_new", "filters": "sync_filters"}
"""Button of the settings page → where it leads once they are saved."""


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def sync_settings(request: HttpRequest, pk: int) -> HttpResponse:
    """Direction, winner, matching, mappings. Saved as the draft; what is in effect goes on."""
    sync = sync_or_404(pk)
    settings = services.current_settings(sync)
    if request.method != "POST":
        return _settings_page(request, sync, settings)
    if not request.membership.is_admin:
        raise PermissionDenied
    settings = settings_from(request.POST, settings, may_customise=editing.may_customise())
    if request.htmx and not request.htmx.boosted:
        return _settings_page(request, sync, settings, template="syncengine/_mappings.html")
    try:
        services.save_settings(sync, settings, actor=actor_of(request))
    except SyncError as error:
        return _settings_page(request, sync, settings, errors=error.errors)
    if "later" in request.POST:
        messages.success(request, _("The draft is saved."))
        return redirect("sync_detail", pk=pk)
    onward = next((page for name, page in ONWARD.items() if name in request.POST), "sync_review")
    return redirect(onward, pk=pk)


def _settings_page(
    request: HttpRequest,
    sync: Sync,
    settings: SyncSettings,
    *,
    errors: Mapping[str, str] | None = None,
    template: str = "syncengine/settings.html",
) -> HttpResponse:
    resources = services.resources_of(sync)
    ends = ends_of(sync)
    names = {side: ends[side].name for side in Side}
    may_customise = editing.may_customise()
    errors = errors or {}
    rows = rows_of(settings, resources, names, may_customise=may_customise, errors=errors)
    rows = with_notes(rows, sync, settings, resources)
    constants = constants_of(settings, resources, errors=errors)
    at_rows = {row.mapping.id for row in (*rows, *constants)}
    context = header(sync) | {
        "settings": settings,
        "resource_a": resources[Side.A],
        "resource_b": resources[Side.B],
        "rows": rows,
        "constants": constants,
        "errors": {name: sentence for name, sentence in errors.items() if name not in at_rows},
        "may_customise": may_customise,
        "may_change": request.membership.is_admin,
        "directions": [(d.value, words.ARROWS[d], words.direction_text(d, *names.values())) for d in Direction],
        "matches": _matches(settings),
        "preset": words.preset_of(settings.kind),
        "is_person": settings.kind in PERSONS,
        "by_hand": is_by_hand(settings, resources),
        "clears": [(c.value, words.CLEARS[c]) for c in ClearPolicy],
        "modes": [(m.value, words.MODES[m]) for m in WriteMode],
        "is_draft": sync.state == SyncState.DRAFT,
        "histories": [(h.value, words.HISTORIES[h]) for h in History],
        "filters": filter_sentences(settings, names, resources),
        "deletions": [offered_deletions(settings, side, names, resources[side]) for side in (Side.B, Side.A)],
    }
    return render(request, template, context, status=422 if errors else 200)


def _matches(settings: SyncSettings) -> list[tuple[str, str]]:
    """(choice, words); the second preset is for companies only."""
    company = settings.kind == "company"
    return [(m.value, str(words.MATCHES[m])) for m in MatchBy if company or m is not MatchBy.DOMAIN_FIRST]


# --- Custom mappings ----------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def sync_mapping_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose a field of side A, then what fits it on side B."""
    sync = sync_or_404(pk)
    settings = services.current_settings(sync)
    resources = services.resources_of(sync)
    sent = request.POST if request.method == "POST" else request.GET
    field = resources[Side.A].field(sent.get("a", ""))
    errors: Mapping[str, str] = {}
    if request.method == "POST" and field is not None:
        transform, _colon, name = request.POST.get("b", "").partition(":")
        try:
            _add_mapping(sync, settings, field.name, name, transform, actor=actor_of(request))
        except SyncError as error:
            errors = error.errors
        else:
            messages.success(request, _("The mapping is added to the draft."))
            return redirect("sync_settings", pk=pk)
    found = offers(field, resources[Side.B], settings) if field is not None else []
    context = header(sync) | {
        "resource_a": resources[Side.A],
        "writable": [(side, ends_of(sync)[side], _takes_constants(resources[side])) for side in Side],
        "field": field,
        "possible": [offer for offer in found if offer.direction],
        "impossible": [offer for offer in found if not offer.direction],
        "errors": errors,
        "may_customise": editing.may_customise(),
    }
    partial = request.htmx and not request.htmx.boosted and request.method != "POST"
    template = "syncengine/_mapping_offers.html" if partial else "syncengine/mapping_new.html"
    return render(request, template, context, status=422 if errors else 200)


def _takes_constants(resource: Resource) -> list[Field]:
    """Fields that a fixed value may be written to when a record is created."""
    odd = (FieldType.ADDRESS, FieldType.REFERENCE, FieldType.OWNER)
    return [f for f in resource.fields if not f.read_only and not f.multi_valued and f.type not in odd]


def _add_mapping(sync: Sync, settings: SyncSettings, a: str, b: str, transform: str, *, actor: str) -> None:
    if not b or transform not in set(Transform):
        raise SyncError({"b": _("Choose a field of the other side.")})
    settings = editing.add_mapping(settings, a=(a,), b=(b,), transform=Transform(transform))
    services.save_settings(sync, settings, actor=actor)


@require_POST
@admin_required
def sync_mapping_remove(request: HttpRequest, pk: int, mapping: str) -> HttpResponse:
    sync = sync_or_404(pk)
    try:
        settings = editing.remove_mapping(services.current_settings(sync), mapping)
        services.save_settings(sync, settings, actor=actor_of(request))
    except SyncError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The mapping is taken out of the draft."))
    return redirect("sync_settings", pk=pk)


# --- 4: review ----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD"])
@member_required
def sync_review(request: HttpRequest, pk: int) -> HttpResponse:
    """What was chosen, in sentences. *Save and sync* is `sync_start`."""
    sync = sync_or_404(pk)
    settings = services.current_settings(sync)
    resources = services.resources_of(sync)
    ends = ends_of(sync)
    names = {side: ends[side].name for side in Side}
    rows = rows_of(settings, resources, names, may_customise=editing.may_customise(), errors={})
    context = header(sync) | {
        "settings": settings,
        "sentences": sentences(settings, ends, resources),
        "creations": creations(sync, settings, ends),
        "rows": [row for row in rows if row.mapping.enabled and row.usable],
        "left_out": [row for row in rows if not (row.mapping.enabled and row.usable)],
        "changes": changes_between(sync.active.load(), settings, names, resources) if sync.active else (),
        "is_draft": sync.state == SyncState.DRAFT,
        "has_changes": queries.draft_of(sync) is not None,
        "preview": previews.current(sync),
        "preview_required": previews.is_required(),
    }
    return render(request, "syncengine/review.html", context)
