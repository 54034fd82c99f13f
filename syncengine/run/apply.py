"""Applying: operations become writes, and answers become baselines. The only code that writes through a client.

Each batch is marked as sent before it is sent (rule 10.4), and everything that its answers change is stored in one
transaction under the leases. What the app answers is an outcome, not an error: a record that moved meanwhile is
planned again, a value that is refused is parked, a creation whose answer is lost stays *sending* until
`doubt` has settled it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from connectors.contract import (
    ConnectorBroken,
    ConnectorError,
    Idempotency,
    Outcome,
    PermissionLost,
    RateLimited,
    Record,
    Refused,
    SignInAgain,
    Write,
    WriteKind,
    Written,
)
from tenants.again import again

from ..core.mapping import Side
from ..core.rules import Rules
from ..models import Operation, OperationState, RemoteRecord, RunPhase
from . import undone
from .circuit import Circuit
from .context import Halted, Slice
from .lanes import Call
from .lease import check, fenced
from .outcomes import Outcomes
from .passing import REMOVALS
from .read import make_dirty
from .relay import Line, Steps, alone, together
from .rows import OPERATIONS, array
from .store import records_of

ORDER = (WriteKind.UPDATE, WriteKind.CREATE, WriteKind.ARCHIVE, WriteKind.DELETE)
"""Fresh edits of what exists go ahead of the bulk of a first run."""
PACKET = 50
"""Operations that are marked and answered together where an app takes few at a time."""
BATCHES = 5
"""Batches that are marked and answered together, where an app takes many at a time."""
PACKET_TIME = timedelta(seconds=5)
"""After this, what is left of a packet is not begun."""


_RUNS = """
SELECT id FROM syncengine_syncrun AS run
 WHERE EXISTS (SELECT FROM syncengine_operation
                WHERE run_id = run.id AND state = 'planned' AND side = %s AND kind = %s)
   AND sync_id = %s ORDER BY id
