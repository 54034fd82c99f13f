"""Whoever decides waits for their turn with the engine's own transactions and with other people's decisions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants import due

from ..models import Lease, Sync, SyncState
from ..run.counts import keep_counts
from ..services import DUE_KIND, SyncError


@contextmanager
def deciding(sync: Sync) -> Iterator[None]:
    """One transaction, in which neither the engine nor anybody else changes links of this sync."""
    if sync.active_id is None:
        raise SyncError(_("This sync was never started."))
    name = f"sync:{sync.pk}"
    Lease.objects.bulk_create([Lease(name=name, until=timezone.now())], ignore_conflicts=True)
    with transaction.atomic():
        Lease.objects.select_for_update().get(name=name)
        yield
        keep_counts(sync)
    if sync.state == SyncState.ON:
        due.schedule(DUE_KIND, sync.pk, timezone.now())
