"""An object of an app in memory that behaves as badly as apps do: what it shows lags behind what it holds, its pages
drift, its listings lie, and it does things of its own accord when it is written to.

All of it follows from its clock and from what a test tells it: the same every time.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ..contract import Outcome, Page, Record, Refused, Values, Write, Written
from .memory_object import MemoryObject, Removal, Row

Reaction = Callable[[Row, Values], Values]
"""(the record as it is after a write, what was written) → what the app's own workflow makes of it; empty: nothing."""


@dataclass
class HostileObject(MemoryObject):
    """A `MemoryObject` with bad habits. `moment` is the true time; `clock` is what the app stamps."""

    moment: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC)
    lag: timedelta = timedelta(0)
    """Until a change shows in reads, in the order of the changes. No more than the resource's `settle`."""
    drifts: bool = False
    """Pages of a listing are counted off: what is removed in between makes the next page miss a record."""
    reaction: Reaction | None = None
    reacted: Callable[[str, Values], None] = lambda id, values: None
    """Told of what a workflow did."""
    wrote: Callable[[Write, Row | None, Outcome], None] = lambda write, before, outcome: None
    """Told of each write of the engine: the record before it, and the answer."""
    lies: list[str] = field(default_factory=list)
    """What the next pages of a listing do: "empty" (it lists nothing) or "cut" (it ends early)."""
    _moments: list[tuple[datetime, dict[str, Row], dict[str, Removal]]] = field(default_factory=list)
    """What there was, and until when: as far back as reads may still show."""
    _events: list[Callable[[], None]] = field(default_factory=list)
    """What is to be told of the call under way."""

    def lie(self, how: str) -> None:
        self.lies.append(how)

    # reading

    def _visible(self) -> tuple[dict[str, Row], dict[str, Removal]]:
        if self._shown:
            return self._shown
        since = self.moment() - self.lag
        while self._moments and self._moments[0][0] <= since:
            self._moments.pop(0)
        return self._moments[0][1:] if self._moments else (self.rows, self.removals)

    def _changing(self) -> None:
        """Keep what reads go on showing for a while."""
        if self.lag:
            self._visible()
            self._moments.append((self.moment(), dict(self.rows), dict(self.removals)))

    def page(self, cursor: str | None) -> Page:
        page = super().page(cursor)
        if not page.listing or not self.lies:
            return page
        if self.lies.pop(0) == "empty":
            page = replace(page, records=(), versions=())
        return replace(self._last(page), listing=True)

    def _last(self, page: Page) -> Page:
        """The same page, as if no other followed."""
        if not page.more:
            return page
        place = json.loads(page.cursor)
        checkpoint = {**self._checkpoint(place["started"]), "issued": place["issued"]}
        return replace(page, more=False, cursor=json.dumps(checkpoint))

    def _full_page(self, place: dict[str, Any]) -> Page:
        if not self.drifts:
            return super()._full_page(place)
        rows, _ = self._visible()
        started = place.get("started") or self._newest()
        skipped = place.get("after", 0)
        rest = sorted(rows.values(), key=lambda row: row.number)[skipped:]
        page, more = rest[: self.page_size], len(rest) > self.page_size
        on = {"pass": "full", "after": skipped + len(page), "started": started} if more else self._checkpoint(started)
        return self._page(page, on, more=more, listing=True)

    # changing

    def restore(self, id: str) -> None:
        self._changing()
        super().restore(id)

    def _insert(self, values: Values, *, key: str | None = None) -> Row:
        self._changing()
        row = super()._insert(values, key=key)
        return self.rows[row.id]

    def _update(self, row: Row, values: Values) -> None:
        """Rows that reads may still show are left as they are."""
        self._changing()
        if row.id in self.rows and self.lag:
            row = self.rows[row.id] = replace(row, values=copy.deepcopy(row.values))
        super()._update(row, values)

    def _remove(self, id: str, *, into: str | None = None) -> None:
        self._changing()
        super()._remove(id, into=into)

    # being written to

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        self._events, moments = [], list(self._moments)
        outcomes = super().write(writes)
        if self.resource.atomic and any(isinstance(outcome, Refused) for outcome in outcomes):
            self._events, self._moments = [], moments  # All of it was undone.
        for tell in self._events:
            tell()
        return outcomes

    def _write_one(self, write: Write) -> Outcome:
        before = copy.deepcopy(self.rows.get(write.id or ""))
        outcome = super()._write_one(write)
        self._events.append(lambda: self.wrote(write, before, outcome))
        if isinstance(outcome, Written) and outcome.id in self.rows:
            self._react(outcome.id, write.values)
        return outcome

    def _written(self, row: Row) -> Written:
        """What is held now, whatever older reads show."""
        row = self.rows[row.id]
        return Written(id=row.id, record=self._record(row) if self.answers else None)

    def _react(self, id: str, written: Mapping[str, Any]) -> None:
        """A workflow runs after the answer was made."""
        more = self.reaction(self.rows[id], written) if self.reaction else {}
        if more:
            self._update(self.rows[id], more)
            self._events.append(lambda: self.reacted(id, more))

    def held(self, id: str) -> Record | None:
        """The record as it is, whatever reads show."""
        row = self.rows.get(id)
        return None if row is None else self._record(row)
