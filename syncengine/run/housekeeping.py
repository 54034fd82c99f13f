"""Housekeeping: what is kept only for a time goes, in small portions, without long locks (rules 10.6 and 10.7).

It may stop after any portion and be taken up again. Why a value is what it is stays with its link (rule 11.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import CASCADE, Exists, Max, Model, OuterRef, Q, QuerySet

from connectors.models import AccountState, ConnectedAccount

from ..models import MatchKey, Operation, RecordLink, RemoteRecord, Stream, StreamPair, Sync, SyncRun
from ..models.run import OPEN, Hold
from .bulk import delete_rows
from .clock import Clock

HOUSE_KIND = "house"
"""Name of the housekeeping in the table of what is due (`tenants.due`)."""
ASIDE = timedelta(days=90)
"""How long links of a deleted sync wait for a new one of the same two objects (rule 10.6)."""
PORTION = 1000
"""Most rows of a table that one statement deletes."""
AGAIN = timedelta(days=1)

Portions = Iterator[int]
"""Something was done; the rows of it."""


def keep_house(clock: Clock, *, days: int, portion: int = PORTION) -> datetime:
    """One slice of it. Answers when it is due again: at once where something is left."""
    deadline = clock.now() + clock.slice
    for _rows in House(clock.now(), timedelta(days=days), portion).portions():
        if clock.now() >= deadline:
            return clock.now()
    return clock.now() + AGAIN


def forget_portion(stream: Stream, portion: int = PORTION) -> int:
    """Drop some of what was last seen of a stream. Returns how many; 0 when nothing is left."""
    records = RemoteRecord.objects.filter(stream=stream)
    ids = list(records.values_list("pk", flat=True)[:portion])
    delete_rows(MatchKey.objects.filter(record_id__in=ids))
    delete_rows(RemoteRecord.objects.filter(pk__in=ids))
    return len(ids)


@dataclass(frozen=True, slots=True)
class House:
    """One workspace's."""

    now: datetime
    kept: timedelta
    """Journal and remote values are kept for so long, as the plan says."""
    portion: int = PORTION

    def portions(self) -> Portions:
        yield from self.journal()
        yield from self.links_aside()
        yield from self.gone_values()
        for stream in Stream.objects.filter(object__account__state=AccountState.DISCONNECTED):
            yield from self.forget(stream)

    # --- Journal ---------------------------------------------------------------------------------------------

    def journal(self) -> Portions:
        """Runs that ended before, with their operations. What was sent and never answered is no journal yet."""
        old = SyncRun.objects.filter(finished_at__lt=self.now - self.kept).order_by("pk")
        for run in old.iterator(self.portion):
            ended = Operation.objects.filter(run=run).filter(~Q(state__in=OPEN) | Q(hold=Hold.PREVIEW))
            yield from self._drop(ended)
            if not Operation.objects.filter(run=run).exists():
                yield from self._drop(SyncRun.objects.filter(pk=run.pk))

    # --- Links kept aside ------------------------------------------------------------------------------------

    def links_aside(self) -> Portions:
        """Of pairs whose last sync was deleted so long ago, with what is left of those syncs."""
        live = Sync.objects.filter(pair=OuterRef("pk"), deleted_at=None)
        pairs = StreamPair.objects.filter(~Exists(live)).annotate(last=Max("syncs__deleted_at"))
        for pair in pairs.filter(last__lt=self.now - ASIDE):
            yield from self._drop(RecordLink.objects.filter(pair=pair))
            yield from self._drop(pair.kept_apart.all())
            deleted = pair.syncs.filter(deleted_at__lt=self.now - ASIDE)
            for sync in deleted:
                yield from self._drop(sync.runs.all())
                yield from self._drop(sync.versions.all())
            yield from self._drop(deleted)

    # --- Remote values ---------------------------------------------------------------------------------------

    def gone_values(self) -> Portions:
        """Of records that are no more. Where a link still leads to one, only the values go."""
        for stream in Stream.objects.order_by("pk"):
            yield from self._gone_values(stream)

    def _gone_values(self, stream: Stream) -> Portions:
        old = RemoteRecord.objects.filter(stream=stream, gone=True, gone_at__lt=self.now - self.kept).order_by()
        links = RecordLink.objects.filter(closed_at=None)
        linked = Q(Exists(links.filter(pair__stream_a=stream, a_id=OuterRef("remote_id")))) | Q(
            Exists(links.filter(pair__stream_b=stream, b_id=OuterRef("remote_id")))
        )
        needed = linked | ~Q(merged_into="")
        free = old.exclude(needed)
        while ids := list(free.values_list("pk", flat=True)[: self.portion]):
            # One that has come back meanwhile stays.
            delete_rows(old.filter(pk__in=ids))
            yield len(ids)
        with_values = old.filter(needed).exclude(values={})
        while ids := list(with_values.values_list("pk", flat=True)[: self.portion]):
            old.filter(pk__in=ids).update(values={}, keys={}, label="")
            yield len(ids)

    def forget(self, stream: Stream) -> Portions:
        """What was last seen in an account that is disconnected. One that is reconnected meanwhile is left alone."""
        while True:
            with transaction.atomic():
                account = ConnectedAccount.objects.select_for_update().get(pk=stream.object.account_id)
                gone = account.state == AccountState.DISCONNECTED
                rows = forget_portion(stream, self.portion) if gone else 0
            if not rows:
                return
            yield rows

    # --- Deleting --------------------------------------------------------------------------------------------

    def _drop(self, rows: QuerySet[Any]) -> Portions:
        """Delete these and what hangs on them, a portion of one table at a time; what hangs on them first."""
        model: type[Model] = rows.model
        while keys := list(rows.order_by().values_list("pk", flat=True)[: self.portion]):
            for relation in model._meta.related_objects:
                if relation.on_delete is CASCADE:
                    hanging = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": keys})
                    yield from self._drop(hanging)
            model._base_manager.filter(pk__in=keys).delete()
            yield len(keys)
