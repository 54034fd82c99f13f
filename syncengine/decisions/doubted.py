"""Creations whose answer was lost and that cannot be found for certain (rule 10.4)."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone
from django.utils.translation import gettext as _

from ..core.mapping import Side
from ..core.states import FailureClass
from ..models import OperationState, RecordLink, RemoteRecord, Sync
from ..run import doubt
from ..services import SyncError
from .creating import refuse_creation
from .linking import link_pairs, refuse_unlinkable
from .rows import id_of, plan_soon, rows_alone, rows_with, side_of, store, stream_id
from .turns import deciding


def look_again(sync: Sync, links: Iterable[RecordLink], *, actor: str) -> int:
    """Look once more for records whose creation was never answered: they may show by now (rule 10.4)."""
    with deciding(sync):
        rows = _in_doubt(sync, links)
        doubt.look_again([row.pk for row in rows])
        for row in rows:
            plan_soon(row)
        store(rows)
        return len(rows)


def it_was_created(sync: Sync, link: RecordLink, *, remote_id: str, actor: str) -> RecordLink:
    """This record of the other side is what the creation made. Raises SyncError as `link_records` does."""
    with deciding(sync):
        (row,) = _in_doubt(sync, [link])
        side = side_of(row)
        pair = (id_of(row), remote_id) if side is Side.A else (remote_id, id_of(row))
        rows = rows_with(sync, {Side.A: {pair[0]}, Side.B: {pair[1]}})
        refuse_unlinkable(sync, pair, rows)
        doubt.given_up([row.pk]).update(
            state=OperationState.DONE, error="", remote_id=remote_id, ended_at=timezone.now(), deadline=None
        )
        RemoteRecord.objects.filter(stream_id=stream_id(sync, side.other), remote_id=remote_id).update(
            origin_sync=sync.pk
        )
        return link_pairs(sync, [pair], rows, actor)[0]


def create_once_more(sync: Sync, links: Iterable[RecordLink], *, actor: str) -> int:
    """It was not created: send it again, with a key of its own. Raises SyncError where nothing may be created."""
    with deciding(sync):
        rows = _in_doubt(sync, links)
        for side in {side_of(row) for row in rows}:
            refuse_creation(sync, side.other)
        for row in rows:
            plan_soon(row)
        store(rows)
        return len(rows)


def _in_doubt(sync: Sync, links: Iterable[RecordLink]) -> list[RecordLink]:
    rows = [row for row in rows_alone(sync, links) if row.cause == FailureClass.IN_DOUBT]
    if not rows:
        raise SyncError(_("The creation of this record is not in doubt any more."))
    return rows
