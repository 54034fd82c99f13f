"""What an app's answers change: operations, remote records, baselines, provenance, states. One transaction each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from django.db import connection

from connectors.contract import (
    DuplicateRecord,
    NotFound,
    Outcome,
    Record,
    Refusal,
    Refused,
    Values,
    VersionMismatch,
    WriteKind,
    Written,
)

from ..core.baselines import is_ignored
from ..core.lens import ManyFields
from ..core.mapping import Side
from ..core.merge import Reason
from ..core.plan import Planned, baselines_after, note_after
from ..core.rules import Rules
from ..core.states import FailureClass
from ..core.storable import storable_print
from ..core.values import Key
from ..core.why import tell
from ..models import KeptApart, Operation, OperationState, RecordLink, RemoteRecord, Sync
from . import undone
from .bulk import update_rows
from .circuit import count
from .context import Slice
from .lease import achieved
from .matching import drop_rows
from .memory import base_of, changed_names, count_turns, forget_former, next_wake, note, park, planned_from_json
from .passing import REMOVALS
from .read import make_dirty
from .rows import LINKS, array, attach, links_at
from .settling import IGNORED, shows_the_past
from .state import settle
from .store import Seen, label_of, mark_gone, records_of, store_records
from .survivors import there, told_by

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(days=1)
LINK_FIELDS = [
    "a_id", "b_id", "label", "state", "cause", "detail", "candidates", "baseline_a", "baseline_b", "provenance",
    "notes", "parked", "replan", "attempts", "next_try_at", "made_by", "changed_at", "flips", "decision",
    "closed_at",
]  # fmt: skip

_DONE = """
UPDATE syncengine_operation SET state = 'done', error = '', message = '', ended_at = %s, deadline = NULL
 WHERE id = ANY(%s::bigint[])
