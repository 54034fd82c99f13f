"""Reading whole passes, the way the engine does, with the promises of `Page` checked on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors.contract import Client, Record, Resource

MOST_PAGES = 1000
"""A pass longer than this is taken to be endless."""


@dataclass
class Pass:
    """Everything that one pass over a resource showed."""

    records: dict[str, Record] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    """Existing records whose values the pass left to `Client.get`."""
    deleted: set[str] = field(default_factory=set)
    merged: dict[str, str] = field(default_factory=dict)
    """Loser → survivor, as the pages and the records in them tell it."""
    cursor: str = ""
    listing: bool = True
    """Every page said that the pass lists the whole resource."""
    pages: int = 0

    @property
    def ids(self) -> set[str]:
        return {*self.records, *self.versions}


def read_pass(client: Client, resource: Resource, cursor: str | None = None) -> Pass:
    """One pass from `cursor` to its end.

    Raises AssertionError where a complete pass shows a record twice, a cursor repeats, or there is no end.
    """
    whole = Pass(cursor=cursor or "")
    seen_cursors: set[str] = set()
    while True:
        page = client.read(resource, whole.cursor or None)
        whole.pages += 1
        whole.listing = whole.listing and page.listing
        there = [r for r in page.records if r.merged_into is None]
        shown = [r.id for r in there] + [id for id, _ in page.versions]
        if page.listing:
            assert len(set(shown)) == len(shown), "a page of a complete pass shows a record twice"
            assert not whole.ids & set(shown), "a complete pass shows a record on two pages"
        whole.records.update((r.id, r) for r in there)
        whole.merged.update(page.merged)
        whole.merged.update(merges_in(page.records))
        whole.versions.update(page.versions)
        whole.deleted.update(page.deleted)
        assert page.cursor, "a page without a cursor"
        whole.cursor = page.cursor
        if not page.more:
            return whole
        assert page.cursor not in seen_cursors, "the pass goes round in circles"
        seen_cursors.add(page.cursor)
        assert whole.pages < MOST_PAGES, "the pass does not end"


def fetch(client: Client, resource: Resource, ids: Iterable[str]) -> dict[str, Record]:
    """`Client.get` for any number of ids, in batches that the resource takes."""
    wanted = sorted(set(ids))
    size = resource.get_batch
    batches = (wanted[start : start + size] for start in range(0, len(wanted), size))
    found: dict[str, Record] = {}
    for batch in batches:
        records = client.get(resource, batch)
        strangers = [r.id for r in records if r.id not in batch and not set(r.merged) & set(batch)]
        assert not strangers, f"nobody asked for {strangers}"
        found |= {record.id: record for record in records}
    return found


def merges_in(records: Iterable[Record]) -> dict[str, str]:
    """Loser → survivor, as records tell it themselves."""
    told = {loser: record.id for record in records for loser in record.merged}
    return told | {record.id: record.merged_into for record in records if record.merged_into}


def read_all(client: Client, resource: Resource, cursor: str | None = None) -> Pass:
    """A pass with the values of every record that it names."""
    whole = read_pass(client, resource, cursor)
    whole.records.update(fetch(client, resource, whole.versions))
    return whole
