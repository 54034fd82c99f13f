"""Reading: what an account shows becomes remote records. No judgement, but that unread is never gone.

A page and the checkpoint behind it are stored in one transaction (rule 10.3), so that after a crash the pass goes
on where it stood. Only what differs by fingerprint is written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from connectors.accounts import GuardedClient
from connectors.contract import (
    ConnectorError,
    CursorExpired,
    MergeSignal,
    Page,
    RateLimited,
    Record,
    Resource,
)

from ..core.mapping import Side, fingerprint
from ..core.values import Locale
from ..models import DirtyRecord, RemoteRecord, Stream
from . import missing, settling
from .ahead import Answer
from .bulk import delete_rows
from .clock import Clock
from .guard import Guard
from .lanes import Lanes, OneByOne
from .lease import Held, achieved, fenced, keep
from .onward import Onward
from .relay import Line, Steps, alone, together
from .settled import FORGOTTEN, read_settled, trail_after
from .store import Seen, ids_of, known_marks, mark_gone, store_records, unknown
from .survivors import Beside, news_of, refuse_strangers, there, told_by
from .turns import listing_due

_NAMED = """
SELECT remote_id, not_before FROM syncengine_dirtyrecord WHERE stream_id = %s AND not_before <= %s ORDER BY id
"""


@dataclass(slots=True)
class Reader:
    """One stream, its client and the leases under which what is read is stored."""

    stream: Stream
    resource: Resource
    client: GuardedClient
    locale: Locale
    held: Held
    clock: Clock
    sync: int
    """The sync that it is read for."""
    used: Collection[str] = ()
    """Names of the fields that it needs."""
    ahead: Answer | None = None
    """What the stream has answered already, if anything."""
    lanes: Lanes = field(default_factory=OneByOne)
    """Where the app is asked for pages."""
    halted: bool = False
    """The other stream met an error: no more pages are begun."""
    guard: Guard = field(default_factory=Guard)

    def read(
        self,
        *,
        deadline: datetime,
        progress: Callable[[int], None] = lambda _records: None,
        pass_wanted: bool = True,
    ) -> bool:
        """All `steps`, one after another."""
        return alone(self.steps(deadline=deadline, progress=progress, pass_wanted=pass_wanted), self.lanes)

    def steps(
        self,
        *,
        deadline: datetime,
        progress: Callable[[int], None] = lambda _records: None,
        pass_wanted: bool = True,
    ) -> Steps[bool]:
        """Read on to the end of a pass, then what is to be read by id; False if the deadline came first.

        Without `pass_wanted` only what is to be read by id, unless other fields are wanted than were read.
        Errors of the connector leave it as they are, with the pass marked as broken.
        """
        renewed = self._prepare()
        try:
            if not (yield from self._read_all(deadline, progress, pass_wanted or renewed)):
                return False
            missing.conclude(self.stream, self.held, self.clock)
            return True
        except RateLimited:
            raise  # Nothing happened: the pass goes on where it stands.
        except ConnectorError:
            if self.stream.passing:
                with fenced(self.held):
                    self.update(pass_broken=True)
            raise

    def _read_all(self, deadline: datetime, progress: Callable[[int], None], pass_wanted: bool) -> Steps[bool]:
        if pass_wanted and not (yield from self._read_pass(deadline, progress)):
            return False
        try:
            settled = read_settled(self, deadline)
        except CursorExpired:
            self.guard.expired()
            self.restart()
            settled = yield from self._read_pass(deadline, progress)
        return settled and self._read_dirty(deadline)

    def _read_pass(self, deadline: datetime, progress: Callable[[int], None]) -> Steps[bool]:
        onward = Onward(self.client, self.resource, self.lanes, self.clock.now)
        while True:
            keep(self.held, now=self.clock.now())
            page, asked = yield from self._next_page(onward)
            if not self._is_over(deadline):
                onward.look_ahead(page)
            self._store_page(page, asked)
            progress(self.stream.records)
            if not page.more:
                return True
            # What is under way is stored, so that nothing is asked for in vain.
            if self._is_over(deadline) and not onward.is_under_way:
                return False

    def _is_over(self, deadline: datetime) -> bool:
        return self.halted or self.clock.now() >= deadline

    def _prepare(self) -> bool:
        """Begin a new complete pass where other fields are read than before, or a listing is due. True if so."""
        basis, now = fingerprint(self.stream.own_keys, str(self.resource.kind)), meanings(self.resource)
        known = self.stream.fields_known
        if self.stream.fields_read != basis or self._must_know(known, now):
            self._forget_forms()
            self.restart(fields_read=basis, fields_known=now)
            return True
        if not known.keys() <= now.keys():
            # What is gone is read anew with all records if it ever comes back.
            with fenced(self.held):
                self.update(fields_known={name: meaning for name, meaning in known.items() if name in now})
        if not self.stream.passing and listing_due(self.stream, self.resource, self.clock.now()):
            self.restart()
            return True
        return False

    def _must_know(self, known: Mapping[str, str], now: Mapping[str, str]) -> bool:
        """Has a field another meaning, or is one used that not all records were read with? New ones are ignored."""
        standing = {f.name for f in self.resource.fields if f.canonical}
        return any(
            known[name] != meaning if name in known else name in self.used or name in standing
            for name, meaning in now.items()
        )

    def _forget_forms(self) -> None:
        """Match keys follow from what fields mean: each record counts as changed when it is read again."""
        with fenced(self.held):
            RemoteRecord.objects.filter(stream=self.stream, gone=False).update(fingerprint="")

    def restart(self, **changes: object) -> None:
        """The next page is the first of a complete pass."""
        with fenced(self.held):
            missing.forget_listed(self.stream)
            self.update(cursor="", passing=False, listing=False, pass_broken=False, records=0, **FORGOTTEN, **changes)

    def update(self, **changes: object) -> None:
        """Written out, since this is done for each page, and the ORM would take longer than the database."""
        fields = [(Stream._meta.get_field(name), value) for name, value in changes.items()]
        columns = ", ".join(f'"{f.column}" = %s' for f, _ in fields)
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE syncengine_stream SET {columns} WHERE id = %s",
                [*(f.get_db_prep_save(value, connection) for f, value in fields), self.stream.pk],
            )
        for name, value in changes.items():
            setattr(self.stream, name, value)

    def _next_page(self, onward: Onward) -> Steps[tuple[Page, datetime]]:
        """With the time when it was asked for."""
        before = self.stream.cursor
        ahead, self.ahead = self.ahead, None
        try:
            if ahead is not None and ahead.to(before, self.resource):
                page, asked = ahead.page, ahead.asked
            else:
                begun, asked = onward.ask(before)
                page = yield begun
        except CursorExpired:
            # Nothing is concluded from it: everything is read anew.
            self.guard.expired()
            self.restart()
            onward.forget()
            begun, asked = onward.ask("")
            page = yield begun
        self.guard.look_at(page, before)
        return page, asked

    # --- Storing ---------------------------------------------------------------------------------------------

    def _store_page(self, page: Page, asked: datetime) -> None:
        beside = self.beside(page)
        begins = not self.stream.passing
        listing = page.listing if begins else self.stream.listing and page.listing
        last_of_listing = listing and not page.more
        began = asked if begins or self.stream.read_at is None else self.stream.read_at
        # What goes on from a checkpoint goes on from a pass that was whole.
        whole = not page.more and (listing or self.stream.listed_at is None)
        before = self.stream.seq
        with fenced(self.held):
            gone = self.store_content(page, beside, asked)
            if listing and page.more:
                missing.note_listed(self.stream, ids_of(page))
            elif last_of_listing:
                self._look_for_missing(page)
                missing.forget_listed(self.stream)
            self.update(
                cursor=page.cursor,
                passing=page.more,
                listing=listing and page.more,
                pass_broken=self.stream.pass_broken and page.more,
                read_at=began,
                read_by=self.sync,
                pass_pages=1 if begins else self.stream.pass_pages + 1,
                **({"pass_seconds": self._seconds_since(began)} if not page.more else {}),
                **({"changed_at": asked} if self.stream.seq > before else {}),
                **(trail_after(self, page) if not page.more else {}),
                records=self._count(page, beside.records, gone),
                **({"listed_at": self.clock.now()} if whole else {}),
            )
            if self.stream.seq > before:
                achieved(self.held)

    def _seconds_since(self, began: datetime) -> int:
        return max(int((self.clock.now() - began).total_seconds()), 0)

    def _count(self, page: Page, fetched: Sequence[Record], gone: Mapping[str, str]) -> int:
        """Records there are; within a pass only as many as were read, for the progress bar."""
        if page.more:
            return self.stream.records + len(page.records) + len(fetched)
        if not (page.records or fetched or gone or self.stream.passing):
            return self.stream.records
        return RemoteRecord.objects.filter(stream=self.stream, gone=False).count()

    def store_content(self, page: Page, beside: Beside, asked: datetime) -> dict[str, str]:
        """Within `fenced`. What the page says is gone: id → the record that it was merged into, or ""."""
        self._store((*page.records, *beside.records), asked)
        merged = {**beside.merged, **dict(page.merged)}
        gone = dict.fromkeys(page.deleted, "") | merged
        if page.deleted:
            mark_gone(self.stream, {id_: gone[id_] for id_ in page.deleted}, at=asked)
        if merged:
            mark_gone(self.stream, merged, at=asked, unknown=True)
        return gone

    def _store(self, records: Sequence[Record], asked: datetime) -> None:
        aside = store_records(
            self.stream, self.resource, [Seen(r, asked) for r in there(records)], self.locale, settle=self._settle
        ).aside
        if aside:
            make_dirty(self.stream, aside, self.clock.now() + self._settle)

    @property
    def _settle(self) -> timedelta:
        return timedelta(seconds=self.resource.settle)

    def beside(self, page: Page) -> Beside:
        """What is read by id because of a page: values that it only names, and what became of records that it, or
        their survivors, call gone."""
        fetched = self._unknown_versions(page)
        asks = MergeSignal.REDIRECT in self.resource.merges
        found = self._merged([*page.records, *fetched], called_gone=page.deleted if asks else ())
        return Beside((*fetched, *found.records), found.merged)

    def _merged(
        self, records: Sequence[Record], *, called_gone: Collection[str] = (), asked: Collection[str] = ()
    ) -> Beside:
        """What these tell of merges. `asked`: ids that they are the answer to."""
        told = told_by(records)
        doubtful = news_of(self.stream, told).doubtful - set(asked) - {record.id for record in records}
        found = list(self._get(sorted(doubtful | set(called_gone))))
        told |= told_by(found)
        alive = {record.id for record in there([*records, *found])}
        merged = {loser: into for loser, into in told.items() if loser not in alive}
        return Beside(
            tuple(record for record in found if record.id not in called_gone), news_of(self.stream, merged).merged
        )

    def _unknown_versions(self, page: Page) -> list[Record]:
        """Values of records that a page only named, where their version is new to us."""
        if not page.versions:
            return []
        return list(self._get(unknown(self.stream, page.versions)))

    def _get(self, ids: Sequence[str]) -> Iterable[Record]:
        for start in range(0, len(ids), self.resource.get_batch):
            keep(self.held, now=self.clock.now())
            some = ids[start : start + self.resource.get_batch]
            records = self.client.get(self.resource, some)
            refuse_strangers(some, records)
            yield from records

    def _look_for_missing(self, page: Page) -> None:
        """Ids that the complete listing lacks are read one by one: only then they are gone (rule 8.4)."""
        if not self.stream.pass_broken:
            make_dirty(self.stream, missing.weigh(self.stream, ids_of(page)), self.clock.now())

    def _read_dirty(self, deadline: datetime) -> bool:
        """Records that somebody named, that a listing lacks, or whose last reading was too old to count (3.7)."""
        with connection.cursor() as cursor:
            cursor.execute(_NAMED, [self.stream.pk, self.clock.now()])
            marks = cursor.fetchall()
        for start in range(0, len(marks), self.resource.get_batch):
            if start and self.clock.now() >= deadline:
                return False
            self._read_by_id(dict(marks[start : start + self.resource.get_batch]))
        return True

    def _read_by_id(self, marks: Mapping[str, datetime]) -> None:
        """`marks`: id → the mark that it is read for. One that was made since stands, and is for another look."""
        asked, ids = self.clock.now(), list(marks)
        before = self.stream.seq
        records = list(self._get(ids))
        beside = self._merged(records, asked=ids)
        lacking = set(ids) - {record.id for record in records} - set(beside.merged)
        with fenced(self.held):
            unsettled = self._unsettled(lacking, asked)
            now = DirtyRecord.objects.select_for_update().filter(stream=self.stream, remote_id__in=ids).order_by("pk")
            seen = [pk for pk, id_, at in now.values_list("pk", "remote_id", "not_before") if marks[id_] == at]
            delete_rows(DirtyRecord.objects.filter(pk__in=seen))
            make_dirty(self.stream, unsettled, asked + self._settle)
            self._store((*records, *beside.records), asked)
            if self.resource.settle:
                settling.confirm(self.stream, [r.id for r in records], asked=asked)
            verdict = missing.judge(self.stream, lacking - unsettled, found=[record.id for record in records])
            make_dirty(self.stream, verdict.again, asked)
            mark_gone(self.stream, dict.fromkeys(verdict.gone, "") | dict(beside.merged), at=asked, unknown=True)
            if self.stream.seq > before:
                self.update(changed_at=asked)

    def _unsettled(self, lacking: set[str], asked: datetime) -> set[str]:
        """What we wrote so lately that the app need not show it yet."""
        known = known_marks(self.stream, list(lacking)) if lacking else {}
        return {id_ for id_, m in known.items() if m.written_at is not None and m.written_at + self._settle >= asked}


def meanings(resource: Resource) -> dict[str, str]:
    """Field → fingerprint of what it means."""
    return {f.name: fingerprint(f.type, f.canonical, f.multi_valued)[:6] for f in resource.fields}


def make_dirty(stream: Stream, ids: Collection[str], not_before: datetime) -> None:
    """Have these read by their ids at the next occasion after that time."""
    if not ids:
        return
    DirtyRecord.objects.bulk_create(
        # In one order, so that two who name the same records do not wait for each other.
        [DirtyRecord(stream=stream, remote_id=id_, not_before=not_before) for id_ in sorted(set(ids))],
        update_conflicts=True,
        unique_fields=["stream", "remote_id"],
        update_fields=["not_before"],
    )


def read_both(
    readers: Mapping[Side, Reader],
    lanes: Lanes,
    wanted: Mapping[Side, bool],
    *,
    deadline: datetime,
    progress: Callable[[Side, int], None],
) -> bool:
    """Both streams at once, each as by `Reader.read`; False if the deadline came first. Raises the first error."""
    ended: dict[Side, bool] = {}

    def steps(side: Side) -> Steps[None]:
        ended[side] = yield from readers[side].steps(
            deadline=deadline, progress=lambda records: progress(side, records), pass_wanted=wanted[side]
        )

    def halt() -> None:
        for reader in readers.values():
            reader.halted = True

    together([Line(iter([steps(side)])) for side in readers], lanes, halt=halt)
    return all(ended.values())
