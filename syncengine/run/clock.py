"""Time, ids and order as arguments, so that a test can repeat a run exactly."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.utils import timezone

from .lanes import Lanes, one_by_one

SLICE = timedelta(seconds=20)
"""How long a worker stays with one sync before others have their turn."""
SHORT_SLICE = timedelta(seconds=5)
"""The same, for a sync that is not known to have a lot to do."""


@dataclass(frozen=True, slots=True)
class Clock:
    now: Callable[[], datetime] = timezone.now
    new_id: Callable[[], UUID] = uuid4
    slice: timedelta = SLICE
    lanes: Callable[[], AbstractContextManager[Lanes]] = one_by_one
    """Where apps are asked: in threads the order is chance."""
