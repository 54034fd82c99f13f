"""Makes due syncs run: claims them for all workspaces and puts one task each on the queue."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.utils import timezone

from tenants import due
from tenants.context import public_context, workspace_context
from tenants.models import Due
from tenants.tasks import enqueue

from . import previews
from .run.context import DUE_KIND
from .run.housekeeping import HOUSE_KIND
from .run.lease import free_dead

logger = logging.getLogger(__name__)

HOLD = timedelta(seconds=75)
"""A worker that died unseen is replaced after this; a slice and the request that it has in flight take less."""
AT_ONCE = 100

TASKS = {
    DUE_KIND: "syncengine.tasks.run_sync",
    previews.DUE_KIND: "syncengine.tasks.run_preview",
    HOUSE_KIND: "syncengine.tasks.keep_house",
}


def dispatch() -> int:
    """Put everything that is due on the queue. Returns how many."""
    with public_context():
        items = due.claim(timezone.now(), AT_ONCE, HOLD)
    for item in items:
        if item.kind not in TASKS:
            logger.error("nobody knows what to do with what is due as %r", item.kind)
            continue
        with workspace_context(item.workspace):
            enqueue(TASKS[item.kind], item.target)
    return len(items)


def provide() -> int:
    """Have every workspace's house kept, new ones' too. Returns for how many it was not due yet."""
    with public_context():
        return due.schedule_everywhere(HOUSE_KIND, 0, timezone.now())


def revive() -> int:
    """Have syncs go on at once whose worker on this machine has died, instead of waiting for its lease to end."""
    now = timezone.now()
    with public_context():
        claimed = list(Due.objects.filter(kind__in=TASKS, claimed_until__gt=now).select_related("workspace__plan"))
    revived = 0
    for item in claimed:
        with workspace_context(item.workspace):
            if free_dead(f"{item.kind}:{item.target}"):
                due.done(item.kind, item.target, now)
                revived += 1
    return revived
