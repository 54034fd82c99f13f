"""What the queue calls, each in its workspace's schema, with ids only (see `tenants.tasks`)."""

from __future__ import annotations

from django.utils import timezone

from tenants import due
from tenants.again import again
from tenants.context import current_workspace
from tenants.entitlements import days_kept

from . import previews
from .run.clock import Clock
from .run.context import DUE_KIND
from .run.housekeeping import HOUSE_KIND
from .run.housekeeping import keep_house as keep
from .run.preview import run_preview_slice
from .run.runner import run_slice


def run_sync(sync_id: int) -> None:
    """One slice of a sync; it is due again when the slice says so, and those that it has news for are due now."""
    found = run_slice(sync_id)
    again(lambda: due.done(DUE_KIND, sync_id, found.at, looked_at=found.looked_at))
    for other in found.others:
        due.schedule(DUE_KIND, other, timezone.now())


def run_preview(run_id: int) -> None:
    """One slice of a preview; when it is ready, it is due again to end. What it has read is news for syncs."""
    found = run_preview_slice(run_id)
    due.done(previews.DUE_KIND, run_id, found.at)
    for sync_id in found.others:
        due.schedule(DUE_KIND, sync_id, timezone.now())


def keep_house(target: int) -> None:
    """One slice of a workspace's housekeeping; it is due again when that says so."""
    due.done(HOUSE_KIND, target, keep(Clock(), days=days_kept(current_workspace())))
