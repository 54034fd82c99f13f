"""Whose turn it is to read a stream: it is read once for all the syncs that use it (rule 10.2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import Q

from ..core.mapping import Side
from ..models import DirtyRecord, Stream, Sync, SyncState
from .context import Slice


def is_wanted(work: Slice, stream: Stream) -> bool:
    """Is a pass due? Not where another sync has just made one, nor where only some records were named to us."""
    if stream.passing or stream.listed_at is None or stream.read_at is None:
        return True
    now = work.clock.now()
    # Our clock may have been set back: what seems to be of tomorrow tells nothing.
    if not timedelta(0) <= now - stream.read_at < _interval(work.sync):
        return True
    run = work.run
    if run is not None and run.started_by and run.started_at >= stream.read_at:
        return True  # A person wants to see what is there now.
    if stream.read_by not in (None, work.sync.pk):
        return False
    return not DirtyRecord.objects.filter(stream__in=work.streams.values(), not_before__lte=now).exists()


def next_reading(work: Slice) -> datetime:
    """When a pass over either stream is due again."""
    times = [stream.read_at for stream in work.streams.values() if stream.read_at is not None]
    return min(times, default=work.clock.now()) + _interval(work.sync)


def _interval(sync: Sync) -> timedelta:
    return timedelta(seconds=sync.interval)


def others_concerned(sync: Sync, streams: Mapping[Side, Stream], before: Mapping[Side, int]) -> tuple[int, ...]:
    """Syncs that share a stream in which something has changed since it had these numbers: they are due now."""
    moved = [stream for side, stream in streams.items() if stream.seq > before[side]]
    if not moved:
        return ()
    behind = Q()
    for stream in moved:
        behind |= Q(pair__stream_a=stream, planned_a__lt=stream.seq)
        behind |= Q(pair__stream_b=stream, planned_b__lt=stream.seq)
    others = Sync.objects.filter(behind, state=SyncState.ON, deleted_at=None).exclude(pk=sync.pk)
    return tuple(others.order_by("pk").values_list("pk", flat=True))
