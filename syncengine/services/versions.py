"""Settings as versions: one active, at most one draft."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.context import current_workspace

from ..core.mapping import Begins, History, Side, SyncSettings
from ..models import RunKind, SettingsVersion, Sync, VersionState
from .checking import refuse_problems, resources_of
from .errors import SyncError


def current_settings(sync: Sync) -> SyncSettings:
    """The draft if there is one, else what is active."""
    version = sync.versions.filter(state=VersionState.DRAFT).first() or sync.active
    if version is None:
        raise SyncError(_("This sync has no settings."))
    return version.load()


def save_settings(sync: Sync, settings: SyncSettings, *, actor: str) -> SettingsVersion:
    """Keep these as the sync's draft; what is active goes on. Raises SyncError."""
    resources = resources_of(sync)
    refuse_problems(settings, resources[Side.A], resources[Side.B])
    with transaction.atomic():
        Sync.objects.select_for_update().get(pk=sync.pk)
        return add_version(sync, settings, actor)


def add_version(sync: Sync, settings: SyncSettings, actor: str) -> SettingsVersion:
    drop_draft(sync)
    settings = _with_place(_noting_beginnings(settings))
    last = sync.versions.order_by("-number").values_list("number", flat=True).first() or 0
    return sync.versions.create(number=last + 1, settings=settings.to_json(), created_by=actor)


def _noting_beginnings(settings: SyncSettings) -> SyncSettings:
    """Links that are made from now on are compared, also in mappings for which only later changes count (4.6)."""
    now = timezone.now().isoformat()
    moments = {m.id: (m.begins_at or now) if m.begins is Begins.LATER else "" for m in settings.mappings}
    return settings.with_mappings(tuple(replace(m, begins_at=moments[m.id]) for m in settings.mappings))


def _with_place(settings: SyncSettings) -> SyncSettings:
    """With the country and the time zone that the workspace has now (rules 4.1 and 4.8)."""
    workspace = current_workspace()
    return replace(settings, country=workspace.country, zone=workspace.time_zone)


def activate(sync: Sync) -> None:
    """Make the draft the active version; all records are looked at anew (rule 10.2)."""
    draft = sync.versions.filter(state=VersionState.DRAFT).first()
    if draft is None:
        return
    chosen = draft.load()
    if chosen.history is History.ALL:
        sync.existing_a = sync.existing_b = None  # Chosen again, "now" begins anew (rule 6.4).
    sync.versions.filter(state=VersionState.ACTIVE).update(state=VersionState.OLD)
    draft.state = VersionState.ACTIVE
    draft.save(update_fields=["state"])
    sync.active = draft
    index_own_keys(sync, chosen)


def index_own_keys(sync: Sync, settings: SyncSettings) -> None:
    """A field that a sync matches by gets keys; a stream that lacks them is read anew (rule 5.6)."""
    for side, name in ((Side.A, settings.matching.field_a), (Side.B, settings.matching.field_b)):
        stream = sync.pair.stream(side)
        if name and name not in stream.own_keys:
            stream.own_keys = [*stream.own_keys, name]
            stream.fields_read = ""
            stream.save(update_fields=["own_keys", "fields_read"])


def discard_draft(sync: Sync, *, actor: str) -> None:
    """Forget settings that are not in effect yet. Raises SyncError before the first start: there are no others."""
    if sync.active_id is None:
        raise SyncError(_("This sync has no other settings yet. Delete it instead."))
    with transaction.atomic():
        drop_draft(sync)


def drop_draft(sync: Sync) -> None:
    """Its previews go with it."""
    draft = sync.versions.filter(state=VersionState.DRAFT).first()
    if draft is not None:
        draft.runs.filter(kind=RunKind.PREVIEW).delete()
        draft.delete()
