"""Brings the tables of all workspaces up to this version of the code.

Looking at a schema takes half a second even where nothing is to be done, so each workspace remembers what it was
brought up to: with thousands of them, a new version without migrations costs one query.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterator
from functools import partial
from itertools import chain

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from .models import Workspace

PROCESSES = 4
"""So many workspaces are migrated at once."""


def latest() -> str:
    """Names what this version of the code knows of migrations of a workspace's tables: 64 hexadecimal digits."""
    labels = {config.label for config in apps.get_app_configs() if config.name in settings.TENANT_APPS}
    known = MigrationLoader(None).disk_migrations
    names = sorted(f"{label}.{name}" for label, name in known if label in labels)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def bring_up(*, every: bool = False, processes: int = PROCESSES) -> int:
    """Migrate each workspace that is not up to date, or every one (some came from a backup): how many those were.

    The first goes alone: what is wrong with a migration shows there, and stops the rest. Broken off, it goes on
    where it was. Raises what the migration raises; the workspace concerned is then still at its last whole one.
    """
    version = latest()
    workspaces = Workspace.objects.all() if every else Workspace.objects.exclude(schema_version=version)
    behind = list(workspaces.order_by("pk").values_list("schema_name", flat=True))
    migrate = partial(_bring_up, version=version)
    first, rest = behind[:1], behind[1:]
    for _schema in chain(map(migrate, first), _at_once(migrate, rest, processes)):
        pass
    return len(behind)


def _at_once(migrate: partial[str], schemas: list[str], processes: int) -> Iterator[str]:
    if processes <= 1 or len(schemas) <= 1:
        yield from map(migrate, schemas)
        return
    # A connection cannot be shared with a child.
    connection.close()
    with multiprocessing.get_context("fork").Pool(min(processes, len(schemas))) as pool:
        yield from pool.imap_unordered(migrate, schemas)


def _bring_up(schema: str, *, version: str) -> str:
    call_command("migrate_schemas", schema_name=schema, interactive=False, verbosity=1)
    connection.set_schema_to_public()
    Workspace.objects.filter(schema_name=schema).update(schema_version=version)
    return schema
