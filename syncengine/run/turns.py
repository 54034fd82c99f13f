"""Whose turn it is to read a stream: it is read once for all the syncs that use it (rule 10.2)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q

from connectors.contract import ReadStrategy, Resource
from tenants.context import current_workspace

from ..core.mapping import Side
from ..models import DirtyRecord, Stream, Sync, SyncState
from .context import DUE_KIND, Slice
from .pace import interval_of, keep_pace

LIST_AGAIN = timedelta(minutes=10)
"""Where a resource tells of no deletions, it is listed completely this often (rule 8.4)."""

_LAST_LOOKS = """
SELECT DISTINCT ON (stream.id) stream.id, due.looked_at, due.target
  FROM syncengine_stream stream
  JOIN syncengine_streampair pair ON pair.stream_a_id = stream.id OR pair.stream_b_id = stream.id
  JOIN syncengine_sync sync ON sync.pair_id = pair.id AND sync.deleted_at IS NULL
  JOIN tenants_due due ON due.workspace_id = %(workspace)s AND due.kind = %(kind)s AND due.target = sync.id
 WHERE stream.id = ANY(%(streams)s) AND due.looked_at IS NOT NULL
 ORDER BY stream.id, due.looked_at DESC
"""
"""The last look at a stream that left no trace in it: for whichever sync, it found nothing (`run.glance`)."""


def know_looks(streams: Collection[Stream]) -> None:
    """Have these streams tell when they were really read last, and for which sync."""
    params = {"workspace": current_workspace().pk, "kind": DUE_KIND, "streams": [stream.pk for stream in streams]}
    with connection.cursor() as cursor:
        cursor.execute(_LAST_LOOKS, params)
        looks = {row[0]: row[1:] for row in cursor.fetchall()}
    for stream in streams:
        note_look(stream, *looks.get(stream.pk, (None, None)))


def note_look(stream: Stream, looked_at: datetime | None, sync: int | None) -> None:
    """It was looked at then, too. Not stored."""
    if stream.read_at is not None and looked_at is not None and looked_at > stream.read_at:
        stream.read_at, stream.read_by = looked_at, sync


def is_wanted(work: Slice, stream: Stream) -> bool:
    """Is a pass due? Not where another sync has just made one, nor where only some records were named to us."""
    now = work.clock.now()
    if stream.passing or stream.listed_at is None or stream.read_at is None:
        return True
    run = work.run
    if run is not None and run.started_by and run.started_at >= stream.read_at:
        return True  # A person wants to see what is there now.
    if stream is work.streams[Side.A] and work.streams[Side.B].passing:
        return False  # The pass over side B, which comes after this one, takes several slices: it ends first.
    if not is_turn(work.sync, stream, work.streams.values(), now):
        return False
    if not _is_recent(work.sync, stream, now):
        return True
    return not DirtyRecord.objects.filter(stream__in=work.streams.values(), not_before__lte=now).exists()


def is_turn(sync: Sync, stream: Stream, streams: Iterable[Stream], now: datetime) -> bool:
    """Is a pass due where nothing but time asks for it? `streams`: both of the sync.

    Where only the other one is due, this one has to wait: what changes often is looked at more often.
    """
    if not _is_recent(sync, stream, now):
        return True
    if stream.read_by not in (None, sync.pk):
        return False
    return all(_is_recent(sync, other, now) for other in streams)


def _is_recent(sync: Sync, stream: Stream, now: datetime) -> bool:
    """Our clock may have been set back: what seems to be of tomorrow tells nothing."""
    return stream.read_at is not None and timedelta(0) <= now - stream.read_at < interval_of(sync, stream)


def listing_due(stream: Stream, resource: Resource, now: datetime) -> bool:
    """Deletions show in a complete listing only, and the last one was long ago."""
    if resource.tombstones or resource.read is ReadStrategy.LISTING:
        return False
    return stream.listed_at is None or now - stream.listed_at >= LIST_AGAIN


def next_reading(work: Slice) -> datetime:
    """When a pass over either stream is due again."""
    return next_turn(work.sync, work.streams, work.resources, work.clock.now())


def next_turn(
    sync: Sync, streams: Mapping[Side, Stream], resources: Mapping[Side, Resource], now: datetime
) -> datetime:
    """When the first of these is due again. Notes how often each is looked at from now on."""
    for side, stream in streams.items():
        keep_pace(stream, resources[side], now=now)
    times = [s.read_at + interval_of(sync, s) for s in streams.values() if s.read_at is not None]
    return min(times, default=now + interval_of(sync, streams[Side.A]))


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
