"""Changes of a sync's settings: values in, values out. Whether the result may stand is for the services to judge."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from connectors.contract import Resource
from tenants.context import current_workspace
from tenants.entitlements import has

from .core.mapping import Direction, FieldMapping, Side, SyncSettings, Transform
from .core.suggest import SuggestedPair, suggested_pairs
from .services import SyncError


def may_customise() -> bool:
    """Whether the workspace's plan includes custom mappings (rule 4.2)."""
    return has(current_workspace(), "custom_mappings")


def find(settings: SyncSettings, mapping_id: str) -> FieldMapping:
    """Raises SyncError, under the id."""
    found = next((m for m in settings.mappings if m.id == mapping_id), None)
    if found is None:
        raise SyncError({mapping_id: _("There is no such mapping.")})
    return found


def change_mapping(settings: SyncSettings, mapping_id: str, **changes: Any) -> SyncSettings:
    """With other attributes of one mapping. Its fields cannot be changed: that would be another mapping.

    Raises SyncError: no such mapping, or a custom one that the plan does not include.
    """
    mapping = find(settings, mapping_id)
    changed = replace(mapping, **changes)
    if changed == mapping:
        return settings
    if mapping.needs_plan or changed.needs_plan:
        refuse_without_plan()
    return settings.with_mappings(tuple(changed if m.id == mapping_id else m for m in settings.mappings))


def add_mapping(
    settings: SyncSettings,
    *,
    a: tuple[str, ...],
    b: tuple[str, ...],
    transform: Transform = Transform.NONE,
    direction: Direction = Direction.TWO_WAY,
    **more: Any,
) -> SyncSettings:
    """With one more custom mapping, at the end. Raises SyncError where the plan does not include them."""
    refuse_without_plan()
    made = FieldMapping(f"c-{uuid.uuid4().hex[:10]}", a, b, direction, custom=True, transform=transform, **more)
    return settings.with_mappings((*settings.mappings, made))


def remove_mapping(settings: SyncSettings, mapping_id: str) -> SyncSettings:
    """Without a custom mapping. Raises SyncError; a default mapping can only be switched off."""
    mapping = find(settings, mapping_id)
    if not mapping.custom:
        raise SyncError({mapping_id: _("A default mapping cannot be removed. Switch it off instead.")})
    refuse_without_plan()
    return settings.with_mappings(tuple(m for m in settings.mappings if m.id != mapping_id))


def suggestions(settings: SyncSettings, mapping_id: str, resources: Mapping[Side, Resource]) -> list[SuggestedPair]:
    """Pairs of options that this mapping does not name yet (rule 4.1). Raises SyncError: no such mapping."""
    mapping = find(settings, mapping_id)
    fields = [resources[side].field(name) for side in Side for name in mapping.fields(side)]
    if len(fields) != 2 or fields[0] is None or fields[1] is None:
        return []
    return suggested_pairs(fields[0], fields[1], mapping.options)


def within_plan(settings: SyncSettings) -> SyncSettings:
    """Custom mappings that the plan does not include (any more) stop, and are kept (rule 4.2)."""
    if may_customise():
        return settings
    kept = tuple(replace(m, enabled=False) if m.needs_plan and m.enabled else m for m in settings.mappings)
    return settings.with_mappings(kept)


def refuse_without_plan() -> None:
    if not may_customise():
        raise SyncError({"mappings": _("Custom mappings are not part of this workspace's plan.")})
