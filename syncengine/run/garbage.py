"""Looking for cyclic garbage seldom, while a slice makes very much that lives briefly and holds no cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 50_000
"""New containers before a look at them. A few records meet Python's own number, which took a fifth of the time."""


@contextmanager
def collected_seldom() -> Iterator[None]:
    """What reference counts free is freed at once, as ever."""
    usual = gc.get_threshold()
    gc.set_threshold(max(AT_ONCE, usual[0]), *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
