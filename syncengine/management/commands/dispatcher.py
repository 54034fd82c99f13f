"""``manage.py dispatcher``: the loop that makes due syncs run. One is enough; several do no harm."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from syncengine.dispatch import dispatch, provide, revive

logger = logging.getLogger(__name__)

REVIVE_EVERY = 5.0
"""Seconds between two looks for workers that died."""
SOON = 0.1
"""Seconds to the next look where the queue was full."""
PROVIDE_EVERY = 600.0
"""Seconds between two looks for workspaces whose house nobody keeps yet."""


class Command(BaseCommand):
    help = "Puts due syncs on the queue, for ever. Touches the file in SYNCSITE_PULSE at each look, if there is one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, default=0.5, help="seconds between two looks (default: 0.5)")

    def handle(self, *args: Any, **options: Any) -> None:
        named = os.environ.get("SYNCSITE_PULSE")
        pulse = Path(named) if named else None
        revive_at = provide_at = time.monotonic()
        while True:
            now = time.monotonic()
            more = self._look(revive_too=now >= revive_at, provide_too=now >= provide_at)
            revive_at = now + REVIVE_EVERY if now >= revive_at else revive_at
            provide_at = now + PROVIDE_EVERY if now >= provide_at else provide_at
            if pulse is not None:
                pulse.touch()
            time.sleep(min(SOON, options["every"]) if more else options["every"])

    def _look(self, *, revive_too: bool, provide_too: bool = False) -> bool:
        """One round; true if there is more to do. A database that is away for a moment is no reason to stop."""
        try:
            if provide_too:
                provide()
            if revive_too:
                revive()
            return dispatch().more
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the dispatcher could not reach the database: %s", type(error).__name__)
            connection.close()
            return False
        finally:
            close_old_connections()
