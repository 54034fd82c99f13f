"""Makes due syncs run: claims them for all workspaces and puts one task each on the queue."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django_q.models import OrmQ

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

LONG = 1
"""Told to a task whose last slice left a lot to do."""

TASKS = {
    DUE_KIND: "syncengine.tasks.run_sync",
    previews.DUE_KIND: "syncengine.tasks.run_preview",
    HOUSE_KIND: "syncengine.tasks.keep_house",
}


@dataclass(frozen=True, slots=True)
class Dispatched:
    count: int
    more: bool
    """There was no room for more: to be looked at again soon."""


def dispatch() -> Dispatched:
    """Put what is due on the queue, as far as there is room.

    The queue is kept short: who is next is decided here, fairly and as late as possible, and what lies on the queue
    begins before its claim runs out.
    """
    with public_context():
        now = timezone.now()
        room = settings.QUEUE_AHEAD - OrmQ.objects.filter(lock__lte=now).count()
        items = due.claim(now, room, HOLD, longest=settings.QUEUE_LONG) if room > 0 else []
    for item in items:
        if item.kind not in TASKS:
            logger.error("nobody knows what to do with what is due as %r", item.kind)
            continue
        with workspace_context(item.workspace):
            enqueue(TASKS[item.kind], item.target, *([LONG] if item.is_long and item.kind == DUE_KIND else []))
    return Dispatched(len(items), more=len(items) >= room)


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
                due.done(item.kind, item.target, now, is_long=item.is_long)
                revived += 1
    return revived
