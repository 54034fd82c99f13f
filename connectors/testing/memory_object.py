"""One object of an app that lives in memory: its records, how they are read, and how writes are judged."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ..contract import (
    CursorExpired,
    DuplicateRecord,
    Field,
    Idempotency,
    MergeSignal,
    NotFound,
    Outcome,
    Page,
    ReadStrategy,
    Record,
    Refusal,
    Refused,
    Resource,
    Value,
    Values,
    VersionMismatch,
    Write,
    WriteKind,
    Written,
)


class ContractViolation(AssertionError):
    """The engine sent something that the resource says it does not take."""


@dataclass(slots=True)
class Row:
    """One record, as the app itself keeps it."""

    id: str
    number: int
    """The how-many-th record ever made."""
    values: dict[str, Value]
    created_at: str
    modified_at: str
    version: int = 0
    sequence: int = 0
    """Number of its last change among all changes of the object."""
    key: str | None = None
    """`Write.key` of the creation that made it."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A record that is in the bin, or was merged into another."""

    id: str
    at: str
    sequence: int
    row: Row
    into: str | None = None
    """The survivor of a merge."""


Change = tuple[str, int, Row | Removal]
"""(time by the app's clock or "", number, what changed)."""


def as_sent(values: Values) -> Values:
    """An app that keeps values as it gets them."""
    return values


def accept(values: Values) -> Refused | None:
    """An app that takes everything."""
    return None


