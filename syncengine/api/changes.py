"""What the API takes, as settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.contract import WriteKind

from ..core.mapping import Begins, ClearPolicy, Direction, History, Side, SyncSettings, Transform, Which, WriteMode
from ..editing import add_mapping, change_mapping, remove_mapping
from .filters import changed_filters

ENUMS = {
    "direction": Direction,
    "clears": ClearPolicy,
    "mode": WriteMode,
    "transform": Transform,
    "shaped": Side,
    "begins": Begins,
    "which": Which,
}


OFF = "off"
"""Deletions are left alone."""


def changed(settings: SyncSettings, said: Mapping[str, Any]) -> SyncSettings:
    """`settings` with what was said; the rest as it is. Raises SyncError."""
    settings = replace(
        settings,
        direction=Direction(said.get("direction", settings.direction)),
        winner=Side(said.get("winner", settings.winner)),
        matching=said.get("matching", settings.matching),
        email_only=said.get("email_only", settings.email_only),
        pass_on=said.get("pass_on", settings.pass_on),
        filters=changed_filters(settings.filters, said.get("filters", {})),
        deletions=_deletions(settings, said.get("deletions", {})),
        history=History(said.get("history", settings.history)),
        brake=replace(settings.brake, **said.get("brake", {})),
    )
    for one in said.get("mappings", ()):
        settings = _mapping(settings, dict(one))
    return settings


def _deletions(settings: SyncSettings, said: Mapping[str, str]) -> Mapping[Side, WriteKind]:
    now = {side.value: kind.value for side, kind in settings.deletions.items()} | dict(said)
    return {Side(side): WriteKind(kind) for side, kind in now.items() if kind != OFF}


def _mapping(settings: SyncSettings, said: dict[str, Any]) -> SyncSettings:
    mapping_id, remove = said.pop("id", None), said.pop("remove")
    values = {name: _typed(name, value) for name, value in said.items()}
    if mapping_id is None:
        return add_mapping(settings, a=tuple(values.pop("a", ())), b=tuple(values.pop("b", ())), **values)
    if remove:
        return remove_mapping(settings, mapping_id)
    return change_mapping(settings, mapping_id, **values)


def _typed(name: str, value: Any) -> Any:
    if name == "winner":
        return Side(value) if value else None
    if name == "options":
        return tuple((x, y) for x, y in value)
    if name in ("defaults", "fallback"):
        return {Side(side): one for side, one in value.items() if one is not None}
    return ENUMS[name](value) if name in ENUMS else value
