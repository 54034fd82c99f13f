"""Reading: what an account shows becomes remote records. No judgement, but that unread is never gone.

A page and the checkpoint behind it are stored in one transaction (rule 10.3), so that after a crash the pass goes
on where it stood. Only what differs by fingerprint is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.contract import Client, CursorExpired, Page, ReadStrategy, Record, Resource

from ..core.mapping import fingerprint
from ..core.values import Locale
from ..models import DirtyRecord, ListedPage, RemoteRecord, Stream
from .clock import Clock
from .lease import Held, fenced, renew
from .store import Seen, known_marks, mark_gone, store_records

LIST_AGAIN = timedelta(minutes=10)
"""Where a resource tells of no deletions, it is listed completely this often (rule 8.4)."""


@dataclass(slots=True)
class Reader:
    """One stream, its client and the leases under which what is read is stored."""

    stream: Stream
    resource: Resource
    client: Client
    locale: Locale
    held: Held
    clock: Clock

    def read(self, *, deadline: datetime, progress: Callable[[int], None] = lambda _records: None) -> bool:
        """Read on to the end of a pass; False if the deadline came first.

        Errors of the connector leave it as they are, with the pass marked as broken.
        """
        self._prepare()
        self._read_dirty()
        try:
            while True:
                renew(self.held, now=self.clock.now())
                asked = self.clock.now()
                page = self._next_page()
                self._store_page(page, asked)
                progress(self.stream.records)
                if not page.more:
                    return True
                if self.clock.now() >= deadline:
                    return False
        except Exception:
            if self.stream.passing:
                Stream.objects.filter(pk=self.stream.pk).update(pass_broken=True)
            raise

    def _prepare(self) -> None:
        """Begin a new complete pass where other fields are read than before, or a listing is due."""
        fields = fingerprint([f.name for f in self.resource.fields], self.stream.own_keys, str(self.resource.kind))
        if self.stream.fields_read != fields:
            self._restart(fields_read=fields)
        elif not self.stream.passing and self._listing_due():
            self._restart()

    def _listing_due(self) -> bool:
        if self.resource.tombstones or self.resource.read is ReadStrategy.LISTING:
            return False
        return self.stream.listed_at is None or self.clock.now() - self.stream.listed_at >= LIST_AGAIN

    def _restart(self, **changes: object) -> None:
        """The next page is the first of a complete pass."""
        with fenced(self.held):
            ListedPage.objects.filter(stream=self.stream).delete()
            self._update(cursor="", passing=False, listing=False, pass_broken=False, records=0, **changes)

    def _update(self, **changes: object) -> None:
        Stream.objects.filter(pk=self.stream.pk).update(**changes)
        for name, value in changes.items():
            setattr(self.stream, name, value)

    def _next_page(self) -> Page:
        try:
            return self.client.read(self.resource, self.stream.cursor or None)
        except CursorExpired:
            # Nothing is concluded from it: everything is read anew (architecture, reading).
            self._restart()
            return self.client.read(self.resource, None)

    # --- Storing ---------------------------------------------------------------------------------------------

    def _store_page(self, page: Page, asked: datetime) -> None:
        fetched = self._unknown_versions(page)
        begins = not self.stream.passing
        listing = page.listing if begins else self.stream.listing and page.listing
        last_of_listing = listing and not page.more
        missing = self._confirmed_missing(page, begins) if last_of_listing else ()
        began = asked if begins or self.stream.read_at is None else self.stream.read_at
        with fenced(self.held):
            self._store((*page.records, *fetched), asked)
            gone = dict.fromkeys((*page.deleted, *missing), "") | dict(page.merged)
            if gone:
                mark_gone(self.stream, gone)
            if listing and page.more:
                ListedPage.objects.create(stream=self.stream, ids=_ids(page))
            elif last_of_listing:
                ListedPage.objects.filter(stream=self.stream).delete()
            self._update(
                cursor=page.cursor,
                passing=page.more,
                listing=listing and page.more,
                pass_broken=self.stream.pass_broken and page.more,
                read_at=began,
                records=self._count(page, fetched, gone),
                **({"listed_at": self.clock.now()} if last_of_listing else {}),
            )

    def _count(self, page: Page, fetched: Sequence[Record], gone: Mapping[str, str]) -> int:
        """Records there are; within a pass only as many as were read, for the progress bar."""
        if page.more:
            return self.stream.records + len(page.records) + len(fetched)
        if not (page.records or fetched or gone or self.stream.passing):
            return self.stream.records
        return RemoteRecord.objects.filter(stream=self.stream, gone=False).count()

    def _store(self, records: Sequence[Record], asked: datetime) -> None:
        aside = store_records(
            self.stream,
            self.resource,
            [Seen(record, asked) for record in records],
            self.locale,
            settle=timedelta(seconds=self.resource.settle),
        )
        if aside:
            soon = self.clock.now() + timedelta(seconds=self.resource.settle)
            DirtyRecord.objects.bulk_create(
                [DirtyRecord(stream=self.stream, remote_id=id_, not_before=soon) for id_ in aside],
                ignore_conflicts=True,
            )

    def _unknown_versions(self, page: Page) -> list[Record]:
        """Values of records that a page only named, where their version is new to us."""
        if not page.versions:
            return []
        known = known_marks(self.stream, [id_ for id_, _ in page.versions])
        wanted = [
            id_
            for id_, version in page.versions
            if id_ not in known or known[id_].gone or known[id_].version != version
        ]
        return list(self._get(wanted))

    def _get(self, ids: Sequence[str]) -> Iterable[Record]:
        for start in range(0, len(ids), self.resource.get_batch):
            renew(self.held, now=self.clock.now())
            yield from self.client.get(self.resource, ids[start : start + self.resource.get_batch])

    def _confirmed_missing(self, page: Page, single: bool) -> list[str]:
        """Ids that the complete listing lacks, and that a second look by id does not find either (rule 8.4)."""
        if self.stream.pass_broken:
            return []
        listed = set(_ids(page))
        if not single:
            for ids in ListedPage.objects.filter(stream=self.stream).values_list("ids", flat=True):
                listed.update(ids)
        known = RemoteRecord.objects.filter(stream=self.stream, gone=False).values_list("remote_id", flat=True)
        suspects = [id_ for id_ in known.iterator() if id_ not in listed]
        found = {record.id for record in self._get(suspects)}
        return [id_ for id_ in suspects if id_ not in found]

    def _read_dirty(self) -> None:
        """Records that somebody named, or whose last reading was too old to count (rule 3.7)."""
        if not self.stream.listed_at:
            return
        now = self.clock.now()
        ids = list(
            DirtyRecord.objects.filter(stream=self.stream, not_before__lte=now).values_list("remote_id", flat=True)
        )
        for start in range(0, len(ids), self.resource.get_batch):
            chunk = ids[start : start + self.resource.get_batch]
            renew(self.held, now=self.clock.now())
            asked = self.clock.now()
            records = self.client.get(self.resource, chunk)
            found = {record.id for record in records}
            with fenced(self.held):
                DirtyRecord.objects.filter(stream=self.stream, remote_id__in=chunk).delete()
                self._store(records, asked)
                mark_gone(self.stream, {id_: "" for id_ in chunk if id_ not in found}, unknown_at=asked)


def _ids(page: Page) -> list[str]:
    return [record.id for record in page.records] + [id_ for id_, _ in page.versions]


def make_dirty(stream: Stream, ids: Iterable[str], not_before: datetime) -> None:
    """Have these read by their ids at the next occasion after that time."""
    DirtyRecord.objects.bulk_create(
        [DirtyRecord(stream=stream, remote_id=id_, not_before=not_before) for id_ in ids],
        update_conflicts=True,
        unique_fields=["stream", "remote_id"],
        update_fields=["not_before"],
    )
