"""Writes whose answer did not tell what the app holds: judged once it has settled (rules 3.7 and 4.5).

Until then what was written counts as held, whatever a look at the record shows. After that one that still holds what
it held before has ignored the write: the value is parked. One that holds the value in a form of its own keeps that.
What was done and is not judged yet is an operation that is done and has a deadline.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from connectors.contract import Record, Values

from ..core.baselines import is_ignored, is_rewritten, note_after
from ..core.halves import ManyFields
from ..core.mapping import Side
from ..core.merge import Reason
from ..core.rules import Rules
from ..core.states import FailureClass
from ..models import Operation, OperationState, RecordLink, RemoteRecord, Stream
from .bulk import update_rows
from .memory import base_of, note, park, planned_from_json

IGNORED = _("The app took it, and still holds what it held before.")

Ends = Mapping[int, tuple[RemoteRecord | None, RemoteRecord | None]]
"""Link → what its records hold."""


def shows_the_past(op: Operation, shown: Record, before: Values) -> bool:
    """Does a look just after a write show what there was before it? The app lags, or has ignored the write."""
    return bool(op.changes) and all(
        shown.values.get(c["field"]) == before.get(c["field"]) != c["after"] for c in op.changes
    )


def unjudged() -> QuerySet[Operation]:
    return Operation.objects.filter(state=OperationState.DONE, deadline__isnull=False)


def confirm(stream: Stream, ids: Collection[str], *, asked: datetime) -> None:
    """These were read by their ids: which of them hold what was written? Within `fenced`."""
    held = dict(RemoteRecord.objects.filter(stream=stream, remote_id__in=ids).values_list("remote_id", "values"))
    for side in Side:
        ends = {f"pair__stream_{side.value}": stream, f"{side.value}_id__in": list(held)}
        links = list(RecordLink.objects.filter(closed_at=None, **ends).values_list("pk", flat=True))
        waiting = unjudged().filter(link__in=links, side=side.value, deadline__lte=asked)
        sure = [op.pk for op in waiting if _holds(op, held.get(str(op.remote_id), {}))]
        Operation.objects.filter(pk__in=sure).update(deadline=None)


def _holds(op: Operation, values: Values) -> bool:
    return all(values.get(c["field"]) == c["after"] for c in op.changes)


def judge(rules: Rules, links: Iterable[RecordLink], ends: Ends) -> None:
    """What was written to these before, now that the app shows it. Links are changed in memory."""
    known = {link.pk: link for link in links}
    waiting = list(unjudged().filter(link__in=list(known), undoes=[]).order_by("pk"))
    records = {op.pk: ends[known[op.link_id].pk][0 if op.side == Side.A else 1] for op in waiting}
    written = _written_at(records.values())
    judged = []
    for op in waiting:
        link, record = known[op.link_id], records[op.pk]
        if record is None or record.gone or record.remote_id != op.remote_id:
            continue
        # A sight that only shows what there was before is set aside (rule 3.7). One that counts is of after the write:
        # what it does not hold was never taken, and is not an edit.
        last = written.get(record.pk)
        if record.asked_at < op.deadline and last is not None and record.asked_at <= last:
            continue
        _judge(op, Side(op.side), link, rules, record.values)
        op.deadline = None
        judged.append(op)
    update_rows(judged, ["deadline", "error", "message"])


def _written_at(records: Iterable[RemoteRecord | None]) -> Mapping[int, datetime | None]:
    """Record → when it was last written by us."""
    pks = [record.pk for record in records if record is not None]
    return dict(RemoteRecord.objects.filter(pk__in=pks).values_list("pk", "written_at")) if pks else {}


def _judge(op: Operation, side: Side, link: RecordLink, rules: Rules, values: Values) -> None:
    looks = rules.looks(side, values)
    for strand, planned in planned_from_json(op.strands).items():
        base = base_of(link, strand)
        held = looks.get(strand)
        if strand not in looks or base is None or held == base.of(side) or strand.endswith(f".{ManyFields.PRIMARY}"):
            continue
        if is_ignored(planned, side, held):
            # As if it had never been sent: once it is tried again, the other side's value is the newer one.
            link.baseline_a = {**link.baseline_a, strand: held}
            link.baseline_b = {**link.baseline_b, strand: held}
            op.error, op.message = FailureClass.APP_RULE.value, str(IGNORED)
            definition = rules.definition_of(strand)
            park(link, strand, reason=FailureClass.APP_RULE, message=op.message, planned=planned, definition=definition)
        elif is_rewritten(planned, held):
            name = f"baseline_{side.value}"
            setattr(link, name, {**getattr(link, name), strand: held})
            left = link.notes.get(strand)
            note(link, strand, note_after(planned, side, held, Reason(left) if left else None))
