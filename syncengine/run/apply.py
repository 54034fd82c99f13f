"""Applying: operations become writes, and answers become baselines. The only code that writes through a client.

Each batch is marked as sent before it is sent (rule 10.4), and everything that its answers change is stored in one
transaction under the leases. What the app answers is an outcome, not an error: a record that moved meanwhile is
planned again, a value that is refused is parked, a creation whose answer is lost stays *sending* until
`doubt` has settled it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from connectors.contract import (
    ConnectorBroken,
    ConnectorError,
    Outcome,
    PermissionLost,
    RateLimited,
    Record,
    Retry,
    SignInAgain,
    Write,
    WriteKind,
    Written,
)

from ..core.mapping import Side
from ..models import Operation, OperationState, RemoteRecord, RunPhase
from .context import Slice
from .lease import fenced, renew
from .outcomes import Outcomes
from .read import make_dirty
from .store import records_of

ORDER = (WriteKind.UPDATE, WriteKind.CREATE, WriteKind.ARCHIVE, WriteKind.DELETE)
"""Fresh edits of what exists go ahead of the bulk of a first run."""


class Applier:
    """Carries out what is planned of one sync."""

    def __init__(self, work: Slice) -> None:
        self.work = work
        self.outcomes = Outcomes(work)

    def apply(self) -> bool:
        """All planned operations; False if the slice ended first. Raises what stops the account."""
        for side in Side:
            for kind in ORDER:
                for batch in self._batches(side, kind):
                    self._carry_out(side, kind, batch)
                    self.work.show(RunPhase.APPLYING)
                    if self.work.over:
                        return False
        return True

    def _batches(self, side: Side, kind: WriteKind) -> Iterator[list[Operation]]:
        size = self.work.resources[side].batch_size(kind)
        after = 0
        while True:
            batch = list(
                Operation.objects.filter(
                    run__sync=self.work.sync,
                    state=OperationState.PLANNED,
                    side=side.value,
                    kind=kind.value,
                    pk__gt=after,
                )
                .select_related("link")
                .order_by("pk")[:size]
            )
            if not batch:
                return
            after = batch[-1].pk
            yield batch

    def _carry_out(self, side: Side, kind: WriteKind, batch: Sequence[Operation]) -> None:
        renew(self.work.held, now=self.work.clock.now())
        batch, versions = self._still_good(side, kind, batch)
        if not batch:
            return
        self._mark_sending(side, batch)
        try:
            outcomes = self._write(side, kind, batch, versions)
        except (RateLimited, SignInAgain, PermissionLost):
            # Nothing happened: they stay planned, and go when the account is well again.
            self._set_back(batch)
            raise
        except (Retry, ConnectorBroken):
            self._in_doubt(side, kind, batch)
            raise
        read_back = self._read_back(side, outcomes)
        with fenced(self.work.held):
            self.outcomes.store(side, batch, outcomes, read_back)

    def _still_good(
        self, side: Side, kind: WriteKind, batch: Sequence[Operation]
    ) -> tuple[list[Operation], dict[str, str | None]]:
        """Without those whose records have moved since they were planned (rule 3.9)."""
        if kind is WriteKind.CREATE:
            return self._still_missing(side, batch), {}
        ids = [op.remote_id for op in batch if op.remote_id is not None]
        resource = self.work.resources[side]
        if not resource.lock:
            self._look_again(side, ids)
        known = records_of(self.work.streams[side], ids)
        good = [op for op in batch if self._unmoved(op, side, known)]
        self._plan_again([op for op in batch if op not in good])
        return good, {id_: record.version for id_, record in known.items()}

    def _unmoved(self, op: Operation, side: Side, known: dict[str, RemoteRecord]) -> bool:
        record = known.get(op.remote_id or "")
        seen = op.seen_a if side is Side.A else op.seen_b
        return record is not None and not record.gone and record.fingerprint == seen

    def _still_missing(self, side: Side, batch: Sequence[Operation]) -> list[Operation]:
        """A record that somebody else made on this side meanwhile may be the one that we were about to make."""
        since = min(op.seen_seq for op in batch)
        foreign = (
            RemoteRecord.objects.filter(stream=self.work.streams[side], first_seq__gt=since)
            .exclude(origin_sync=self.work.sync.pk)
            .order_by("-first_seq")
            .values_list("first_seq", flat=True)
            .first()
        )
        if foreign is None:
            return list(batch)
        stale = [op for op in batch if op.seen_seq < foreign]
        self._plan_again(stale)
        return [op for op in batch if op not in stale]

    def _look_again(self, side: Side, ids: Sequence[str]) -> None:
        """A fresh read just before the write, where the app has no lock of its own (rule 3.9)."""
        resource, asked = self.work.resources[side], self.work.clock.now()
        for start in range(0, len(ids), resource.get_batch):
            records = self.work.clients[side].get(resource, ids[start : start + resource.get_batch])
            with fenced(self.work.held):
                self.outcomes.remember(side, records, asked)

    def _mark_sending(self, side: Side, batch: Sequence[Operation]) -> None:
        now = self.work.clock.now()
        deadline = now + timedelta(seconds=self.work.resources[side].deadline)
        with fenced(self.work.held):
            Operation.objects.filter(pk__in=[op.pk for op in batch]).update(
                state=OperationState.SENDING, sent_at=now, deadline=deadline, epoch=self.work.held.epoch
            )

    def _write(
        self, side: Side, kind: WriteKind, batch: Sequence[Operation], versions: dict[str, str | None]
    ) -> Sequence[Outcome]:
        writes = [
            Write(
                kind,
                {c["field"]: c["after"] for c in op.changes},
                id=op.remote_id,
                version=versions.get(op.remote_id or ""),
                key=str(op.key) if kind is WriteKind.CREATE else None,
            )
            for op in batch
        ]
        outcomes = self.work.clients[side].write(self.work.resources[side], writes)
        if len(outcomes) != len(writes):
            raise ConnectorBroken(f"{len(writes)} writes got {len(outcomes)} answers.")
        return outcomes

    def _read_back(self, side: Side, outcomes: Sequence[Outcome]) -> dict[str, Record]:
        """Records whose answer did not tell what they hold now (rule 3.7). One that cannot be read stays unread."""
        resource = self.work.resources[side]
        ids = [o.id for o in outcomes if isinstance(o, Written) and o.record is None]
        found: dict[str, Record] = {}
        for start in range(0, len(ids), resource.get_batch):
            try:
                records = self.work.clients[side].get(resource, ids[start : start + resource.get_batch])
            except ConnectorError:
                # The writes happened, and are stored as such; the records are read at the next occasion.
                return found
            found |= {record.id: record for record in records}
        return found

    # --- What did not come to an answer ----------------------------------------------------------------------

    def _set_back(self, batch: Sequence[Operation]) -> None:
        with fenced(self.work.held):
            Operation.objects.filter(pk__in=[op.pk for op in batch]).update(
                state=OperationState.PLANNED, sent_at=None, deadline=None
            )

    def _in_doubt(self, side: Side, kind: WriteKind, batch: Sequence[Operation]) -> None:
        """A creation stays *sending* until it was looked for; anything else is simply compared again."""
        if kind is WriteKind.CREATE:
            return
        with fenced(self.work.held):
            self.compare_again(side, batch)

    def compare_again(self, side: Side, batch: Sequence[Operation]) -> None:
        """An update that may or may not have happened: read the record, and plan from what it holds."""
        now = self.work.clock.now()
        ids = [op.remote_id for op in batch if op.remote_id is not None]
        make_dirty(self.work.streams[side], ids, now + timedelta(seconds=self.work.resources[side].settle))
        self.outcomes.supersede(batch)

    def _plan_again(self, batch: Sequence[Operation]) -> None:
        if batch:
            with fenced(self.work.held):
                self.outcomes.supersede(batch)