"""
_NEXT = "run_id = %s AND state = 'planned' AND side = %s AND kind = %s AND id > %s ORDER BY id LIMIT %s"
_SEND = """
UPDATE syncengine_operation SET state = 'sending', sent_at = %s, deadline = %s, epoch = %s
 WHERE id = ANY(%s::bigint[]) AND state = %s
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an app said to one operation."""

    op: Operation
    outcome: Outcome


class Applier:
    """Carries out what is planned of one sync."""

    def __init__(self, work: Slice) -> None:
        self.work = work
        self.outcomes = Outcomes(work)
        self.circuit = Circuit(work)
        self._halted = False
        """Somebody met an error: nothing more is begun."""
        self._ended_early = False
        self._narrow: set[Side] = set()
        """Where one packet at a time is under way, since what is in doubt of it could not be looked for."""

    def apply(self) -> bool:
        """All planned operations; False if the slice ended first. Raises what stops the account."""
        self._ended_early = False
        together([self._line(side) for side in Side], self.work.lanes, halt=self._halt)
        return not self._ended_early

    def _halt(self) -> None:
        self._halted = True

    def _line(self, side: Side) -> Line:
        client = self.work.clients[side]

        def width() -> int:
            narrow = self.circuit.is_probing(side) or side in self._narrow
            return 1 if narrow else self.work.lanes.width(client.width)

        return Line(self._pieces(side), width, client.expect)

    def _pieces(self, side: Side) -> Iterator[Steps[None]]:
        """One a packet. No two have a record in common: of each there is one open operation a side."""
        for kind in ORDER:
            if kind is WriteKind.CREATE and self.work.resources[side].idempotency is Idempotency.NONE:
                self._narrow.add(side)
            else:
                self._narrow.discard(side)
            for packet in self._packets(side, kind):
                yield self._piece(side, kind, packet)
                if self.work.over or self._halted:
                    self._ended_early = True
                    return

    def _piece(self, side: Side, kind: WriteKind, packet: Sequence[Operation]) -> Steps[None]:
        yield from self._carry_out(side, kind, packet)
        self.circuit.judge(side)
        self.work.show(RunPhase.APPLYING)

    def _packets(self, side: Side, kind: WriteKind) -> Iterator[list[Operation]]:
        for run in self._runs(side, kind):
            after = 0
            while not self.circuit.holds_off(side):
                size = self.circuit.packet_size(side, self._packet_size(side, kind))
                packet = OPERATIONS.find(_NEXT, [run, side.value, kind.value, after, size])
                if not packet:
                    break
                after = packet[-1].id
                yield packet

    def _runs(self, side: Side, kind: WriteKind) -> list[int]:
        """Runs of the sync with something to do, the oldest first: each has its operations in order in an index."""
        with connection.cursor() as cursor:
            cursor.execute(_RUNS, [side.value, kind.value, self.work.sync.pk])
            return [run for (run,) in cursor.fetchall()]

    def _packet_size(self, side: Side, kind: WriteKind) -> int:
        """Of what could not be looked for, and of what no lock protects, as little as possible is under way."""
        resource = self.work.resources[side]
        size = resource.batch_size(kind)
        alone = resource.idempotency is Idempotency.NONE if kind is WriteKind.CREATE else not resource.lock
        # Where several packets are under way at a time, each is small: what they have in hand is stored one by one.
        several = self.work.lanes.width(self.work.clients[side].width) > 1
        # After a worker died with it, what it achieves is stored at once: deaths in a row are to be without any.
        small = alone or self.work.held.deaths > 0
        return size if small else max(PACKET // size, 1 if several else BATCHES) * size

    def _carry_out(self, side: Side, kind: WriteKind, packet: Sequence[Operation]) -> Steps[None]:
        self.work.go_on()
        packet, known = yield from self._still_good(side, kind, packet)
        if packet:
            self._mark_sending(side, packet, was=OperationState.PLANNED)
            yield from self._send(side, kind, packet, known)

    def _send(
        self,
        side: Side,
        kind: WriteKind,
        packet: Sequence[Operation],
        known: Mapping[str, RemoteRecord],
        *,
        in_doubt: bool = False,
    ) -> Steps[None]:
        """Send what is marked as being sent, and store the answers. Raises what stops the account.

        `in_doubt`: it was sent before. What is not sent once more now may have happened all the same: it stays so.
        """
        began = self.work.clock.now()
        batches = deque(_batches(packet, self.work.resources[side].batch_size(kind)))
        first: Sequence[Operation] | None = None
        """Half of a batch that was refused: if it is taken, the other half is to blame, and halved unasked."""
        answers: list[Answer] = []
        stopped: ConnectorError | None = None
        while batches and stopped is None and not (answers and self._is_enough(began)):
            check(self.work.held)
            batch = batches.popleft()
            try:
                outcomes = yield self._question(side, kind, batch, known)
                found = self._answers(side, batch, outcomes)
            except ConnectorError as error:
                stopped = error
                if isinstance(error, RateLimited | SignInAgain | PermissionLost):
                    batches.appendleft(batch)  # Nothing happened: they go when the account is well again.
                # Anything else is in doubt, and stays *sending* until it was looked for (`doubt`).
                continue
            if found is None:
                first = _halve(batch, batches)
                continue
            answers += found
            if batch is first and not any(isinstance(outcome, Refused) for outcome in outcomes):
                other = batches.popleft()
                first = _halve(other, batches)
        unsent = [] if in_doubt else [op for batch in batches for op in batch]
        yield from self._store(side, answers, unsent, known)
        if stopped is not None:
            raise stopped

    def send_again(self, side: Side, operations: Sequence[Operation]) -> None:
        """Creations that may be sent any number of times, since the app knows their keys."""
        for packet in _batches(operations, self._packet_size(side, WriteKind.CREATE)):
            self.work.go_on()
            self._mark_sending(side, packet, was=OperationState.SENDING)
            alone(self._send(side, WriteKind.CREATE, packet, {}, in_doubt=True))

    def _is_enough(self, began: datetime) -> bool:
        return self._halted or self.work.clock.now() - began > PACKET_TIME

    def _question(
        self, side: Side, kind: WriteKind, batch: Sequence[Operation], known: Mapping[str, RemoteRecord]
    ) -> Call:
        client, resource = self.work.clients[side], self.work.resources[side]
        writes = [_as_write(op, kind, known) for op in batch]
        return lambda: client.write(resource, writes)

    def _answers(self, side: Side, batch: Sequence[Operation], outcomes: Sequence[Outcome]) -> list[Answer] | None:
        """The app's answers to one batch; None where it takes all or nothing, and one of several was refused."""
        if len(outcomes) != len(batch):
            raise ConnectorBroken(f"{len(batch)} writes got {len(outcomes)} answers.")
        resource = self.work.resources[side]
        if resource.atomic and len(batch) > 1 and any(isinstance(outcome, Refused) for outcome in outcomes):
            return None
        return [Answer(op, outcome) for op, outcome in zip(batch, outcomes, strict=True)]

    def _store(
        self, side: Side, answers: Sequence[Answer], unsent: Sequence[Operation], known: Mapping[str, RemoteRecord]
    ) -> Steps[None]:
        outcomes = [answer.outcome for answer in answers]
        read_back = yield from self._read_back(side, [a.outcome for a in answers if a.op.kind not in REMOVALS])
        before, sync = dict(self.work.progress), self.work.sync
        planned = sync.planned_a, sync.planned_b

        def store() -> None:
            self.work.progress = dict(before)
            sync.planned_a, sync.planned_b = planned
            with fenced(self.work.held):
                if answers:
                    self.outcomes.store(side, [answer.op for answer in answers], outcomes, read_back, known)
                if unsent:
                    self._set_back(unsent)

        again(store)  # An answer is told once only.
        self.work.associations.look_once_more([answer.op.link_id for answer in answers])

    def _still_good(
        self, side: Side, kind: WriteKind, packet: Sequence[Operation]
    ) -> Steps[tuple[list[Operation], Mapping[str, RemoteRecord]]]:
        """Without those whose records have moved since they were planned (rule 3.9); and what is written over."""
        if kind is WriteKind.CREATE:
            return self._still_missing(side, packet), {}
        ids = [op.remote_id for op in packet if op.remote_id is not None]
        if not self.work.resources[side].lock:
            yield from self._look_again(side, ids)
        known = records_of(self.work.streams[side], ids)
        rules = self.work.associations.knowing({side: [record.values for record in known.values()]})
        ordinary = [op for op in packet if not op.undoes]
        good = [op for op in ordinary if _unmoved(op, side, known.get(op.remote_id or ""), rules)]
        still = {op.id for op in good}
        self._plan_again([op for op in ordinary if op.id not in still])
        good += self._still_to_undo(side, [op for op in packet if op.undoes], known, rules)
        return good, known

    def _still_to_undo(
        self, side: Side, operations: Sequence[Operation], known: Mapping[str, RemoteRecord], rules: Rules
    ) -> list[Operation]:
        if not operations:
            return []
        with fenced(self.work.held):
            todo, arrived = undone.sort_out(self.work, side, operations, known, rules)
            if arrived:
                self.outcomes.store(side, [op for op, _ in arrived], [outcome for _, outcome in arrived], {})
        return todo

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
        return [op for op in batch if op.seen_seq >= foreign]

    def _look_again(self, side: Side, ids: Sequence[str]) -> Steps[None]:
        """A fresh read just before the write, where the app has no lock of its own (rule 3.9)."""
        resource, asked = self.work.resources[side], self.work.clock.now()
        for start in range(0, len(ids), resource.get_batch):
            some = ids[start : start + resource.get_batch]
            records = yield self._reading(side, some)
            with fenced(self.work.held):
                self.outcomes.remember(side, records, asked, wanted=some)

    def _mark_sending(self, side: Side, packet: Sequence[Operation], *, was: OperationState) -> None:
        """Written down before it is sent (rule 10.4). Raises Halted where a person ended the pass meanwhile."""
        now = self.work.clock.now()
        waits = PACKET_TIME + timedelta(seconds=self.work.clients[side].patience)
        deadline = now + waits + timedelta(seconds=self.work.resources[side].deadline)
        with fenced(self.work.held):
            with connection.cursor() as cursor:
                ids = array(op.id for op in packet)
                cursor.execute(_SEND, [now, deadline, self.work.held.epoch, ids, was.value])
                marked = cursor.rowcount
            if marked < len(packet):
                raise Halted

    def _reading(self, side: Side, ids: Sequence[str]) -> Call:
        client, resource = self.work.clients[side], self.work.resources[side]
        return lambda: client.get(resource, ids)

    def _read_back(self, side: Side, outcomes: Sequence[Outcome]) -> Steps[dict[str, Record]]:
        """Records whose answer did not tell what they hold now (rule 3.7). One that cannot be read stays unread."""
        resource = self.work.resources[side]
        ids = [o.id for o in outcomes if isinstance(o, Written) and o.record is None]
        if ids:
            check(self.work.held)
        found: dict[str, Record] = {}
        for start in range(0, len(ids), resource.get_batch):
            try:
                records = yield self._reading(side, ids[start : start + resource.get_batch])
            except ConnectorError:
                # The writes happened, and are stored as such; the records are read at the next occasion.
                return found
            found |= {record.id: record for record in records}
        return found

    # --- What did not come to an answer ----------------------------------------------------------------------

    def _set_back(self, batch: Sequence[Operation]) -> None:
        Operation.objects.filter(pk__in=[op.pk for op in batch]).update(
            state=OperationState.PLANNED, sent_at=None, deadline=None
        )

    def compare_again(self, side: Side, batch: Sequence[Operation]) -> None:
        """An update that did or did not happen, which shows by now: read the record, and plan from what it holds."""
        ids = [op.remote_id for op in batch if op.remote_id is not None]
        make_dirty(self.work.streams[side], ids, self.work.clock.now())
        self._set_back([op for op in batch if op.undoes])  # Whether it has happened shows before it is sent again.
        self.outcomes.supersede([op for op in batch if not op.undoes])

    def _plan_again(self, batch: Sequence[Operation]) -> None:
        if batch:
            with fenced(self.work.held):
                self.outcomes.supersede(batch)


