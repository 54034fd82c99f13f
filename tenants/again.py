"""What only touches the database is done again where PostgreSQL gave it up for another's sake.

Deadlocks, serialisation failures and locks that were not to be had pass by themselves; a transaction that met one is
rolled back as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError

PASSING = frozenset({"40001", "40P01", "55P03"})
"""https://www.postgresql.org/docs/current/errcodes-appendix.html"""
TIMES = 5
FIRST_PAUSE = 0.02

End = TypeVar("End")


def is_passing(error: BaseException) -> bool:
    """Is it one of those that are worth another try at once?"""
    return isinstance(error, OperationalError) and getattr(error.__cause__, "sqlstate", None) in PASSING


def again(unit: Callable[[], End]) -> End:
    """What the unit answers, tried up to five times. It has to be one transaction, and to ask nobody else."""
    for time_ in range(TIMES - 1):
        try:
            return unit()
        except OperationalError as error:
            if not is_passing(error):
                raise
            time.sleep(FIRST_PAUSE * 2**time_)
    return unit()
