"""System checks: settings of the engine that would make it do nothing, or too much."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

BOUNDS = {"CIRCUIT_PERCENT": (5, 100), "CIRCUIT_AT_LEAST": (5, 10_000)}
"""Setting → the least and the most that it may be."""


@register("syncengine")
def check_bounds(**_: Any) -> list[CheckMessage]:
    return [
        Error(f"{name} is {getattr(settings, name)}: it has to be from {least} to {most}.", id="syncengine.E001")
        for name, (least, most) in BOUNDS.items()
        if not least <= getattr(settings, name) <= most
    ]