@dataclass
class MemoryObject:
    """Records of one resource. The resource declares; the rest are this app's habits."""

    resource: Resource
    page_size: int = 100
    rewrite: Callable[[Values], Values] = as_sent
    """What the app makes of values that are written, by people too: (all values) → (all values)."""
    refuse: Callable[[Values], Refused | None] = accept
    """The app's own rule: judges what a record would be after the write."""
    answers: bool = True
    """A write answers with the record (`Written.record`)."""
    versions: bool = True
    """Records have a version."""
    lists_versions: bool = False
    """Pages name ids and versions only (`Page.versions`); values come by `get`."""
    redirects_writes: bool = False
    """A change of a record that was merged away changes the survivor."""
    make_id: Callable[[int], str] = str
    clock: Callable[[], str] = lambda: "2026-01-01T00:00:00Z"
    """Set by the `MemoryApp` that offers the object."""

    rows: dict[str, Row] = field(default_factory=dict)
    removals: dict[str, Removal] = field(default_factory=dict)
    created_by_write: int = 0
    """Records that writes of the engine have made."""
    _made: int = 0
    _sequence: int = 0
    _expired_before: int = 0
    _shown: tuple[dict[str, Row], dict[str, Removal]] | None = None

    # what people do in the app itself

    def add(self, values: Values | None = None, /, **more: Value) -> str:
        """A person makes a record; answers its id."""
        return self._insert({**(values or {}), **more}).id

    def edit(self, id: str, values: Values | None = None, /, **more: Value) -> None:
        self._update(self.rows[id], {**(values or {}), **more})

    def remove(self, id: str) -> None:
        self._remove(id)

    def restore(self, id: str) -> None:
        """Out of the bin again, as it was."""
        self.rows[id] = self.removals.pop(id).row
        self._update(self.rows[id], {})

    def merge(self, id: str, *, into: str) -> None:
        """Two records become one: `into` survives."""
        self._remove(id, into=into)
        self._update(self.rows[into], {})

    def values(self, id: str) -> dict[str, Value]:
        return copy.deepcopy(self.rows[id].values)

    def all_values(self) -> dict[str, dict[str, Value]]:
        """Id → values of every record that there is."""
        return {id: self.values(id) for id in self.rows}

    # how the app misbehaves

    def expire_cursors(self) -> None:
        """Cursors handed out so far raise CursorExpired."""
        self._sequence += 1
        self._expired_before = self._sequence

    def freeze(self) -> None:
        self._shown = (copy.deepcopy(self.rows), dict(self.removals))

    def thaw(self) -> None:
        self._shown = None

    # reading

    def page(self, cursor: str | None) -> Page:
        place: dict[str, Any] = json.loads(cursor) if cursor else {"pass": "full"}
        if place.get("issued", self._sequence) < self._expired_before:
            raise CursorExpired("The cursor is too old.")
        if place["pass"] == "full":
            return self._full_page(place)
        return self._change_page(place)

    def get(self, ids: Sequence[str]) -> list[Record]:
        rows, removals = self._visible()
        found = {id: self._record(rows[id]) for id in ids if id in rows}
        for id in ids:
            into = None if id in rows else self._survivor(id)
            if into is None:
                continue
            if MergeSignal.LOSER in self.resource.merges:
                found[id] = self._loser(removals[id])
            elif MergeSignal.REDIRECT in self.resource.merges:
                survivor = found.get(into) or self._record(rows[into])
                found[into] = replace(survivor, merged=tuple(sorted({*survivor.merged, id})))
        return list(found.values())

    def _survivor(self, id: str) -> str | None:
        """Where a record that was merged has ended, if that is still there."""
        rows, removals = self._visible()
        while id in removals and id not in rows:
            into = removals[id].into
            if into is None:
                return None
            id = into
        return id if id in rows else None

    def _loser(self, one: Removal) -> Record:
        return replace(self._record(one.row), modified_at=one.at, merged_into=one.into)

    def find(self, keys: Sequence[str]) -> dict[str, Record]:
        if self.resource.idempotency is not Idempotency.STAMP:
            raise ContractViolation("find() is only for resources with a stamp")
        rows, _ = self._visible()
        return {row.key: self._record(row) for row in rows.values() if row.key in set(keys) and row.key}

    def _full_page(self, place: dict[str, Any]) -> Page:
        """Every record in the order of creation. Where changes go on is noted when the pass starts."""
        rows, _ = self._visible()
        started = place.get("started") or self._newest()
        after = place.get("after", 0)
        rest = sorted((row for row in rows.values() if row.number > after), key=lambda row: row.number)
        page, more = rest[: self.page_size], len(rest) > self.page_size
        if more:
            next_place = {"pass": "full", "after": page[-1].number, "started": started}
        else:
            next_place = self._checkpoint(self._reaching_back(started))
        _, removals = self._visible()
        return self._page(page, next_place, more=more, listing=True, gone=() if more else removals.values())

    def _reaching_back(self, started: dict[str, Any]) -> dict[str, Any]:
        """What may not have shown yet when the complete pass began comes with the changes (`Resource.lag`)."""
        if not self.resource.lag or not started["at"]:
            return started
        at = later(started["at"], -self.resource.lag)
        seen = (*self.rows.values(), *self.removals.values())
        older = [one.sequence for one in seen if (one.modified_at if isinstance(one, Row) else one.at) < at]
        return {"sequence": max(older, default=0), "at": at}

    def _change_page(self, place: dict[str, Any]) -> Page:
        """What changed since the checkpoint: by number for a delta, by the app's clock for "since"."""
        rows, removals = self._visible()
        by_clock = self.resource.read is ReadStrategy.SINCE
        started = place.get("started") or self._newest()
        changes: list[Change] = [(one.modified_at if by_clock else "", one.sequence, one) for one in rows.values()]
        changes += [(one.at if by_clock else "", one.sequence, one) for one in removals.values() if self._tells(one)]
        changes.sort(key=lambda change: change[:2])
        after = tuple(place["after"]) if "after" in place else None
        rest = [
            change
            for change in changes
            if (change[:2] > after if after else self._is_due(change, place["since"], by_clock=by_clock))
        ]
        page, more = rest[: self.page_size], len(rest) > self.page_size
        on = {**place, "after": page[-1][:2], "started": started} if more else self._checkpoint(started)
        records = [one for *_, one in page if isinstance(one, Row)]
        gone = [one for *_, one in page if isinstance(one, Removal)]
        return self._page(records, on, more=more, gone=gone)

    def _tells(self, one: Removal) -> bool:
        """Does a read say that it is gone?"""
        return self.resource.tombstones or (one.into is not None and MergeSignal.LOSER in self.resource.merges)

    @staticmethod
    def _is_due(change: Change, since: dict[str, Any], *, by_clock: bool) -> bool:
        """By the clock `>=`: any number of records may share one modification time."""
        return change[0] >= str(since["at"]) if by_clock else change[1] > int(since["sequence"])

    def _checkpoint(self, started: dict[str, Any]) -> dict[str, Any]:
        if self.resource.read is ReadStrategy.LISTING:
            return {"pass": "full"}
        return {"pass": "changes", "since": started}

    def _page(
        self,
        rows: Iterable[Row],
        place: dict[str, Any],
        *,
        more: bool,
        listing: bool = False,
        gone: Iterable[Removal] = (),
    ) -> Page:
        signals, rows, gone = self.resource.merges, list(rows), list(gone)
        losers = [one for one in gone if one.into is not None and MergeSignal.LOSER in signals]
        told = [] if listing else [one for one in gone if one not in losers]
        merged = [one for one in told if one.into is not None and MergeSignal.FEED in signals]
        return Page(
            records=(
                *(() if self.lists_versions else (self._record(row) for row in rows)),
                *(self._loser(one) for one in losers),
            ),
            versions=tuple((row.id, str(row.version)) for row in rows) if self.lists_versions else (),
            cursor=json.dumps({**place, "issued": self._sequence}),
            more=more,
            listing=listing,
            deleted=tuple(one.id for one in told if one not in merged),
            merged=tuple((one.id, one.into) for one in merged if one.into is not None),
        )

    def _record(self, row: Row) -> Record:
        hidden = {f.name for f in self.resource.fields if not f.tells_blank and row.values.get(f.name) is None}
        return Record(
            id=row.id,
            values={
                f.name: copy.deepcopy(row.values.get(f.name)) for f in self.resource.fields if f.name not in hidden
            },
            version=str(row.version) if self.versions else None,
            created_at=row.created_at,
            modified_at=row.modified_at,
            merged=self._merged_into(row.id) if MergeSignal.SURVIVOR in self.resource.merges else (),
        )

    def _merged_into(self, id: str) -> tuple[str, ...]:
        _, removals = self._visible()
        return tuple(sorted(loser for loser in removals if loser != id and self._survivor(loser) == id))

    def _visible(self) -> tuple[dict[str, Row], dict[str, Removal]]:
        return self._shown or (self.rows, self.removals)

    def _newest(self) -> dict[str, Any]:
        """The last change that can be seen."""
        rows, removals = self._visible()
        times = [row.modified_at for row in rows.values()] + [one.at for one in removals.values()]
        numbers = [row.sequence for row in rows.values()] + [one.sequence for one in removals.values()]
        return {"sequence": max(numbers, default=0), "at": max(times, default="")}

    # writing

    def refuse_violations(self, writes: Sequence[Write]) -> None:
        """Raises ContractViolation for a call that no engine may make."""
        kinds = {write.kind for write in writes}
        if len(kinds) != 1:
            raise ContractViolation(f"one call writes one kind, not {sorted(kinds)}")
        kind = kinds.pop()
        if kind not in self.resource.writes:
            raise ContractViolation(f"{self.resource.name} takes no {kind}")
        if len(writes) > self.resource.batch_size(kind):
            raise ContractViolation(f"{len(writes)} at once; {kind} takes {self.resource.batch_size(kind)}")
        for write in writes:
            self._refuse_violation(write)

    def _refuse_violation(self, write: Write) -> None:
        if write.kind is WriteKind.CREATE and write.key is None:
            raise ContractViolation("a creation needs a key")
        if write.kind is not WriteKind.CREATE and write.id is None:
            raise ContractViolation(f"which record is to be written? {write.kind} needs an id")
        for name in write.values:
            one = self.resource.field(name)
            if one is None:
                raise ContractViolation(f"there is no field {name!r}")
            if one.read_only:
                raise ContractViolation(f"the field {name!r} cannot be written")

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        """An answer for each, in order. Where the resource is atomic, one refusal refuses all."""
        if not self.resource.atomic:
            return [self._write_one(write) for write in writes]
        before = (copy.deepcopy(self.rows), dict(self.removals), self.created_by_write)
        outcomes = [self._write_one(write) for write in writes]
        refused = next((one for one in outcomes if isinstance(one, Refused)), None)
        if refused is None:
            return outcomes
        self.rows, self.removals, self.created_by_write = before
        return [refused] * len(writes)

    def _write_one(self, write: Write) -> Outcome:
        if write.kind is WriteKind.CREATE:
            return self._create(write)
        row = self.rows.get(write.id or "")
        if row is None and self.redirects_writes:
            row = self.rows.get(self._survivor(write.id or "") or "")
        if row is None:
            return NotFound()
        if self.resource.lock and write.version is not None and write.version != str(row.version):
            return VersionMismatch(current=self._record(row))
        if write.kind is not WriteKind.UPDATE:
            self._remove(row.id)
            return Written(id=row.id)
        problem = self._problem({**row.values, **write.values}, changed=write.values, but=row.id)
        if problem:
            return problem
        self._update(row, write.values)
        return self._written(row)

    def _create(self, write: Write) -> Outcome:
        if self.resource.idempotency is Idempotency.KEY:
            made = next((row for row in self.rows.values() if row.key == write.key), None)
            if made:
                return self._written(made)
        problem = self._problem(write.values, changed=write.values)
        if problem:
            return problem
        self.created_by_write += 1
        return self._written(self._insert(write.values, key=write.key))

    def _written(self, row: Row) -> Written:
        return Written(id=row.id, record=self._record(row) if self.answers else None)

    def _problem(self, values: Values, *, changed: Values, but: str | None = None) -> Refused | DuplicateRecord | None:
        for one in self.resource.fields:
            value = values.get(one.name)
            if one.required and value is None:
                return Refused(Refusal.MISSING_REQUIRED, f"{one.label} is missing.", field=one.name)
            problem = _invalid(one, value) if one.name in changed and value is not None else None
            if problem:
                return problem
            if one.unique and value is not None:
                twin = next((r for r in self.rows.values() if r.values.get(one.name) == value), None)
                if twin and twin.id != but:
                    return DuplicateRecord(existing_id=twin.id, message=f"{one.label} is taken.")
        return self.refuse(values)

    def _insert(self, values: Values, *, key: str | None = None) -> Row:
        self._made += 1
        now = self.clock()
        row = Row(self.make_id(self._made), self._made, {}, created_at=now, modified_at=now, key=key)
        self.rows[row.id] = row
        self._update(row, values)
        return row

    def _update(self, row: Row, values: Values) -> None:
        """Every write makes a new version, even one that changes nothing: some apps are like that."""
        self._sequence += 1
        row.values = copy.deepcopy(dict(self.rewrite({**row.values, **copy.deepcopy(dict(values))})))
        row.version += 1
        row.sequence = self._sequence
        row.modified_at = self.clock()

    def _remove(self, id: str, *, into: str | None = None) -> None:
        self._sequence += 1
        row = self.rows.pop(id)
        self.removals[id] = Removal(id, at=self.clock(), sequence=self._sequence, row=row, into=into)


def later(time: str, seconds: float) -> str:
    """A time in wire form, so many seconds later."""
    moved = datetime.fromisoformat(time) + timedelta(seconds=seconds)
    return moved.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _invalid(one: Field, value: Value) -> Refused | None:
    """Length and options, of each element where there are several."""
    elements: list[Mapping[str, Any] | str] = value if isinstance(value, list) else [value]
    if one.max_length is not None and any(isinstance(e, str) and len(e) > one.max_length for e in elements):
        return Refused(Refusal.TOO_LONG, f"{one.label} takes {one.max_length} characters.", field=one.name)
    known = {option.value for option in one.options}
    if known and any(isinstance(e, str) and e not in known for e in elements):
        return Refused(Refusal.UNKNOWN_OPTION, f"{one.label} has no such option.", field=one.name)
    return None
