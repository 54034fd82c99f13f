"""When the database goes away under a worker: what it held is let go as soon as it is back, not when the time of its
leases and claims is over. What the slice had stored is whole, so the next one goes on from there."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from tenants import due

from .lease import free_own

logger = logging.getLogger(__name__)

PATIENCE = 40.0
"""Seconds that a worker waits for the database; with a slice before it, less than a task may take."""
PAUSE = 0.5


@contextmanager
def letting_go(kind: str, target: int) -> Iterator[None]:
    """Have this due again at once where the block ends since the connection to the database is lost.

    The error leaves the block all the same. Needs to be outside of any transaction.
    """
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if not connection.in_atomic_block and not connection.is_usable():
            logger.warning("%s %s: the database went away: %s", kind, target, type(error).__name__)
            _let_go(kind, target)
        raise


def _let_go(kind: str, target: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        connection.close()
        try:
            free_own(f"{kind}:{target}")
            due.done(kind, target, timezone.now())
            return
        except (OperationalError, InterfaceError):
            if time.monotonic() >= deadline:
                logger.warning("%s %s: the database has not come back", kind, target)
                return
            time.sleep(PAUSE)
