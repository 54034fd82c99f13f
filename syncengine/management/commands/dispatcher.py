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

REVIVE_EVERY = 5
"""Rounds between two looks for workers that died."""
PROVIDE_EVERY = 600
"""Rounds between two looks for workspaces whose house nobody keeps yet."""


class Command(BaseCommand):
    help = "Puts due syncs on the queue, for ever. Touches the file in SYNCSITE_PULSE at each look, if there is one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, default=1.0, help="seconds between two looks (default: 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        named = os.environ.get("SYNCSITE_PULSE")
        pulse = Path(named) if named else None
        rounds = 0
        while True:
            self._look(revive_too=rounds % REVIVE_EVERY == 0, provide_too=rounds % PROVIDE_EVERY == 0)
            rounds += 1
            if pulse is not None:
                pulse.touch()
            time.sleep(options["every"])

    def _look(self, *, revive_too: bool, provide_too: bool = False) -> None:
        """One round. A database that is away for a moment is no reason to stop."""
        try:
            if provide_too:
                provide()
            if revive_too:
                revive()
            dispatch()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the dispatcher could not reach the database: %s", type(error).__name__)
            connection.close()
        finally:
            close_old_connections()
