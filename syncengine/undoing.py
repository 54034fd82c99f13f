"""Undo of a run, a record or a field, in both apps: shown first, then carried out like everything else (rule 11.2).

A preview is a run of its kind whose operations are held; what cannot be undone stands among them as refused, with its
reason. Approving it lets the operations go: the one applier checks each against what the record holds by then.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from connectors.contract import Values, WriteKind

from .core.baselines import Planned
from .core.mapping import Side
from .core.plan import Rules
from .core.undo import RULE, Ends, Left, Wrote, undo_changes, way_to_remove
from .decisions import deciding, plan_no_more
from .models import (
    Hold,
    Operation,
    OperationState,
    RecordLink,
    RemoteRecord,
    RunKind,
    RunPhase,
    RunState,
    Sync,
    SyncRun,
    SyncState,
)
from .run.associations import Associations
from .run.bulk import insert_rows
from .run.memory import pins_of, planned_from_json, planned_to_json
from .run.passing import REMOVALS
from .services import SyncError, resources_of

CHUNK = 500
LIFE = timedelta(hours=24)
"""Afterwards a preview of an undo cannot be approved any more."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be undone: a whole run, all that was written to a record, or one mapping of a record."""

    run: SyncRun | None = None
    link: RecordLink | None = None
    mapping: str = ""


def preview(sync: Sync, target: Target, *, actor: str) -> SyncRun:
    """What an undo would write, and what it would leave alone, and why. Nothing is sent yet.

    Of a run that is still at work it is what was written so far. Raises SyncError where there is nothing to undo.
    """
    if sync.active is None or sync.state != SyncState.ON:
        raise SyncError(_("Turn the sync on first."))
    done = _done(sync, target)
    if not done.exists():
        raise SyncError(_("Nothing was written that could be undone."))
    with transaction.atomic():
        now = timezone.now()
        run = sync.runs.create(
            version=sync.active, kind=RunKind.UNDO, started_by=actor, started_at=now, finished_at=now,
            state=RunState.DONE, phase=RunPhase.DONE,
        )  # fmt: skip
        undo = _Undo(sync, run)
        for links in _chunks(done):
            insert_rows(undo.operations(done.filter(link__in=links), target.mapping))
        rows = run.operations.values_list("state", "kind").annotate(n=Count("pk")).order_by()
        if not rows:
            raise SyncError(_("All of it is as it was before already."))
        run.progress = {"planned": sum(n for state, _kind, n in rows if state == OperationState.HELD)}
        run.progress["left"] = sum(n for _state, _kind, n in rows) - run.progress["planned"]
        run.progress["deleted"] = sum(n for _state, kind, n in rows if kind == WriteKind.DELETE)
        run.save(update_fields=["progress"])
    return run


def approve(run: SyncRun, *, actor: str, delete: bool = False) -> SyncRun:
    """Carry it out. `delete` confirms that records are deleted where their app has no archive.

    Each operation is checked once more just before it is sent. Raises SyncError.
    """
    sync = run.sync
    if sync.state != SyncState.ON:
        raise SyncError(_("Turn the sync on first."))
    with deciding(sync):
        locked, now = _undecided(run), timezone.now()
        held = locked.operations.filter(state=OperationState.HELD, hold=Hold.PREVIEW)
        if not held.exists():
            raise SyncError(_("There is nothing that could be undone."))
        if not delete and held.filter(kind=WriteKind.DELETE).exists():
            raise SyncError({"delete": _("Some records would be deleted for good. Confirm that first.")})
        busy = Operation.objects.filter(
            link__in=held.values("link_id"), state__in=[OperationState.SENDING, OperationState.PLANNED]
        )
        taken = busy.filter(state=OperationState.SENDING) | busy.exclude(undoes=[])
        held.filter(link__in=list(taken.values_list("link_id", flat=True))).update(
            state=OperationState.REFUSED, error=Left.BUSY, hold="", ended_at=now
        )
        links = list(RecordLink.objects.filter(pk__in=held.values("link_id")).only("pk"))
        plan_no_more(links)
        RecordLink.objects.filter(pk__in=[link.pk for link in links]).update(replan=True)
        held.update(state=OperationState.PLANNED, hold="", decided_by=actor, decided_at=now, planned_at=now)
        locked.decided_by, locked.decided_at, locked.started_at = actor, now, now
        locked.state, locked.phase, locked.finished_at = RunState.RUNNING, RunPhase.APPLYING, None
        locked.save(update_fields=["decided_by", "decided_at", "started_at", "state", "phase", "finished_at"])
    return locked


