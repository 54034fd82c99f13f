"""What forbids settings: everything that pages and API refuse before it is kept."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from connectors import accounts
from connectors.contract import Kind, Resource, WriteKind
from tenants.context import current_workspace
from tenants.entitlements import has

from ..core.defaults import problems
from ..core.filter_faults import faults
from ..core.mapping import MatchBy, Side, SyncSettings
from ..models import Sync
from .errors import SyncError


def resources_of(sync: Sync) -> Mapping[Side, Resource]:
    """Both objects, as the accounts last described them and a person understands them."""
    return {side: accounts.resource_of(sync.pair.stream(side).object) for side in Side}


def refuse_problems(settings: SyncSettings, a: Resource, b: Resource) -> None:
    found = problems(settings, a, b)
    if found:
        raise SyncError({p.mapping: p.message for p in found})
    _refuse_matching(settings, a, b)
    _refuse_filters(settings, a, b)
    if not any(m.enabled and m.a and m.b for m in settings.mappings):
        raise SyncError(_("Switch on at least one field mapping."))
    if not has(current_workspace(), "custom_mappings") and any(m.needs_plan and m.enabled for m in settings.mappings):
        raise SyncError({"mappings": _("Custom mappings are not part of this workspace's plan.")})
    for side, resource in ((Side.A, a), (Side.B, b)):
        if settings.direction.allows(side) and not resource.writes & {WriteKind.CREATE, WriteKind.UPDATE}:
            raise SyncError({"direction": _("“%(name)s” can only be read.") % {"name": resource.label}})
    _refuse_deletions(settings, {Side.A: a, Side.B: b})


def _refuse_deletions(settings: SyncSettings, resources: Mapping[Side, Resource]) -> None:
    """Rule 8.3: deletions go only where the direction and the app allow it."""
    for side, kind in settings.deletions.items():
        name = {"name": resources[side].label}
        if not settings.direction.allows(side):
            raise SyncError({"deletions": _("The direction of this sync does not allow deleting “%(name)s”.") % name})
        if kind not in (WriteKind.ARCHIVE, WriteKind.DELETE) or kind not in resources[side].writes:
            text = {
                WriteKind.ARCHIVE: _("“%(name)s” cannot be archived."),
                WriteKind.DELETE: _("“%(name)s” cannot be deleted."),
            }
            raise SyncError({"deletions": text.get(kind, text[WriteKind.DELETE]) % name})


def _refuse_filters(settings: SyncSettings, a: Resource, b: Resource) -> None:
    """Rule 6.2: a condition that cannot be judged would keep everything out."""
    found = {"filter_a": faults(settings.filters.a, a), "filter_b": faults(settings.filters.b, b)}
    if any(found.values()):
        raise SyncError({name: " ".join(sentences) for name, sentences in found.items() if sentences})


def _refuse_matching(settings: SyncSettings, a: Resource, b: Resource) -> None:
    """Rule 5.6: a field of one's own choosing has to be there on both sides."""
    matching = settings.matching
    if matching.by is MatchBy.DOMAIN_FIRST and settings.kind is not Kind.COMPANY:
        raise SyncError({"matching": _("Only companies have a domain to match by.")})
    if matching.by is not MatchBy.FIELD:
        return
    if a.field(matching.field_a) is None or b.field(matching.field_b) is None:
        raise SyncError({"matching": _("Choose a field of each side to match by.")})
