"""What pages of apps and accounts show in words and pictures."""

from __future__ import annotations

from functools import cache

import lucide
from django import template

from ..contract import Field, FieldType, Kind, Manifest
from ..labels import canonical_label, kind_label, type_label
from ..models import AccountState

register = template.Library()

PLUG = "plug"
STATUS = {
    AccountState.OK: "in_sync",
    AccountState.SIGN_IN: "attention",
    AccountState.PERMISSION: "attention",
    AccountState.DISCONNECTED: "off",
}


@register.filter
def app_icon(manifest: Manifest | None) -> str:
    """Name of an icon that exists: a plugin may name any."""
    return manifest.icon if manifest and manifest.icon and _is_icon(manifest.icon) else PLUG


@register.filter
def kind_name(kind: Kind | None) -> str:
    return kind_label(kind)


@register.filter
def type_name(type: FieldType) -> str:
    return type_label(type)


@register.filter
def stands_for(field: Field) -> str:
    return canonical_label(field.canonical)


@register.filter
def status_of(state: str) -> str:
    """The state of an account as <c-status> knows it."""
    return STATUS[AccountState(state)]


@cache
def _is_icon(name: str) -> bool:
    try:
        lucide._render_icon(name, 16)
    except lucide.IconDoesNotExist:
        return False
    return True