"""
_stored = attrgetter(*LINK_FIELDS)


class Outcomes:
    """Stores answers for one slice. Every method runs within `lease.fenced`."""

    def __init__(self, work: Slice) -> None:
        self.work = work

    def remember(self, side: Side, records: Sequence[Record], asked: datetime, *, wanted: Collection[str] = ()) -> None:
        """Records that were read for another reason than a pass; `wanted` are the ids that were asked for."""
        told = told_by(records)
        merged = {id_: told[id_] for id_ in wanted if id_ in told and id_ not in {r.id for r in there(records)}}
        if merged:
            mark_gone(self.work.streams[side], merged, at=asked)
        store_records(
            self.work.streams[side],
            self.work.resources[side],
            [Seen(record, asked) for record in there(records)],
            self.work.rules.locale,
            settle=timedelta(seconds=self.work.resources[side].settle),
        )

    def supersede(self, operations: Sequence[Operation]) -> None:
        """Plan their links again at the next occasion."""
        Operation.objects.filter(pk__in=[op.id for op in operations]).update(
            state=OperationState.SUPERSEDED, ended_at=self.work.clock.now()
        )
        RecordLink.objects.filter(pk__in=[op.link_id for op in operations]).update(replan=True)

    def made_and_removed(self, side: Side, op: Operation, id_: str) -> None:
        """What this creation has most likely made was removed there since: its link leads to where it was.

        Nothing was ever in step, so planning shows it as deleted there, and passes nothing on (rules 8.1 and 8.3).
        """
        self.supersede([op])
        if self._take_end(op.link, side, id_, self._rows_of(side, [id_])):
            op.link.made_by, op.link.replan = "created", True
            op.link.save(update_fields=[f"{side.value}_id", "decision", "made_by", "replan"])
        self.work.touched = True

    def store(
        self,
        side: Side,
        batch: Sequence[Operation],
        outcomes: Sequence[Outcome],
        read_back: dict[str, Record],
        known: Mapping[str, RemoteRecord] | None = None,
    ) -> None:
        """The answers to these operations, one by one. `known`: the rows that were written over, if they are at hand
        and nothing has been stored of them since."""
        found = LINKS.find("id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE", [array(op.link_id for op in batch)])
        links = {link.id: link for link in found}
        before = {link.id: _stored(link) for link in found}
        known_to_plan = self._is_planned(side)
        sent = {op.id: op.remote_id for op in batch}
        made = [o.id for op, o in zip(batch, outcomes, strict=True) if op.kind == WriteKind.CREATE and _is_written(o)]
        others = self._rows_of(side, made)
        written: list[tuple[Operation, Written]] = []
        for op, outcome in zip(batch, outcomes, strict=True):
            attach(op, "link", links[op.link_id])
            op.deadline = None
            if isinstance(outcome, NotFound) and op.undoes and op.kind in REMOVALS:
                outcome = Written(str(op.remote_id))  # It is gone, which is what was wanted.
            if isinstance(outcome, Written) and op.kind != WriteKind.CREATE and outcome.id != op.remote_id:
                self._redirected(side, op, outcome.id)
            elif not isinstance(outcome, Written):
                self._not_written(side, op, outcome)
            elif op.kind == WriteKind.CREATE and not self._take_end(op.link, side, outcome.id, others):
                self._duplicate(side, op, DuplicateRecord(outcome.id))
            else:
                written.append((op, outcome))
        self._removed(side, [item for item in written if item[0].kind in REMOVALS])
        self._written(side, [item for item in written if item[0].kind not in REMOVALS], read_back, known or {})
        if known_to_plan and all(op.kind == WriteKind.UPDATE for op in batch):
            self._plan_up_to_here(side)
        undone.ended(self.work, side, [op for op, _ in written])
        self._advance(batch, sent)
        update_rows(found, changed_names(found, before, LINK_FIELDS))
        self.work.touched = True
        achieved(self.work.held)
        new = [op.link for op, _ in written if op.kind == WriteKind.CREATE]
        self.work.associations.wake({one: {end for link in new if (end := link.end(one))} for one in Side})

    def _advance(self, batch: Sequence[Operation], sent: Mapping[int, str | None]) -> None:
        """Those that simply arrived in one statement, and each of the others with what became of it."""
        done = [op for op in batch if _has_arrived(op) and op.remote_id == sent[op.id]]
        if done:
            with connection.cursor() as cursor:
                cursor.execute(_DONE, [done[0].ended_at, array(op.id for op in done)])
        plain = {op.id for op in done}
        others = [op for op in batch if op.id not in plain]
        update_rows(others, ["state", "error", "message", "ended_at", "remote_id", "deadline"])

    def _is_planned(self, side: Side) -> bool:
        """Is everything planned that is known of this side's stream?"""
        return self._planned(side) == self.work.streams[side].seq

    def _planned(self, side: Side) -> int:
        return int(getattr(self.work.sync, f"planned_{side.value}"))

    def _plan_up_to_here(self, side: Side) -> None:
        """What was just written need not be compared again, but for the links that say so (`_brings_news`)."""
        name, sync = f"planned_{side.value}", self.work.sync
        known, now = self._planned(side), self.work.streams[side].seq
        # Not where a pass over all records was asked for meanwhile.
        if Sync.objects.filter(pk=sync.pk, active=sync.active_id, **{name: known}).update(**{name: now}):
            setattr(sync, name, now)

    def _rows_of(self, side: Side, ids: Sequence[str]) -> dict[str, RecordLink]:
        """Open rows that have these records at their ends."""
        return {str(row.end(side)): row for row in links_at(self.work.sync.pair_id, side, ids)}

    def _take_end(self, link: RecordLink, side: Side, id_: str, others: dict[str, RecordLink]) -> bool:
        """Make this record the missing end. False where it is the end of another link: no creation made it (5.9)."""
        other = others.get(id_)
        if other is not None and other.pk != link.pk:
            if other.is_whole:
                return False
            # A reading that came between has given the new record a row of its own.
            drop_rows({other.pk: link})
        link.set_end(side, id_)
        link.decision = ""
        others[id_] = link
        return True

    # --- Written ---------------------------------------------------------------------------------------------

    def _written(
        self,
        side: Side,
        items: Sequence[tuple[Operation, Written]],
        read_back: dict[str, Record],
        at_hand: Mapping[str, RemoteRecord],
    ) -> None:
        now, stream = self.work.clock.now(), self.work.streams[side]
        known = {outcome.id: at_hand[outcome.id] for _, outcome in items if outcome.id in at_hand}
        known |= records_of(stream, [outcome.id for _, outcome in items if outcome.id not in at_hand])
        seen: list[Seen] = []
        held = [
            self._held(side, op, outcome, read_back.get(outcome.id), known.get(outcome.id)) for op, outcome in items
        ]
        rules = self.work.associations.knowing({side: [record.values for record, _print in held]})
        for (op, outcome), (record, print_) in zip(items, held, strict=True):
            before = known.get(outcome.id)
            seen.append(
                Seen(
                    record,
                    asked_at=now,
                    written_at=now,
                    origin_sync=self.work.sync.pk if op.kind == WriteKind.CREATE else None,
                    replaced=before.fingerprint if before is not None else "",
                    fingerprint=print_,
                )
            )
            told = self._told(side, outcome, read_back.get(outcome.id))
            self._done(side, op, record, now, rules, told, as_sent=_is_as_sent(op, record, before))
        renamed = store_records(stream, self.work.resources[side], seen, self.work.rules.locale, known=known).renamed
        for op, outcome in items:
            if outcome.id in renamed:
                op.link.replan = True

    def _removed(self, side: Side, items: Sequence[tuple[Operation, Written]]) -> None:
        """Archived or deleted by us: gone on both sides by now, and so the link is closed (rule 9.1)."""
        if not items:
            return
        now = self.work.clock.now()
        mark_gone(self.work.streams[side], {str(op.remote_id): "" for op, _ in items}, at=now, by_us=True)
        for op, _written in items:
            op.state, op.ended_at, op.error, op.message = OperationState.DONE, now, "", ""
            op.link.attempts, op.link.next_try_at, op.link.changed_at, op.link.closed_at = 0, None, now, now
            settle(op.link)
            self.work.count("done")
            self.work.count("deleted")

    def _held(
        self, side: Side, op: Operation, outcome: Written, read: Record | None, before: RemoteRecord | None
    ) -> tuple[Record, str]:
        """What the record holds now: as answered, as read back, or as written over what was known. With the
        fingerprint of it, where it is known to be whole."""
        settle_time = timedelta(seconds=self.work.resources[side].settle)
        if read is not None and settle_time and before is not None and shows_the_past(op, read, before.values):
            read = None
        answered = outcome.record or read
        if answered is not None:
            values, print_ = storable_print({**(before.values if before is not None else {}), **answered.values})
            record = Record(answered.id, values, answered.version, answered.created_at, answered.modified_at)
            return record, print_ if before is not None else ""
        settled = self.work.clock.now() + settle_time
        make_dirty(self.work.streams[side], [outcome.id], settled)
        op.deadline = settled if settle_time else None
        written: dict[str, Any] = {c["field"]: c["after"] for c in op.changes}
        return Record(outcome.id, {**(before.values if before is not None else {}), **written}), ""

    def _told(self, side: Side, outcome: Written, read: Record | None) -> Values:
        """What the app surely holds now: a look while it settles may show what was there before."""
        if outcome.record is not None:
            return outcome.record.values
        return {} if read is None or self.work.resources[side].settle else read.values

    def _done(
        self,
        side: Side,
        op: Operation,
        record: Record,
        now: datetime,
        rules: Rules,
        told: Values,
        *,
        as_sent: bool,
    ) -> None:
        """`as_sent`: it holds what it held before and what was written, and nothing else has to be looked at."""
        op.state, op.ended_at, op.error, op.message, op.remote_id = OperationState.DONE, now, "", "", record.id
        link = op.link
        if op.kind == WriteKind.CREATE:
            link.made_by = "created"
            link.label = link.label or label_of(record.values, self.work.resources[side])
        planned = planned_from_json(op.strands)
        looks = rules.looks(side, record.values, planned.keys() if as_sent else None)
        ignored = {} if op.undoes else self._ignored(side, planned, looks, told)
        if ignored:
            op.error = FailureClass.APP_RULE.value
            op.message = str(IGNORED)
            self._park(op, ignored)
            looks = {strand: key for strand, key in looks.items() if strand not in ignored}
        self._move_baselines(link, side, op, planned, looks)
        if ignored or self._brings_news(side, link, op, looks):
            link.replan = True
        if op.kind == WriteKind.UPDATE and not op.undoes:
            count_turns(link, {c["mapping"] for c in op.changes}, side, planned_at=op.planned_at, at=now)
        self._tell_why(link, side, op, planned, now)
        count(self.work, side, taken=True)
        link.attempts, link.next_try_at, link.changed_at = 0, next_wake(link, now), now
        settle(link)
        self.work.count("done")
        self.work.count("created" if op.kind == WriteKind.CREATE else "changed")

    def _brings_news(self, side: Side, link: RecordLink, op: Operation, looks: Mapping[str, Key]) -> bool:
        """Is there anything in the answer that planning would not have known: other values than were written, or
        another verdict of filters? An edit on the other side is a change of its own."""
        if op.undoes or self.work.rules.targets or not self.work.rules.lets_all_pass:
            return True
        base = link.baseline_a if side is Side.A else link.baseline_b
        return any(strand not in base or base[strand] != key for strand, key in looks.items())

    def _move_baselines(
        self, link: RecordLink, side: Side, op: Operation, strands: Mapping[str, Planned], looks: Mapping[str, Key]
    ) -> None:
        """The written side takes what the app holds now, the other what was planned against (rule 3.7)."""
        for strand, planned in strands.items():
            if strand not in looks:
                continue  # The settings changed meanwhile: the strand is nobody's any more.
            answered = looks[strand]
            base_a, base_b = baselines_after(planned, side, answered, base_of(link, strand))
            forget_former(link, strand)
            link.baseline_a = {**link.baseline_a, strand: base_a}
            link.baseline_b = {**link.baseline_b, strand: base_b}
            if strand in link.parked:
                link.parked = {s: p for s, p in link.parked.items() if s != strand}
            known = link.notes.get(strand)
            left = note_after(planned, side, answered, Reason(known) if known else None)
            if op.undoes:
                left = Reason.UNDONE if answered != planned.of(side.other) else None
            note(link, strand, left)

    def _ignored(
        self, side: Side, strands: Mapping[str, Planned], looks: Mapping[str, Key], told: Values
    ) -> dict[str, Planned]:
        """Strands that the app did not write though it said so: left alone, as if it had refused them (rule 4.5)."""
        rules = self.work.rules
        return {
            strand: planned
            for strand, planned in strands.items()
            # Which element comes first is the app's own affair, as long as it has taken the list.
            if strand in looks and not strand.endswith(f".{ManyFields.PRIMARY}")
            if is_ignored(planned, side, looks[strand])
            if (mapping := rules.mapping_of_strand(strand)) is not None and set(mapping.fields(side)) <= told.keys()
        }

    def _tell_why(
        self, link: RecordLink, side: Side, op: Operation, strands: Mapping[str, Planned], now: datetime
    ) -> None:
        """Where each mapping's value came from; it outlives the journal (rule 11.3)."""
        link.provenance = tell(
            op.changes,
            strands,
            self.work.rules.lenses_by_mapping,
            link.provenance,
            side=side,
            at=now.isoformat(),
            run=op.run_id,
        )

    def _redirected(self, side: Side, op: Operation, survivor: str) -> None:
        """The record was merged away meanwhile, and the app has changed its survivor instead (rule 8.5). What that
        holds now is read, and compared once the link has moved there."""
        now, stream = self.work.clock.now(), self.work.streams[side]
        mark_gone(stream, {str(op.remote_id): survivor}, at=now)
        make_dirty(stream, [survivor], now + timedelta(seconds=self.work.resources[side].settle))
        op.link.replan = True
        if op.undoes:
            op.state = OperationState.PLANNED  # Looked at once more: the record that it is about is gone.
            return
        op.state, op.ended_at, op.error, op.message, op.remote_id = OperationState.DONE, now, "", "", survivor
        self.work.count("done")

    # --- Not written -----------------------------------------------------------------------------------------

    def _not_written(self, side: Side, op: Operation, outcome: Outcome) -> None:
        now, stream = self.work.clock.now(), self.work.streams[side]
        op.ended_at = now
        if isinstance(outcome, Refused):
            self._refused(side, op, outcome)
            return
        op.state = OperationState.SUPERSEDED
        if op.undoes:
            op.state, op.ended_at = OperationState.PLANNED, None  # Looked at once more, with what it holds now.
        if isinstance(outcome, VersionMismatch):
            if outcome.current is not None:
                if outcome.current.id != op.remote_id:
                    mark_gone(stream, {str(op.remote_id): outcome.current.id}, at=now)
                self.remember(side, [outcome.current], now)
            else:
                make_dirty(stream, [str(op.remote_id)], now)
            op.link.replan = True
        elif isinstance(outcome, NotFound):
            # A second look by its id decides whether it is gone (rule 8.4).
            make_dirty(stream, [str(op.remote_id)], now)
            op.link.replan = True
        elif isinstance(outcome, DuplicateRecord):
            self._duplicate(side, op, outcome)

    def _refused(self, side: Side, op: Operation, outcome: Refused) -> None:
        """One value is to blame: its field is parked, and the rest of the record is sent without it (rule 4.5)."""
        self._count_refused(op, FailureClass.of(outcome.reason), outcome.message)
        if op.undoes:
            op.link.replan = True
            return
        concerned = self._strands_of(side, op, outcome.field)
        if concerned and outcome.reason is not Refusal.MISSING_REQUIRED:
            self._park(op, concerned)
        else:
            self._fail(side, op.link, FailureClass.of(outcome.reason), op.message)

    def _count_refused(self, op: Operation, cause: FailureClass, message: str) -> None:
        op.state, op.error, op.message = OperationState.REFUSED, cause.value, message.replace("\x00", "")
        self.work.count("refused")

    def _park(self, op: Operation, strands: Mapping[str, Planned]) -> None:
        for strand, planned in strands.items():
            definition = self.work.rules.definition_of(strand)
            park(
                op.link,
                strand,
                reason=FailureClass(op.error),
                message=op.message,
                planned=planned,
                definition=definition,
            )
        settle(op.link)
        # It may have to be planned again for what the other side has answered: that is told once only.
        op.link.replan = op.link.replan or len(strands) < len(op.strands)

    def _strands_of(self, side: Side, op: Operation, field: str | None) -> dict[str, Planned]:
        """Strands that wrote the field that was named; where none was, the only one that was sent."""
        planned = planned_from_json(op.strands)
        if field is None:
            return planned if len({c["field"] for c in op.changes}) == 1 and op.kind == WriteKind.UPDATE else {}
        known = self.work.resources[side].field(field)
        if op.kind == WriteKind.CREATE and (known is None or known.required):
            return {}
        return {s: planned[s] for s in self.work.rules.strands_of_field(side, field) if s in planned}

    def _duplicate(self, side: Side, op: Operation, outcome: DuplicateRecord) -> None:
        """The app has such a record: link it if it is nobody's, never if it is linked or kept apart (rule 5.9).

        An update that collides with another record says nothing of this one: its unique fields are parked.
        """
        self._count_refused(op, FailureClass.DUPLICATE, outcome.message)
        link, existing = op.link, outcome.existing_id
        if op.kind != WriteKind.CREATE:
            unique = {f.name for f in self.work.resources[side].fields if f.unique}
            sent = [c["field"] for c in op.changes if c["field"] in unique] or [c["field"] for c in op.changes][:1]
            strands = {s: p for name in sent for s, p in self._strands_of(side, op, name).items()}
            if strands:
                self._park(op, strands)
                return
        elif existing is not None and self._adopt(link, side, existing):
            return
        self._fail(side, link, FailureClass.DUPLICATE, op.message)

    def _adopt(self, link: RecordLink, side: Side, id_: str) -> bool:
        """Take an existing record as the missing end; it is read, and compared for the first time."""
        a, b = (id_, link.b_id) if side is Side.A else (link.a_id, id_)
        if KeptApart.objects.filter(pair=link.pair_id, a_id=a, b_id=b).exists():
            return False
        if not self._take_end(link, side, id_, self._rows_of(side, [id_])):
            return False
        link.made_by, link.replan, link.parked = "matched", True, {}
        make_dirty(self.work.streams[side], [id_], self.work.clock.now())
        settle(link, waiting=True)
        return True

    def _fail(self, side: Side, link: RecordLink, cause: FailureClass, message: str) -> None:
        """Tried again by itself after a minute, then ever later, at last once a day."""
        if not link.attempts:
            count(self.work, side, taken=False)
        link.attempts = min(link.attempts + 1, 100)
        wait = min(FIRST_WAIT * 4 ** min(link.attempts - 1, 8), LONGEST_WAIT)
        settle(link, failure=cause, detail=message)
        link.next_try_at = self.work.clock.now() + wait


def _has_arrived(op: Operation) -> bool:
    """And nothing is left to be judged of it."""
    return op.state == OperationState.DONE and not op.error and op.deadline is None


def _is_as_sent(op: Operation, record: Record, before: RemoteRecord | None) -> bool:
    if op.kind != WriteKind.UPDATE or before is None:
        return False
    return record.values == {**before.values, **{change["field"]: change["after"] for change in op.changes}}


def _is_written(outcome: Outcome) -> bool:
    return isinstance(outcome, Written)
