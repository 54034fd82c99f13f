"""Operations that were sent and never answered: the worker died, or the answer was lost (rule 10.4).

Whoever holds the sync's lease is its only writer, so every operation that says *sending* when a slice begins was
sent by somebody who is gone. An update is simply compared again. A creation is looked for before it is sent once
more: by its key, by its stamp, else among the records first seen since.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from connectors.contract import Idempotency, Record, WriteKind, Written

from ..core.mapping import Side
from ..core.match import Keys, keys_of, tier
from ..core.rules import Rules
from ..core.scope import may_create
from ..core.states import FailureClass
from ..models import Operation, OperationState, RecordLink, RemoteRecord
from .apply import Applier
from .context import Slice
from .lease import fenced
from .state import settle

_IS_ANY = """
SELECT EXISTS (SELECT FROM syncengine_operation operation JOIN syncengine_recordlink link ON link.id = operation.link_id
                WHERE link.pair_id = %s AND operation.state = %s)
"""


def _is_any(work: Slice) -> bool:
    """Written out, since each slice begins with it."""
    with connection.cursor() as cursor:
        cursor.execute(_IS_ANY, [work.sync.pair_id, OperationState.SENDING])
        return bool(cursor.fetchone()[0])


class Doubts:
    """Settles what an earlier slice left in doubt."""

    def __init__(self, work: Slice) -> None:
        self.work = work
        self.applier = Applier(work)
        self._left = _is_any(work)
        """Earlier slices left something in doubt. This one can only settle it: what it leaves itself ends it."""

    def settle_before_reading(self) -> None:
        """What needs no look at the records: updates, and creations that may safely be sent again.

        Those are sent again before anything is read: nobody is to meet the record they made as if it were new.
        """
        for side in Side:
            pending = self._pending(side)
            updates = [op for op in pending if op.kind != WriteKind.CREATE and self._has_passed(side, op)]
            if updates:
                with fenced(self.work.held):
                    self.applier.compare_again(side, updates)
            if self._knows_keys(side):
                self.applier.send_again(side, [op for op in pending if op.kind == WriteKind.CREATE])

    def settle_after_reading(self) -> None:
        """Creations without a key: looked for where they must show by now, else planned once more."""
        for side in Side:
            pending = [op for op in self._pending(side) if op.kind == WriteKind.CREATE]
            if pending and self.work.resources[side].idempotency is Idempotency.STAMP:
                self._by_stamp(side, pending)
            else:
                for op in pending:
                    if self._is_ripe(side, op):
                        self._by_content(side, op)

    def _knows_keys(self, side: Side) -> bool:
        """May creations be sent again? What the settings forbid by now is only looked for."""
        resource = self.work.resources[side]
        return resource.idempotency is Idempotency.KEY and not may_create(self.work.rules.settings, side, resource)

    @property
    def next_look(self) -> datetime | None:
        """When the first write that is still in doubt can be settled."""
        ripe = [at for side in Side for op in self._pending(side) if (at := self._ripe_at(side, op)) is not None]
        return min(ripe, default=None)

    def _of_pair(self) -> QuerySet[Operation]:
        return Operation.objects.filter(link__pair=self.work.sync.pair, state=OperationState.SENDING)

    def _pending(self, side: Side) -> list[Operation]:
        if not self._left:
            return []
        return list(self._of_pair().filter(side=side.value).select_related("link").order_by("pk"))

    def _ripe_at(self, side: Side, op: Operation) -> datetime | None:
        """After this, it shows in reads if it ever happened."""
        settle_time = timedelta(seconds=self.work.resources[side].settle)
        return None if op.deadline is None else op.deadline + settle_time

    def _has_passed(self, side: Side, op: Operation) -> bool:
        """A request that may still take effect could undo what is written meanwhile, and look like an edit."""
        at = self._ripe_at(side, op)
        return at is None or at <= self.work.clock.now()

    def _is_ripe(self, side: Side, op: Operation) -> bool:
        """The stream must have been read since, too."""
        at, read_at = self._ripe_at(side, op), self.work.streams[side].read_at
        return at is not None and read_at is not None and read_at > at

    def _by_stamp(self, side: Side, operations: Sequence[Operation]) -> None:
        found: dict[str, Record] = {}
        for start in range(0, len(operations), self.work.resources[side].get_batch):
            keys = [str(op.key) for op in operations[start : start + self.work.resources[side].get_batch]]
            found |= self.work.clients[side].find(self.work.resources[side], keys)
        with fenced(self.work.held):
            for op in operations:
                record = found.get(str(op.key))
                if record is not None:
                    self._adopt(side, op, record)
                elif self._is_ripe(side, op) and not self._was_removed(side, op):
                    self.applier.outcomes.supersede([op])

    def _by_content(self, side: Side, op: Operation) -> None:
        """By match key, else as an exact twin, among the unlinked records first seen since it was planned."""
        with fenced(self.work.held):
            found, by_key = self._found(side, op)
            if len(found) == 1:
                row = found[0]
                self._adopt(side, op, Record(row.remote_id, row.values, row.version, None, row.modified_at))
            elif not found and self._was_removed(side, op):
                pass
            elif not found and by_key:
                self.applier.outcomes.supersede([op])
            else:
                self._ask_a_person(op)

    def _was_removed(self, side: Side, op: Operation) -> bool:
        """Was it seen, and removed by people before the doubt was settled? It is never made again (rule 8.1)."""
        found, _ = self._found(side, op, gone=True)
        if len(found) == 1:
            self.applier.outcomes.made_and_removed(side, op, found[0].remote_id)
        elif found:
            self._ask_a_person(op)
        return bool(found)

    def _found(self, side: Side, op: Operation, *, gone: bool = False) -> tuple[list[RemoteRecord], bool]:
        """(records that may be it, whether it had a match key to be found by). Of equal ones any is as good."""
        stream, resource = self.work.streams[side], self.work.resources[side]
        new = RemoteRecord.objects.filter(stream=stream, gone=gone, first_seq__gt=op.seen_seq, origin_sync=None)
        whole = {f"{side.other.value}_id__isnull": False, f"{side.value}_id": OuterRef("remote_id")}
        new = new.exclude(Exists(RecordLink.objects.filter(pair=op.link.pair, closed_at=None, **whole)))
        sent = {c["field"]: c["after"] for c in op.changes}
        keys = keys_of(sent, resource, stream.own_keys, self.work.rules.locale)
        by_key = self._same(side, keys, keys)
        matching = [r for r in new if self._same(side, keys, Keys.from_json(r.keys))] if by_key else list(new)
        rules = self.work.associations.knowing({side: [r.values for r in matching]})
        twins = [r for r in matching if _is_twin(rules, side, op, r)]
        return (twins[:1] if twins or not by_key else matching), by_key

    def _same(self, side: Side, ours: Keys, theirs: Keys) -> bool:
        settings = self.work.rules.settings
        matching = settings.matching
        if matching.field_a or matching.field_b:
            own = matching.field_a if side is Side.A else matching.field_b
            return bool(ours.own.get(own)) and ours.own.get(own) == theirs.own.get(own)
        return tier(settings.kind, matching, ours, theirs) is not None

    def _adopt(self, side: Side, op: Operation, record: Record) -> None:
        """It had happened: store it as the answer that was lost."""
        self.applier.outcomes.store(side, [op], [Written(record.id, record)], {})

    def _ask_a_person(self, op: Operation) -> None:
        now = self.work.clock.now()
        Operation.objects.filter(pk=op.pk).update(
            state=OperationState.REFUSED, error=FailureClass.IN_DOUBT.value, ended_at=now
        )
        settle(op.link, failure=FailureClass.IN_DOUBT)
        op.link.replan = False
        op.link.save(update_fields=["state", "cause", "detail", "candidates", "replan"])
        self.work.touched = True


def given_up(links: Sequence[int]) -> QuerySet[Operation]:
    """Of each of these links the last creation that was put to a person (rule 10.4)."""
    refused = Operation.objects.filter(link__in=links, state=OperationState.REFUSED, error=FailureClass.IN_DOUBT)
    last = refused.order_by("link_id", "-pk").distinct("link_id").values_list("pk", flat=True)
    return Operation.objects.filter(pk__in=list(last))


def look_again(links: Sequence[int]) -> None:
    """Have the creations of these links looked for once more, as if their answers had been lost just now."""
    again = given_up(links)
    RecordLink.objects.filter(pk__in=again.values("link_id")).update(replan=True)
    again.update(state=OperationState.SENDING, error="", ended_at=None)


def _is_twin(rules: Rules, side: Side, op: Operation, record: RemoteRecord) -> bool:
    looks = rules.looks(side, record.values)
    return all(looks.get(strand) == planned["carries"] for strand, planned in op.strands.items())
