"""A PostgreSQL of the test's own, which it may stop and kill without harm to others."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from syncsite import embedded
from syncsite.place import data_directory
from syncsite.settings import database
from tenants.context import workspace_context
from tenants.models import Workspace
from tenants.workspaces import create_workspace


class OwnServer:
    """Durable, as a real one is: what was committed before a kill is there after it."""

    def __init__(self, directory: Path, workspace: Workspace) -> None:
        self._directory, self.workspace = directory, workspace

    def stop(self) -> None:
        """As planned: every connection is cut."""
        embedded.stop(self._directory)

    def kill(self) -> None:
        """The server alone: its other processes notice, and end."""
        os.kill(int((self._directory / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def crash(self) -> None:
        self.kill()
        self.start()

    def start(self) -> None:
        """On the same port. Our own connection is a new one."""
        embedded.start(self._directory)
        connection.close()

    def restart(self) -> None:
        self.stop()
        self.start()


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """Within, Django speaks to it, in a workspace of its own; afterwards to the server of before."""
    directory = data_directory() / f"own-{secrets.token_hex(4)}"
    before = dict(connection.settings_dict)
    connection.close()
    try:
        connection.settings_dict.update(database(embedded.start(directory)))
        call_command("migrate_schemas", shared=True, verbosity=0)
        call_command("createcachetable", verbosity=0)
        workspace = create_workspace(name="Own", owner=None)
        with workspace_context(workspace):
            yield OwnServer(directory, workspace)
    finally:
        connection.close()
        connection.settings_dict.clear()
        connection.settings_dict.update(before)
        embedded.stop(directory)
        shutil.rmtree(directory)
