"""What the queue calls, each in its workspace's schema, with ids only (see `tenants.tasks`)."""

from __future__ import annotations

from time import monotonic

from django.utils import timezone

from tenants import due
from tenants.again import again
from tenants.context import current_workspace
from tenants.entitlements import days_kept

from . import previews
from .run.clock import SHORT_SLICE, Clock
from .run.context import DUE_KIND
from .run.housekeeping import HOUSE_KIND
from .run.housekeeping import keep_house as keep
from .run.lanes import threads
from .run.lost import letting_go
from .run.preview import run_preview_slice
from .run.runner import run_slice


def run_sync(sync_id: int, long: int = 0) -> None:
    """One slice of a sync; it is due again when the slice says so, and those that it has news for are due now.

    `long`: its last slice left a lot to do. Only then it has a whole slice's time: it is one of the few that do at a
    time, while all others have to let go soon.
    """
    with letting_go(DUE_KIND, sync_id):
        began = monotonic()
        found = run_slice(sync_id, Clock(lanes=threads) if long else Clock(lanes=threads, slice=SHORT_SLICE))
        is_long = not found.quiet and monotonic() - began >= SHORT_SLICE.total_seconds() / 2
        again(lambda: due.done(DUE_KIND, sync_id, found.at, looked_at=found.looked_at, is_long=is_long))
        for other in found.others:
            due.schedule(DUE_KIND, other, timezone.now())


def run_preview(run_id: int) -> None:
    """One slice of a preview; when it is ready, it is due again to end. What it has read is news for syncs."""
    with letting_go(previews.DUE_KIND, run_id):
        found = run_preview_slice(run_id)
        due.done(previews.DUE_KIND, run_id, found.at)
        for sync_id in found.others:
            due.schedule(DUE_KIND, sync_id, timezone.now())


def keep_house(target: int) -> None:
    """One slice of a workspace's housekeeping; it is due again when that says so."""
    with letting_go(HOUSE_KIND, target):
        due.done(HOUSE_KIND, target, keep(Clock(), days=days_kept(current_workspace())))
