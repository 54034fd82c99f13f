"""What the pages of a sync have in common: finding it, its header, and actions that a service may refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from tenants.access import actor_of

from .. import approvals, queries, words
from ..core.mapping import Side
from ..models import Sync
from ..models.sync import Attention
from ..services import SyncError
from ..showing import End, ends_of


def sync_or_404(pk: int) -> Sync:
    return get_object_or_404(queries.live_syncs(), pk=pk)


def header(sync: Sync, tab: str = "") -> dict[str, Any]:
    """What templates/syncengine/base_sync.html needs."""
    overview = queries.overview(sync)
    ends = ends_of(sync)
    held = approvals.held_of(sync) if sync.attention == Attention.BRAKE else None
    return {
        "sync": sync,
        "overview": overview,
        "status": overview.status,
        "a": ends[Side.A],
        "b": ends[Side.B],
        "standing": words.STANDINGS[overview.status.standing],
        "missing": [(ends[side], n) for side in Side if (n := sync.pair.stream(side).missing)],
        "held": held,
        "held_figures": _figures(held, ends),
        "attention": words.ATTENTIONS.get(sync.attention),
        "tab": tab,
    }


def attempt(request: HttpRequest, action: Callable[..., Any], sync: Sync, success: str) -> bool:
    """Do it and say so; where it cannot be done, say why."""
    try:
        action(sync, actor=actor_of(request))
    except SyncError as error:
        messages.error(request, str(error))
        return False
    messages.success(request, success)
    return True


def _figures(held: approvals.HeldByBrake | None, ends: Mapping[Side, End]) -> list[tuple[str, int]]:
    """What the brake holds, in words: ("Create in Sales", 600)."""
    found = []
    for name, count in held.operations.items() if held else ():
        kind, _dot, side = name.partition("_")
        what = _("%(kind)s in %(name)s") % {"kind": words.PLANNED.get(kind, kind), "name": ends[Side(side)].name}
        found.append((what, count))
    return found
