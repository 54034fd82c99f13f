"""What people decide about single records: linked, kept apart, created, left out (rules 5.8 and 10.4).

Nothing here writes to an app. A decision changes links, and has them planned again; what follows from it is planned
and carried out like everything else. Each function takes effect as a whole or not at all, and waits for its turn
with the engine's own transactions and with other people's decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants import due

from .core.mapping import Side
from .core.resolve import Age, Place, first_created
from .core.scope import Condition, may_create
from .core.states import FailureClass, RecordState
from .models import (
    Decision,
    FormerEnd,
    Hold,
    KeptApart,
    Lease,
    Operation,
    OperationState,
    RecordLink,
    RemoteRecord,
    Sync,
    SyncState,
)
from .run import doubt
from .run.bulk import insert_rows, update_rows
from .run.counts import keep_counts
from .run.matching import drop_rows
from .services import DUE_KIND, SyncError, resources_of

NOT_BEGUN = (OperationState.PLANNED, OperationState.HELD)


class Answer(StrEnum):
    """One answer to many ambiguous records."""

    FIRST_CREATED = "first_created"
    """The first created of each side are linked; later doubles stay out."""
    CREATE = "create"
    """Each is created on the other side."""
    LEAVE_OUT = "leave_out"


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


# --- Linked, kept apart -------------------------------------------------------------------------------------


def link_records(sync: Sync, *, a_id: str, b_id: str, actor: str) -> RecordLink:
    """Two records that have no other end are the same thing from now on. Their values are compared for the first time.

    Raises SyncError: one of them is not there, is linked already, or is being written at this moment.
    """
    with deciding(sync):
        rows = _rows(sync, {Side.A: {a_id}, Side.B: {b_id}})
        _refuse_unlinkable(sync, (a_id, b_id), rows)
        return _link(sync, [(a_id, b_id)], rows, actor)[0]


def keep_apart(sync: Sync, *, a_id: str, b_id: str, actor: str) -> None:
    """These two are not the same, and never linked by themselves. Two that are linked are parted: neither is copied
    until a person says so (`create_new`). One that has no candidate left stays out the same way.

    Raises SyncError: no such record, or it is being written at this moment.
    """
    with deciding(sync):
        rows = _rows(sync, {Side.A: {a_id}, Side.B: {b_id}})
        found = {side: rows.get((side, id_)) for side, id_ in ((Side.A, a_id), (Side.B, b_id))}
        if None in found.values():
            raise SyncError(_("There is no such record."))
        _refuse_sending([row for row in found.values() if row is not None])
        KeptApart.objects.get_or_create(pair_id=sync.pair_id, a_id=a_id, b_id=b_id, defaults={"by": actor})
        if found[Side.A] == found[Side.B]:
            _part(sync, rows[(Side.A, a_id)], actor)
            return
        for side, row in found.items():
            assert row is not None
            other = b_id if side is Side.A else a_id
            if row.is_whole:
                continue
            left = [c for c in row.candidates if c != other]
            if left or row.decision:
                row.candidates, row.replan = left, True
            else:
                plan_no_more([row])
                _stay_out(row, Decision.KEPT_APART, actor)
        _store([row for row in found.values() if row is not None])


def _part(sync: Sync, link: RecordLink, actor: str) -> None:
    """The link closes with its journal; each of its records goes on with a row of its own."""
    plan_no_more([link])
    now = timezone.now()
    alone = [
        RecordLink(pair_id=link.pair_id, label=link.label, created_at=now, **{f"{side.value}_id": link.end(side)})
        for side in Side
    ]
    link.closed_at, link.state, link.cause, link.detail = now, RecordState.CLOSED.value, "", ""
    link.decision, link.decided_by, link.replan = Decision.KEPT_APART.value, actor, False
    link.save()
    for row in alone:
        _stay_out(row, Decision.KEPT_APART, actor)
    insert_rows(alone)


def _link(
    sync: Sync, pairs: Sequence[tuple[str, str]], rows: Mapping[Place, RecordLink], actor: str
) -> list[RecordLink]:
    """What is known of them was checked before."""
    now = timezone.now()
    kept: list[RecordLink] = []
    new: list[RecordLink] = []
    dropped: dict[int, RecordLink] = {}
    former: list[FormerEnd] = []
    concerned = [row for a, b in pairs for row in (rows.get((Side.A, a)), rows.get((Side.B, b))) if row is not None]
    plan_no_more(concerned)
    for a, b in pairs:
        row_a, row_b = rows.get((Side.A, a)), rows.get((Side.B, b))
        link = row_b if row_b is not None and row_b.is_whole else row_a or row_b
        if link is None:
            link = RecordLink(pair_id=sync.pair_id, created_at=now)
            new.append(link)
        else:
            kept.append(link)
            if row_a is not None and row_b is not None:
                dropped[(row_b if link is row_a else row_a).pk] = link
            if link.is_whole:  # The end that was deleted gives way.
                side = Side.A if link is row_b else Side.B
                former.append(FormerEnd(pair_id=sync.pair_id, side=side.value, remote_id=link.end(side), link=link))
        link.a_id, link.b_id = a, b
        link.made_by, link.decision, link.decided_by = "person", "", actor
        link.baseline_a, link.baseline_b, link.notes, link.parked = {}, {}, {}, {}
        _plan_soon(link)
    ends = Q(side="a", remote_id__in=[a for a, _b in pairs]) | Q(side="b", remote_id__in=[b for _a, b in pairs])
    FormerEnd.objects.filter(ends, pair_id=sync.pair_id).delete()
    FormerEnd.objects.bulk_create(former, ignore_conflicts=True)
    apart = KeptApart.objects.filter(pair_id=sync.pair_id, a_id__in=[a for a, _b in pairs])
    overruled = {(a, b) for a, b in pairs}
    KeptApart.objects.filter(pk__in=[row.pk for row in apart if (row.a_id, row.b_id) in overruled]).delete()
    drop_rows(dropped)
    _store(kept)
    insert_rows(new)
    return [*kept, *new]


def _refuse_unlinkable(sync: Sync, pair: tuple[str, str], rows: Mapping[Place, RecordLink]) -> None:
    alive = _alive(sync, {Side.A: {pair[0]}, Side.B: {pair[1]}})
    for side, id_ in zip(Side, pair, strict=True):
        name = f"{side.value}_id"
        if (side, id_) not in alive:
            raise SyncError({name: _("There is no such record in the app, or it was not read yet.")})
        row = rows.get((side, id_))
        if row is not None and row.is_whole and (side.other, str(row.end(side.other))) in _alive(sync, _ends([row])):
            raise SyncError({name: _("“%(name)s” is linked already. Part it first.") % {"name": str(row)}})
    whole = [row for row in rows.values() if row.is_whole]
    if len({row.pk for row in whole}) > 1:
        raise SyncError(_("Both are ends of links whose other ends were deleted. Close one of them first."))
    _refuse_sending(rows.values())


# --- Created, left out --------------------------------------------------------------------------------------


def create_new(sync: Sync, links: Iterable[RecordLink], *, actor: str) -> int:
    """Each is something new: kept apart from all that it might be, and created on the other side.

    It also takes back that a record was left out, kept apart, or undone. Raises SyncError where the direction or the
    other app forbids it (rule 2.1).
    """
    with deciding(sync):
        rows = _alone(sync, links)
        for side in {_side_of(row) for row in rows}:
            refuse_creation(sync, side.other)
        return _create(sync, rows, actor)


def _create(sync: Sync, rows: Sequence[RecordLink], actor: str) -> int:
    _keep_from_candidates(rows, actor)
    ends = Q()
    for row in rows:
        row.candidates = []
        row.decision, row.decided_by = Decision.CREATE.value, actor
        _plan_soon(row)
    for side in Side:
        ids = [row.end(side) for row in rows if _side_of(row) is side]
        ends |= Q(side=side.value, remote_id__in=ids)
    FormerEnd.objects.filter(ends, pair_id=sync.pair_id).delete()
    _store(rows)
    return len(rows)


def leave_out(sync: Sync, links: Iterable[RecordLink], *, actor: str) -> int:
    """They take no part, in matching neither, until a person says otherwise (`reopen`, `create_new`)."""
    with deciding(sync):
        rows = _alone(sync, links)
        plan_no_more(rows)
        for row in rows:
            _stay_out(row, Decision.LEFT_OUT, actor)
        _store(rows)
        return len(rows)


def reopen(sync: Sync, links: Iterable[RecordLink], *, actor: str) -> int:
    """Take back that they were left out or kept apart: they are matched as if nothing had been said."""
    with deciding(sync):
        rows = _alone(sync, links)
        ends = Q(a_id__in=[row.a_id for row in rows if row.a_id]) | Q(b_id__in=[row.b_id for row in rows if row.b_id])
        KeptApart.objects.filter(ends, pair_id=sync.pair_id).delete()
        for row in rows:
            row.decision, row.decided_by = "", ""
            _plan_soon(row)
        _store(rows)
        return len(rows)


def refuse_creation(sync: Sync, target: Side) -> None:
    """Raises SyncError, with the reason, where records of the other side are never made on this one."""
    resource, settings = resources_of(sync)[target], sync.settings
    forbidden = may_create(settings, target, resource)
    if forbidden is None:
        return
    if forbidden.condition is Condition.DIRECTION:
        raise SyncError(_("The direction of this sync does not allow writing to “%(name)s”.") % _named(sync, target))
    raise SyncError(_("“%(name)s” takes no new records of this kind.") % _named(sync, target))


def _named(sync: Sync, side: Side) -> dict[str, str]:
    return {"name": sync.pair.stream(side).object.account.name}


def _keep_from_candidates(rows: Sequence[RecordLink], actor: str) -> None:
    KeptApart.objects.bulk_create(
        [
            KeptApart(pair_id=row.pair_id, by=actor, a_id=row.a_id or other, b_id=row.b_id or other)
            for row in rows
            for other in row.candidates
        ],
        ignore_conflicts=True,
        batch_size=2000,
    )


# --- Many at once -------------------------------------------------------------------------------------------


def answer_ambiguous(sync: Sync, answer: Answer, *, actor: str, links: Iterable[RecordLink] | None = None) -> int:
    """One answer to all ambiguous records of a sync, or to these. How many were settled.

    Creating leaves those ambiguous whose other side takes no new records. Raises SyncError where that is all of them.
    """
    with deciding(sync):
        every = _ambiguous(sync)
        wanted = None if links is None else {link.pk for link in links}
        rows = [row for row in every if wanted is None or row.pk in wanted]
        rows = _not_being_written(rows)
        if not rows:
            return 0
        if answer is Answer.CREATE:
            return _create_where_allowed(sync, rows, actor)
        linked = _link_first_created(sync, rows, every, actor) if answer is Answer.FIRST_CREATED else set()
        left = [row for row in rows if row.pk not in linked]
        plan_no_more(left)
        for row in left:
            _stay_out(row, Decision.LEFT_OUT, actor)
        _store(left)
        return len(rows)


def _create_where_allowed(sync: Sync, rows: Sequence[RecordLink], actor: str) -> int:
    refused: SyncError | None = None
    allowed: list[RecordLink] = []
    for side in Side:
        some = [row for row in rows if _side_of(row) is side]
        try:
            if some:
                refuse_creation(sync, side.other)
        except SyncError as error:
            refused = error
        else:
            allowed += some
    if refused is not None and not allowed:
        raise refused
    return _create(sync, allowed, actor)


def _link_first_created(sync: Sync, rows: Sequence[RecordLink], every: Sequence[RecordLink], actor: str) -> set[int]:
    """Keys of the rows that stand in a link now."""
    ambiguous = {(_side_of(row), _id_of(row)): row.candidates for row in every}
    ids = {
        side: {id_ for s, id_ in ambiguous if s is side}
        | {c for (s, _id), candidates in ambiguous.items() if s is side.other for c in candidates}
        for side in Side
    }
    others = _rows(sync, ids)
    linked = [place for place, row in others.items() if row.is_whole]
    asked = {(_side_of(row), _id_of(row)) for row in rows}
    pairs = [
        (a, b)
        for a, b in first_created(ambiguous, _ages(sync, ids), linked)
        if (Side.A, a) in asked or (Side.B, b) in asked
    ]
    sending = _being_written([others[place] for a, b in pairs for place in ((Side.A, a), (Side.B, b))])
    pairs = [(a, b) for a, b in pairs if not {others[(Side.A, a)].pk, others[(Side.B, b)].pk} & sending]
    settled = {others[place].pk for a, b in pairs for place in ((Side.A, a), (Side.B, b))}
    _link(sync, pairs, others, actor)
    return settled


def _ages(sync: Sync, ids: Mapping[Side, set[str]]) -> dict[Place, Age]:
    found: dict[Place, Age] = {}
    for side in Side:
        rows = RemoteRecord.objects.filter(
            stream_id=_stream_id(sync, side), remote_id__in=list(ids[side]), gone=False
        ).values_list("remote_id", "created_at", "first_seq")
        found |= {(side, id_): Age.of(created, seen, id_) for id_, created, seen in rows}
    return found


# --- Creations in doubt -------------------------------------------------------------------------------------


def look_again(sync: Sync, links: Iterable[RecordLink], *, actor: str) -> int:
    """Look once more for records whose creation was never answered: they may show by now (rule 10.4)."""
    with deciding(sync):
        rows = _in_doubt(sync, links)
        doubt.look_again([row.pk for row in rows])
        for row in rows:
            _plan_soon(row)
        _store(rows)
        return len(rows)


def it_was_created(sync: Sync, link: RecordLink, *, remote_id: str, actor: str) -> RecordLink:
    """This record of the other side is what the creation made. Raises SyncError as `link_records` does."""
    with deciding(sync):
        (row,) = _in_doubt(sync, [link])
        side = _side_of(row)
        pair = (_id_of(row), remote_id) if side is Side.A else (remote_id, _id_of(row))
        rows = _rows(sync, {Side.A: {pair[0]}, Side.B: {pair[1]}})
        _refuse_unlinkable(sync, pair, rows)
        doubt.given_up([row.pk]).update(
            state=OperationState.DONE, error="", remote_id=remote_id, ended_at=timezone.now()
        )
        RemoteRecord.objects.filter(stream_id=_stream_id(sync, side.other), remote_id=remote_id).update(
            origin_sync=sync.pk
        )
        return _link(sync, [pair], rows, actor)[0]


def create_once_more(sync: Sync, links: Iterable[RecordLink], *, actor: str) -> int:
    """It was not created: send it again, with a key of its own. Raises SyncError where nothing may be created."""
    with deciding(sync):
        rows = _in_doubt(sync, links)
        for side in {_side_of(row) for row in rows}:
            refuse_creation(sync, side.other)
        for row in rows:
            _plan_soon(row)
        _store(rows)
        return len(rows)


def _in_doubt(sync: Sync, links: Iterable[RecordLink]) -> list[RecordLink]:
    rows = [row for row in _alone(sync, links) if row.cause == FailureClass.IN_DOUBT]
    if not rows:
        raise SyncError(_("The creation of this record is not in doubt any more."))
    return rows


# --- Rows ---------------------------------------------------------------------------------------------------

STORED = [
    "a_id", "b_id", "state", "cause", "detail", "candidates", "baseline_a", "baseline_b", "notes", "parked", "replan",
    "next_try_at", "attempts", "made_by", "decision", "decided_by",
]  # fmt: skip


def _store(rows: Sequence[RecordLink]) -> None:
    update_rows(rows, STORED)


def _plan_soon(row: RecordLink) -> None:
    """Its state until the engine has looked at it."""
    row.replan, row.attempts, row.next_try_at = True, 0, None
    row.state, row.cause, row.detail = RecordState.WAITING.value, "", ""
    row.candidates = []


def _stay_out(row: RecordLink, why: Decision, actor: str) -> None:
    row.decision, row.decided_by = why.value, actor
    row.state, row.cause, row.detail = RecordState.EXCLUDED.value, why.value, actor
    row.candidates, row.replan, row.next_try_at = [], True, None


def plan_no_more(rows: Sequence[RecordLink]) -> None:
    """What was planned from what is not so any more is not sent."""
    Operation.objects.filter(link__in=[row.pk for row in rows], state__in=NOT_BEGUN).exclude(hold=Hold.PREVIEW).update(
        state=OperationState.SUPERSEDED, ended_at=timezone.now()
    )


def _rows(sync: Sync, ids: Mapping[Side, set[str]]) -> dict[Place, RecordLink]:
    """Open rows with one of these records at an end."""
    ends = Q(a_id__in=list(ids[Side.A])) | Q(b_id__in=list(ids[Side.B]))
    found: dict[Place, RecordLink] = {}
    for row in RecordLink.objects.filter(ends, pair_id=sync.pair_id, closed_at=None):
        found |= {(side, end): row for side in Side if (end := row.end(side)) is not None}
    return found


def _alone(sync: Sync, links: Iterable[RecordLink]) -> list[RecordLink]:
    """These as they are now. Raises SyncError: one of them has another end by now, or is being written."""
    pks = [link.pk for link in links]
    rows = list(RecordLink.objects.filter(pk__in=pks, pair_id=sync.pair_id, closed_at=None).order_by("pk"))
    if not pks or len(rows) < len(set(pks)):
        raise SyncError(_("There is no such record."))
    linked = next((row for row in rows if row.is_whole), None)
    if linked is not None:
        raise SyncError(_("“%(name)s” is linked already.") % {"name": str(linked)})
    _refuse_sending(rows)
    return rows


def _ambiguous(sync: Sync) -> list[RecordLink]:
    rows = RecordLink.objects.filter(
        pair_id=sync.pair_id, closed_at=None, state=RecordState.FAILING, cause=FailureClass.AMBIGUOUS
    )
    return [row for row in rows.order_by("pk") if not row.is_whole]


def _being_written(rows: Iterable[RecordLink]) -> set[int]:
    sending = Operation.objects.filter(link__in=[row.pk for row in rows], state=OperationState.SENDING)
    return set(sending.values_list("link_id", flat=True))


def _not_being_written(rows: Sequence[RecordLink]) -> list[RecordLink]:
    sending = _being_written(rows)
    return [row for row in rows if row.pk not in sending]


def _refuse_sending(rows: Iterable[RecordLink]) -> None:
    rows = list(rows)
    sending = _being_written(rows)
    busy = next((row for row in rows if row.pk in sending), None)
    if busy is not None:
        raise SyncError(_("“%(name)s” is being written at this moment. Try again in a minute.") % {"name": str(busy)})


def _side_of(row: RecordLink) -> Side:
    """The side on which its one record stands."""
    return Side.A if row.a_id is not None else Side.B


def _id_of(row: RecordLink) -> str:
    return str(row.end(_side_of(row)))


def _stream_id(sync: Sync, side: Side) -> int:
    return sync.pair.stream_a_id if side is Side.A else sync.pair.stream_b_id


def _ends(rows: Iterable[RecordLink]) -> dict[Side, set[str]]:
    rows = list(rows)
    return {side: {end for row in rows if (end := row.end(side)) is not None} for side in Side}


def _alive(sync: Sync, ids: Mapping[Side, set[str]]) -> set[Place]:
    found: set[Place] = set()
    for side in Side:
        rows = RemoteRecord.objects.filter(stream_id=_stream_id(sync, side), remote_id__in=list(ids[side]), gone=False)
        found |= {(side, id_) for id_ in rows.values_list("remote_id", flat=True)}
    return found
