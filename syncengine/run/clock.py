"""Time, ids and order as arguments, so that a test can repeat a run exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.utils import timezone

SLICE = timedelta(seconds=20)
"""How long a worker stays with one sync before others have their turn."""
SHORT_SLICE = timedelta(seconds=5)
"""The same, for a sync that is not known to have a lot to do."""


@dataclass(frozen=True, slots=True)
class Clock:
    now: Callable[[], datetime] = timezone.now
    new_id: Callable[[], UUID] = uuid4
    slice: timedelta = SLICE
    together: bool = False
    """Both apps are written to at once, in an order that is chance."""
