"""A workspace is deleted for good, with all that belongs to it."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.conf import settings
from django.core.cache import caches
from django.core.signing import BadSignature
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django_q.models import OrmQ, Task

from .again import again
from .context import public_context
from .models import Workspace
from .tasks import argument


class StillOpen(ValueError):
    """Its work goes on. The message is for people."""


def delete_workspace(workspace: Workspace) -> None:
    """Delete rows, schema (with credentials and records), files, cached pages and what is on the queue.

    It has to be suspended, so that nothing of it is begun meanwhile; what is under way ends at its next look at the
    database. Broken off, it may be called again: the row goes last. People stay, they may be in other workspaces.
    Raises StillOpen.
    """
    if not workspace.is_suspended:
        raise StillOpen(_("Suspend “%(name)s” first: its syncs may be at work.") % {"name": workspace.name})
    schema = workspace.schema_name
    with public_context():
        _forget_tasks(schema)
        _forget_files(schema)
        _forget_cache(schema)
        again(lambda: _drop(workspace))


def _forget_tasks(schema: str) -> None:
    """Queued ones would be left out by the worker; failed ones hold tracebacks."""
    queued = [row.pk for row in OrmQ.objects.iterator() if argument(_args_of(row), 0) == schema]
    OrmQ.objects.filter(pk__in=queued).delete()
    ended = [task.pk for task in Task.objects.only("id", "args").iterator() if argument(task.args, 0) == schema]
    Task.objects.filter(pk__in=ended).delete()


def _args_of(row: OrmQ) -> object:
    try:
        return row.task.get("args")
    except BadSignature:
        # Signed with a key of before: no worker will take it, either.
        return ()


def _forget_files(schema: str) -> None:
    shutil.rmtree(Path(settings.MEDIA_ROOT) / schema, ignore_errors=True)


def _forget_cache(schema: str) -> None:
    """Keys begin with the schema (`django_tenants.cache.make_key`)."""
    table = connection.ops.quote_name(caches["default"]._table)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE starts_with(cache_key, %s)", [f"{schema}:"])


def _drop(workspace: Workspace) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # A worker in the middle of a transaction is waited for, and does not wait for us for ever.
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        Workspace.objects.get(pk=workspace.pk).delete(force_drop=True)
