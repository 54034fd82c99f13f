"""System checks: keys of the vault, plugins that do not load, an installation older than pyproject.toml."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from . import registry
from .vault import VaultError, vault


@register("connectors")
def check_vault_keys(**_: Any) -> list[CheckMessage]:
    hint = "python -c 'from connectors.vault import generate_key; print(generate_key())' makes one."
    if not settings.SYNCSITE_KEYS:
        return [Warning("SYNCSITE_KEYS is empty: no account can be connected.", hint=hint, id="connectors.W003")]
    try:
        vault()
    except VaultError as error:
        return [Error(str(error), hint=hint, id="connectors.E001")]
    return []


@register("connectors")
def check_plugins(**_: Any) -> list[CheckMessage]:
    return [
        Warning(
            f"The connector {plugin.name!r} of {plugin.distribution or 'an unknown package'} is broken: "
            f"{plugin.reason}",
            id="connectors.W001",
        )
        for plugin in registry.catalogue().broken
    ]


@register("connectors")
def check_installation(**_: Any) -> list[CheckMessage]:
    pyproject = Path(settings.BASE_DIR) / "pyproject.toml"
    return compare_installation(tomllib.loads(pyproject.read_text())) if pyproject.exists() else []


def compare_installation(pyproject: dict[str, Any]) -> list[CheckMessage]:
    """Entry points are read from the installed package: a new line needs a new installation."""
    project = pyproject.get("project", {})
    declared: dict[str, str] = project.get("entry-points", {}).get(registry.GROUP, {})
    try:
        points = metadata.distribution(project["name"]).entry_points
    except metadata.PackageNotFoundError:
        points = ()
    found = {point.name: point.value for point in points if point.group == registry.GROUP}
    if found == declared:
        return []
    differing = sorted(name for name in declared.keys() | found.keys() if declared.get(name) != found.get(name))
    return [
        Warning(
            f"The installed package and pyproject.toml name different connectors: {', '.join(differing)}.",
            hint="Install it again: pip install -e .",
            id="connectors.W002",
        )
    ]