def discard(run: SyncRun, *, actor: str) -> None:
    """Forget a preview. Raises SyncError where it was approved already."""
    with transaction.atomic():
        locked = _undecided(run)
        locked.operations.all().delete()
        locked.delete()


def _undecided(run: SyncRun) -> SyncRun:
    locked = SyncRun.objects.select_for_update(of=("self",)).filter(pk=run.pk, kind=RunKind.UNDO).first()
    if locked is None:
        raise SyncError(_("There is no such undo any more."))
    if locked.decided_at is not None:
        raise SyncError(_("Somebody has approved this undo already."))
    if locked.started_at + LIFE < timezone.now():
        raise SyncError(_("This preview has ended. Make a new one."))
    return locked


def _done(sync: Sync, target: Target) -> QuerySet[Operation]:
    done = Operation.objects.filter(link__pair_id=sync.pair_id, state=OperationState.DONE, link__isnull=False)
    # A whole record goes back to what it was before us; an undo is taken back only by its own run.
    done = done.filter(run=target.run) if target.run is not None else done.filter(undoes=[])
    if target.link is not None:
        done = done.filter(link=target.link)
    if target.mapping:
        done = done.filter(changes__contains=[{"mapping": target.mapping}])
    return done.order_by("-pk")


def _chunks(done: QuerySet[Operation]) -> Iterator[list[int]]:
    """Keys of the links, portion by portion."""
    pks = done.order_by("link_id").values_list("link_id", flat=True).distinct()
    after = 0
    while links := list(pks.filter(link_id__gt=after)[:CHUNK]):
        after = links[-1]
        yield links


