"""What pages and API look up: lists that are paged by key, never by offset, and never counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from django.db.models import Q, QuerySet

from connectors.models import ConnectedAccount

from .core.mapping import Direction, Side, SyncSettings
from .core.states import RecordState
from .models import (
    LINK_CHANGE,
    Operation,
    OperationState,
    RecordLink,
    RemoteRecord,
    RunKind,
    SettingsVersion,
    Stream,
    Sync,
    SyncRun,
    VersionState,
)
from .services import Status, looks_of, status_with

Row = TypeVar("Row")

WITH_ENDS = ("active", "pair__stream_a__object__account", "pair__stream_b__object__account")
LONGEST_SEARCH = 100
LONGEST_KEY = 18


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    rows: Sequence[Row]
    next: str
    """What to ask for next; blank on the last page."""


def is_key(raw: str) -> bool:
    """Whether this can be the id of a row."""
    return raw.isascii() and raw.isdecimal() and len(raw) <= LONGEST_KEY


def live_syncs() -> QuerySet[Sync]:
    """All syncs that are not deleted, with both their objects and accounts."""
    return Sync.objects.filter(deleted_at=None).select_related(*WITH_ENDS)


@dataclass(frozen=True, slots=True)
class Overview:
    """A sync in a list."""

    sync: Sync
    status: Status
    direction: Direction
    last_change: datetime | None
    """When a run last found something to do."""
    has_draft: bool
    """There are settings that are not in effect yet."""


def overviews(syncs: Iterable[Sync]) -> list[Overview]:
    """Of any number of syncs, with four queries."""
    syncs = list(syncs)
    looks = looks_of([sync.pk for sync in syncs])
    running = {run.sync_id: run for run in SyncRun.objects.under_way().filter(sync__in=syncs)}
    latest = (
        SyncRun.objects.exclude(kind=RunKind.PREVIEW)
        .filter(sync__in=syncs)
        .order_by("sync_id", "-pk")
        .distinct("sync_id")
    )
    last = {run.sync_id: run.finished_at or run.started_at for run in latest}
    versions = SettingsVersion.objects.filter(sync__in=syncs, state=VersionState.DRAFT)
    drafts = {version.sync_id: version for version in versions}
    return [
        Overview(
            sync=sync,
            status=status_with(sync, running.get(sync.pk), looks.get(sync.pk)),
            direction=_direction(sync.active or drafts.get(sync.pk)),
            last_change=last.get(sync.pk),
            has_draft=sync.pk in drafts,
        )
        for sync in syncs
    ]


def overview(sync: Sync) -> Overview:
    return overviews([sync])[0]


def draft_of(sync: Sync) -> SettingsVersion | None:
    """Settings that are not in effect yet."""
    return sync.versions.filter(state=VersionState.DRAFT).first()


def shown_settings(sync: Sync) -> SyncSettings:
    """The settings in effect; before the first start, the draft."""
    version = sync.active or draft_of(sync)
    return version.load() if version else SyncSettings(kind=None)


def _direction(version: SettingsVersion | None) -> Direction:
    return version.load().direction if version else Direction.TWO_WAY


# --- Records ------------------------------------------------------------------------------------------------


def links(sync: Sync, *, state: str = "", cause: str = "", search: str = "") -> QuerySet[RecordLink]:
    """Records of a sync; without those that are deleted on both sides, unless they are asked for."""
    found = RecordLink.objects.filter(pair_id=sync.pair_id)
    found = found.filter(state=state) if state else found.exclude(state=RecordState.CLOSED)
    if cause:
        found = found.filter(cause=cause)
    search = search.strip()[:LONGEST_SEARCH]
    if search:
        found = found.filter(Q(label__icontains=search) | Q(a_id=search) | Q(b_id=search))
    return found.defer("baseline_a", "baseline_b", "provenance", "notes", "parked")


def records(
    sync: Sync, *, state: str, cause: str = "", search: str = "", after: str = "", size: int = 50
) -> Page[RecordLink]:
    """Records of one state, those of one cause together. `after` is the `next` of the page before."""
    found = links(sync, state=state, cause=cause, search=search).order_by("cause", "pk")
    known, _dot, key = after.rpartition(".")
    if is_key(key):
        found = found.filter(cause__gte=known).filter(Q(cause__gt=known) | Q(pk__gt=int(key)))
    rows = list(found[: size + 1])
    last = rows[size - 1] if len(rows) > size else None
    return Page(rows[:size], f"{last.cause}.{last.pk}" if last else "")


def samples(sync: Sync, causes: Iterable[str], *, size: int = 5) -> dict[str, list[RecordLink]]:
    """The first failing records of each cause, with one query."""
    parts = [links(sync, state=RecordState.FAILING, cause=cause).order_by("pk")[:size] for cause in causes]
    found: dict[str, list[RecordLink]] = {}
    if parts:
        for link in parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]:
            found.setdefault(link.cause, []).append(link)
    return found


def records_without_link(sync: Sync) -> dict[Side, int | None]:
    """How many records of each side stand in no link of this sync; None where that side was never read whole."""
    linked = RecordLink.objects.filter(
        pair_id=sync.pair_id, closed_at=None, a_id__isnull=False, b_id__isnull=False
    ).count()
    streams = {side: sync.pair.stream(side) for side in Side}
    return {side: max(s.records - linked, 0) if s.listed_at else None for side, s in streams.items()}


def remote_record(stream: Stream, remote_id: str | None) -> RemoteRecord | None:
    if remote_id is None:
        return None
    return RemoteRecord.objects.filter(stream=stream, remote_id=remote_id).first()


def remote_labels(stream: Stream, ids: Iterable[str]) -> dict[str, str]:
    """Id → name, of those that are still known."""
    rows = RemoteRecord.objects.filter(stream=stream, remote_id__in=list(ids), gone=False)
    return dict(rows.values_list("remote_id", "label"))


# --- Runs and operations ------------------------------------------------------------------------------------


def after_key(found: QuerySet[Row], after: str, size: int) -> Page[Row]:
    """A page of rows, the oldest first. `after` is the `next` of the page before."""
    found = found.order_by("pk")
    if is_key(after):
        found = found.filter(pk__gt=int(after))
    rows = list(found[: size + 1])
    return Page(rows[:size], str(rows[size - 1].pk) if len(rows) > size else "")  # type: ignore[attr-defined]


def before_key(found: QuerySet[Row], before: str, size: int) -> Page[Row]:
    """A page of rows, the newest first. `before` is the `next` of the page before."""
    found = found.order_by("-pk")
    if is_key(before):
        found = found.filter(pk__lt=int(before))
    rows = list(found[: size + 1])
    return Page(rows[:size], str(rows[size - 1].pk) if len(rows) > size else "")  # type: ignore[attr-defined]


def runs(sync: Sync, *, before: str = "", size: int = 30) -> Page[SyncRun]:
    return before_key(
        sync.runs.exclude(kind=RunKind.PREVIEW).exclude(kind=RunKind.UNDO, decided_at=None).select_related("version"),
        before,
        size,
    )


def operations_done(sync: Sync | None = None, *, before: str = "", size: int = 30) -> Page[Operation]:
    """What was carried out last, of one sync or of all."""
    found = Operation.objects.filter(state=OperationState.DONE).exclude(kind=LINK_CHANGE)
    found = found.select_related("link", "run")
    found = found.filter(run__sync=sync) if sync else found.filter(run__sync__deleted_at=None)
    return before_key(found, before, size)


def operations_of(run: SyncRun, *, state: str = "", before: str = "", size: int = 50) -> Page[Operation]:
    found = run.operations.select_related("link", "run")
    return before_key(found.filter(state=state) if state else found, before, size)


# --- Accounts -----------------------------------------------------------------------------------------------


def accounts_for_syncs() -> list[ConnectedAccount]:
    """Connected accounts, the home account first."""
    return list(ConnectedAccount.objects.order_by("-is_home", "name", "pk"))
