"""When a sync looks at both sides again, and why then: for pages and API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants import due

from .core.mapping import Side
from .core.pace import Pace, PaceReason
from .models import Stream, Sync, SyncState
from .run.context import DUE_KIND
from .run.pace import interval_of
from .words import Text


class LookReason(StrEnum):
    """Why a sync is due when it is; the others are those of the stream that is due first."""

    AT_WORK = "at_work"
    UNFINISHED = "unfinished"


TOLERANCE = timedelta(seconds=2)
REASONS: Mapping[str, Text] = {
    PaceReason.CHANGING: _("something has changed lately"),
    PaceReason.QUIET: _("nothing has changed for a while"),
    PaceReason.NOTICES: _("the app tells of changes by itself, and this is only to be sure"),
    PaceReason.QUOTA: _("the requests that the app allows in a day have to last"),
    PaceReason.LONG_LOOK: _("one look takes long"),
    PaceReason.APP: _("the app asks for no more"),
    PaceReason.FIXED: _("somebody has set it so"),
    LookReason.AT_WORK: _("it is at work right now"),
    LookReason.UNFINISHED: _("something waits to be done or tried again"),
}


@dataclass(frozen=True, slots=True)
class NextLook:
    at: datetime
    reason: str
    """A `PaceReason` or `LookReason`."""
    every: int | None
    """Seconds from one look to the next, where they follow from the stream; None for one that is out of turn."""

    @property
    def because(self) -> Text:
        return REASONS[self.reason]


def next_look(sync: Sync) -> NextLook | None:
    """None where the sync is not on, or not due by itself. Needs both streams with their objects and accounts."""
    return next_looks([sync]).get(sync.pk)


def next_looks(syncs: Collection[Sync]) -> dict[int, NextLook]:
    """Of any number of syncs, by their ids, with one query."""
    on = {sync.pk: sync for sync in syncs if sync.state == SyncState.ON and sync.deleted_at is None}
    now = timezone.now()
    return {
        one.target: _look(on[one.target], one.at, claimed=one.claimed_until is not None and one.claimed_until > now)
        for one in due.items(DUE_KIND, on)
    }


def _look(sync: Sync, at: datetime, *, claimed: bool) -> NextLook:
    if claimed:
        return NextLook(at, LookReason.AT_WORK, None)
    first = min((sync.pair.stream(side) for side in Side), key=lambda stream: _regular(sync, stream) or at)
    regular = _regular(sync, first)
    if regular is None or at < regular - TOLERANCE:
        return NextLook(at, LookReason.UNFINISHED, None)
    if sync.interval is not None:
        return NextLook(at, PaceReason.FIXED, sync.interval)
    pace = Pace.from_json(first.pace)
    return NextLook(at, pace.reason, pace.seconds) if pace else NextLook(at, PaceReason.CHANGING, None)


def _regular(sync: Sync, stream: Stream) -> datetime | None:
    return stream.read_at + interval_of(sync, stream) if stream.read_at is not None else None
