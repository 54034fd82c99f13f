"""Work for the queue: the only function that is ever enqueued, and how."""

from __future__ import annotations

import logging

from django.utils.module_loading import import_string
from django_q.tasks import async_task

from .context import current_workspace, public_context, workspace_context
from .models import Workspace

logger = logging.getLogger(__name__)

RUN = "tenants.tasks.run"


def enqueue(path: str, *ids: int | str) -> None:
    """Have the function at this dotted path called with these ids, in the current workspace, by a worker.

    The task is a row: within a transaction it comes and goes with it. Ids only, since a task is kept as it is
    in the queue's table, and the rows that it speaks of may have changed by the time it runs.
    Raises TypeError for other arguments, ImportError for a path that leads nowhere, NoWorkspace.
    """
    if wrong := [value for value in ids if type(value) not in (int, str)]:
        raise TypeError(f"A task takes ids (int or str), not {type(wrong[0]).__name__}.")
    import_string(path)
    async_task(RUN, current_workspace().schema_name, path, *ids, task_name=path.rpartition(".")[2])


def argument(args: object, number: int) -> str:
    """One of the arguments that a task calls `run` with: 0 is the schema, 1 the path. Blank where there is none."""
    return str(args[number]) if isinstance(args, tuple | list) and len(args) > number else ""


def run(schema: str, path: str, *ids: int | str) -> None:
    """Call the function in its workspace; nothing where the workspace is gone or suspended."""
    with public_context():
        workspace = Workspace.objects.select_related("plan").filter(schema_name=schema).first()
    if workspace is None or workspace.is_suspended:
        logger.info("task %s left out: workspace %s is gone or suspended", path, schema)
        return
    with workspace_context(workspace):
        import_string(path)(*ids)