class _Undo:
    """Makes the operations of one undo, by the set."""

    def __init__(self, sync: Sync, run: SyncRun) -> None:
        self.sync, self.run = sync, run
        resources = resources_of(sync)
        self.rules = Rules(sync.settings, resources[Side.A], resources[Side.B])
        self.associations = Associations(sync.pair, self.rules)

    def operations(self, done: Iterable[Operation], mapping: str) -> list[Operation]:
        by_end: dict[tuple[int, Side], list[Operation]] = defaultdict(list)
        for op in done:
            by_end[(int(op.link_id or 0), Side(op.side))].append(op)
        links = RecordLink.objects.in_bulk({pk for pk, _side in by_end})
        records = {side: self._records(side, links.values()) for side in Side}
        seen: dict[Side, list[Values]] = {
            side: [record.values for record in records[side].values()]
            + [
                {c["field"]: c["before"]}
                for (_pk, s), ops in by_end.items()
                if s is side
                for o in ops
                for c in o.changes
            ]
            for side in Side
        }
        rules = self.associations.knowing(seen)
        found: list[Operation] = []
        for (pk, side), ops in by_end.items():
            found += self._of_end(rules, links[pk], side, ops, records, mapping)
        _know_each_other(found)
        return found

    def _records(self, side: Side, links: Iterable[RecordLink]) -> dict[str, RemoteRecord]:
        ids = [end for link in links if (end := link.end(side)) is not None]
        return {
            r.remote_id: r for r in RemoteRecord.objects.filter(stream=self.sync.pair.stream(side), remote_id__in=ids)
        }

    def _of_end(
        self,
        rules: Rules,
        link: RecordLink,
        side: Side,
        ops: Sequence[Operation],
        records: Mapping[Side, Mapping[str, RemoteRecord]],
        mapping: str,
    ) -> list[Operation]:
        """What takes back all that these wrote to one record, the newest first."""
        ids = [op.pk for op in ops]
        ends = {s: records[s].get(link.end(s) or "") for s in Side}
        record = ends[side]
        creation = next((op for op in ops if op.kind == WriteKind.CREATE), None)
        every = [change for op in ops for change in op.changes]
        kind = WriteKind.ARCHIVE if creation is not None and not mapping else WriteKind.UPDATE

        def left(why: Left, changes: Sequence[Mapping[str, Any]]) -> Operation:
            return self._operation(link, side, kind, ids, ends, changes, {}, why)

        if any(op.kind in REMOVALS for op in ops):
            return [left(Left.DELETION, every)]
        if link.closed_at is not None or not link.is_whole or any(op.remote_id != link.end(side) for op in ops):
            return [left(Left.UNLINKED, every)]
        if record is None or record.gone or ends[side.other] is None:
            return [left(Left.GONE, every)]
        pinned = pins_of(link, self.run.started_at).get(side, frozenset())
        if link.paused or (pinned and kind is not WriteKind.UPDATE):
            return [left(Left.HELD_STILL, every)]
        if creation is not None and not mapping:
            way = way_to_remove(rules, rules.resources[side], side)
            if not record.pristine:
                return [left(Left.TOUCHED, every)]
            if isinstance(way, Left):
                return [left(way, every)]
            return [self._operation(link, side, way, ids, ends, [], {})]
        memory = Ends(
            {s: r.values if r is not None else {} for s, r in ends.items()},
            {Side.A: link.baseline_a, Side.B: link.baseline_b},
            link.notes,
            link.provenance,
        )
        undoing = undo_changes(rules, side, [_wrote(op) for op in ops], memory, mapping)
        found = []
        free = [change for change in undoing.changes if change["field"] not in pinned]
        reasons: dict[Left, list[Mapping[str, Any]]] = defaultdict(list)
        if free:
            fields = {strand for change in free for strand in rules.strands_of_field(side, change["field"])}
            strands = {strand: planned for strand, planned in undoing.strands.items() if strand in fields}
            found.append(self._operation(link, side, kind, ids, ends, free, strands))
        if len(free) < len(undoing.changes):
            reasons[Left.HELD_STILL] = [change for change in undoing.changes if change["field"] in pinned]
        for why, change in undoing.left:
            reasons[why].append(change)
        return found + [left(why, changes) for why, changes in reasons.items()]

    def _operation(
        self,
        link: RecordLink,
        side: Side,
        kind: WriteKind,
        undoes: Sequence[int],
        ends: Mapping[Side, RemoteRecord | None],
        changes: Sequence[Mapping[str, Any]],
        strands: Mapping[str, Planned],
        left: Left | None = None,
    ) -> Operation:
        a, b = ends[Side.A], ends[Side.B]
        return Operation(
            run=self.run,
            link=link,
            a_id=link.a_id,
            b_id=link.b_id,
            label=link.label,
            side=side.value,
            kind=kind.value,
            remote_id=link.end(side),
            changes=[dict(change) | {"rule": RULE} for change in changes],
            strands=planned_to_json(strands),
            seen_a=a.fingerprint if a is not None else "",
            seen_b=b.fingerprint if b is not None else "",
            key=uuid.uuid4(),
            undoes=list(undoes),
            state=OperationState.HELD if left is None else OperationState.REFUSED,
            hold=Hold.PREVIEW if left is None else "",
            error=left.value if left is not None else "",
            planned_at=self.run.started_at,
            ended_at=None if left is None else self.run.started_at,
        )


def _know_each_other(operations: Iterable[Operation]) -> None:
    """Where both sides of a link go back, each is in step with what the other will hold then."""
    held = {(op.link_id, op.side): op for op in operations if op.state == OperationState.HELD}
    for (link, side), op in held.items():
        other = held.get((link, Side(side).other.value))
        for strand in set(op.strands) & set(other.strands if other is not None else ()):
            assert other is not None
            op.strands[strand][other.side] = other.strands[strand]["carries"]


def _wrote(op: Operation) -> Wrote:
    return Wrote(op.pk, op.run_id, op.kind, op.remote_id or "", op.changes, planned_from_json(op.strands))