def _unmoved(op: Operation, side: Side, record: RemoteRecord | None, rules: Rules) -> bool:
    """Does it still hold what the operation was planned from? What else has changed of it is not touched."""
    if record is None or record.gone or record.suspect:
        return False
    if record.fingerprint == (op.seen_a if side is Side.A else op.seen_b):
        return True
    if op.kind in REMOVALS:
        return False
    looks = rules.looks(side, record.values)
    return all(record.values.get(c["field"]) == c["before"] for c in op.changes) and all(
        looks.get(strand) == planned[side.value] for strand, planned in op.strands.items()
    )


def _batches(operations: Sequence[Operation], size: int) -> list[Sequence[Operation]]:
    return [operations[start : start + size] for start in range(0, len(operations), size)]


def _halve(batch: Sequence[Operation], batches: deque[Sequence[Operation]]) -> Sequence[Operation] | None:
    """Both halves go first; the first of them is returned. A single operation cannot be halved: None."""
    middle = len(batch) // 2
    if not middle:
        batches.appendleft(batch)
        return None
    batches.extendleft([batch[middle:], batch[:middle]])
    return batches[0]


def _as_write(op: Operation, kind: WriteKind, known: Mapping[str, RemoteRecord]) -> Write:
    record = known.get(op.remote_id or "")
    return Write(
        kind,
        {} if kind in REMOVALS else {c["field"]: c["after"] for c in op.changes},
        id=op.remote_id,
        version=record.version if record is not None else None,
        key=str(op.key) if kind is WriteKind.CREATE else None,
    )
