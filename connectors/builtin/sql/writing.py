"""Batches of writes, each in one transaction: lost on the way, nothing of it has happened.

A batch is tried as a whole within a savepoint. Where the database complains of it, the savepoint is taken back and
the batch is halved, until the rows that it complains of stand alone: they are refused, the others land.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connectors.contract import (
    DuplicateRecord,
    FieldType,
    NotFound,
    Outcome,
    Record,
    Refusal,
    Refused,
    Value,
    VersionMismatch,
    Write,
    WriteKind,
    Written,
)

from .faults import OF_THE_WHOLE_CALL, Complaint, Fault, refusal
from .keys import Key, bound_part, id_of, key_of
from .plans import Own, Plan
from .resources import CLOCKS
from .session import Session
from .shapes import Form, KeyMaker
from .values import Bind, Misfit, binder
from .vendors import PLACE

Parameters = dict[str, Any]
"""Column key (see `plans`) → parameter, or an expression that the database works out."""


@dataclass(slots=True)
class Item:
    """One write of a batch on its way."""

    place: int
    """In the batch."""
    write: Write
    values: Parameters
    key: Key | None = None
    """Of the row; unknown as long as the database has not made it."""


class NotAllowed(Exception):
    """The rows may not be changed, none of them."""


class Batch:
    """The writes of one call, within its transaction."""

    def __init__(self, session: Session, connection: sa.Connection, plan: Plan, writes: Sequence[Write]) -> None:
        self.session = session
        self.connection = connection
        self.plan = plan
        self.writes = writes
        self.database = plan.vendor.database
        self.outcomes: dict[int, Outcome] = {}
        self._key_columns = plan.table.key_columns
        self._writable: dict[str, tuple[str, Bind] | str] = {}
        self._stamps = {creating: self._stamped(creating=creating) for creating in (True, False)}

    def carry_out(self) -> list[Outcome]:
        kind = self.writes[0].kind if self.writes else WriteKind.CREATE
        if kind is WriteKind.CREATE:
            self._create()
        else:
            try:
                self._update() if kind is WriteKind.UPDATE else self._delete()
            except NotAllowed as refused:
                return [Refused(Refusal.PERMISSION, str(refused))] * len(self.writes)
        # The last moment at which it can be taken back.
        self.session.check_time()
        return [self.outcomes[place] for place in range(len(self.writes))]

    # the three kinds

    def _create(self) -> None:
        items = [item for place, write in enumerate(self.writes) if (item := self._new(place, write)) is not None]
        if self.plan.table.maker is KeyMaker.US:
            items = self._not_there_yet(items)
        made: list[Item] = []
        for group in _alike(items):
            made += self._attempt(group, self._insert)
        self._answer(made)

    def _update(self) -> None:
        self._check_versions()
        items = [item for place, write in enumerate(self.writes) if (item := self._change(place, write)) is not None]
        changed = [item for item in items if not item.values]
        for group in _alike(item for item in items if item.values):
            changed += self._attempt(group, self._set)
        self._answer(changed)

    def _delete(self) -> None:
        self._check_versions()
        items = [
            Item(place, write, {}, self._key(write.id or ""))
            for place, write in enumerate(self.writes)
            if place not in self.outcomes
        ]
        for item in self._attempt(items, self._remove):
            self.outcomes[item.place] = Written(id=item.write.id or "")

    # what is asked for, as parameters

    def _new(self, place: int, write: Write) -> Item | None:
        values = self._bound(place, {name: value for name, value in write.values.items() if value is not None})
        if values is None:
            return None
        key: Key | None = None
        if self.plan.table.maker is KeyMaker.US:
            (own,) = self.plan.key
            key = key_of(write.key or "", (own.shape,), self.database)
            if not write.key or key is None:
                self._refuse(place, Refusal.MISSING_REQUIRED, "A key for the new row is missing.", own.shape.name)
                return None
            values[own.sql.key] = key[0]
        elif self.plan.table.maker is KeyMaker.VALUES:
            absent = [own.shape.name for own in self.plan.key if values.get(own.sql.key) is None]
            if absent:
                self._refuse(place, Refusal.MISSING_REQUIRED, "This is part of the row's key.", absent[0])
                return None
            key = tuple(values[own.sql.key] for own in self.plan.key)
        return Item(place, write, values | self._stamps[True], key)

    def _change(self, place: int, write: Write) -> Item | None:
        if place in self.outcomes:
            return None
        values = self._bound(place, write.values)
        key = self._key(write.id or "")
        if values is None or key is None:
            return None
        for own, part in zip(self.plan.key, key, strict=True):
            if values.pop(own.sql.key, part) != part:
                self._refuse(place, Refusal.APP_RULE, "The key of a row stays as it is.", own.shape.name)
                return None
        return Item(place, write, values | self._stamps[False] if values else {}, key)

    def _bound(self, place: int, values: Mapping[str, Value]) -> Parameters | None:
        """The values as parameters; None where one of them is refused."""
        bound: Parameters = {}
        for name, value in values.items():
            if name not in self._writable:
                self._writable[name] = self._prepared(name)
            found = self._writable[name]
            if isinstance(found, str):
                self._refuse(place, Refusal.INVALID_VALUE, found, name)
                return None
            key, bind = found
            try:
                bound[key] = bind(value)
            except Misfit as misfit:
                self._refuse(place, misfit.reason, str(misfit), name)
                return None
        return bound

    def _prepared(self, name: str) -> tuple[str, Bind] | str:
        """The column's key and what makes parameters of its values; or why nothing can be written to it."""
        own = self.plan.by_name.get(name)
        field = self.plan.resource.field(name)
        if own is None or own.field is None or field is None:
            return "The table has no such column any more."
        if own.shape.generated or (field.read_only and name in self.plan.table.key):
            return "The database fills this column itself."
        if field.type is FieldType.REFERENCE:
            return own.sql.key, self._referring(own)
        return own.sql.key, binder(own.shape, self.database, frozenset(option.value for option in field.options))

    def _referring(self, own: Own) -> Bind:
        def bind(value: Value) -> Any:
            if value is None:
                return None
            id = value.get("id") if isinstance(value, Mapping) else None
            if not isinstance(id, str):
                raise Misfit("This does not refer to a row by its id.")
            try:
                return bound_part(id, own.shape, self.database)
            except ValueError:
                raise Misfit("The table that this refers to has no row of this id.") from None

        return bind

    def _stamped(self, *, creating: bool) -> Parameters:
        """The moments that go with every write: others who read by them have to see it."""
        stamps: Parameters = {}
        for canonical in CLOCKS:
            field = self.plan.resource.canonical(canonical)
            own = self.plan.by_name.get(field.name) if field else None
            if own is None or own.shape.form is not Form.MOMENT or own.shape.generated:
                continue
            if canonical == "modified_at" or (creating and not own.shape.has_default):
                stamps[own.sql.key] = self.plan.vendor.stamp(own.shape)
        return stamps

    def _key(self, id: str) -> Key | None:
        return key_of(id, self._key_columns, self.database)

    def _refuse(self, place: int, reason: Refusal, message: str, field: str | None) -> None:
        self.outcomes[place] = Refused(reason=reason, message=message, field=field)

    # looking before writing

    def _check_versions(self) -> None:
        """Answer the writes whose rows are gone, or are not what they were, and lock the others till the end."""
        keys = {write.id: key for write in self.writes if write.id and (key := self._key(write.id)) is not None}
        statement = self.plan.select_versions().where(self.plan.among(list(keys.values()))).order_by(*self.plan.order())
        if self.plan.vendor.locks_rows:
            # In the order of the key, so that two of us never wait for each other.
            statement = statement.with_for_update()
        present = dict(self.plan.versions(self._locked(statement))) if keys else {}
        stale: list[int] = []
        for place, write in enumerate(self.writes):
            if write.id not in present:
                self.outcomes[place] = NotFound()
            elif write.version is not None and write.version != present[write.id]:
                stale.append(place)
        current = self._read(keys[id] for place in stale if (id := self.writes[place].id))
        for place in stale:
            self.outcomes[place] = VersionMismatch(current=current.get(self.writes[place].id or ""))

    def _locked(self, statement: sa.Select[Any]) -> Sequence[Any]:
        """Raises NotAllowed where we may read the rows, but not hold them."""
        try:
            with self.connection.begin_nested():
                return self._execute(statement).fetchall()
        except sa.exc.DBAPIError as error:
            fault = self.plan.vendor.fault(error)
            if fault.complaint is Complaint.NOT_ALLOWED:
                raise NotAllowed(fault.message) from None
            raise

    def _not_there_yet(self, items: Sequence[Item]) -> list[Item]:
        """Answer those that were created before with the same key."""
        there = self._read(item.key for item in items if item.key is not None)
        by_key = {self._key(id): record for id, record in there.items()}
        for item in items:
            if (record := by_key.get(item.key)) is not None:
                self.outcomes[item.place] = Written(id=record.id, record=record)
        return [item for item in items if item.key not in by_key]

    # trying

    def _attempt(self, items: Sequence[Item], carry_out: Callable[[Sequence[Item]], None]) -> list[Item]:
        """Those of the items that went well; the others have got their answers."""
        if not items:
            return []
        self.session.check_time()
        try:
            with self.connection.begin_nested():
                carry_out(items)
        except sa.exc.DBAPIError as error:
            fault = self.plan.vendor.fault(error)
            if error.connection_invalidated or fault.complaint in OF_THE_WHOLE_CALL:
                raise
            if len(items) == 1 or fault.complaint is Complaint.NOT_ALLOWED:
                self.outcomes.update((item.place, self._complained(fault, item)) for item in items)
                return []
        else:
            return list(items)
        half = len(items) // 2
        return self._attempt(items[:half], carry_out) + self._attempt(items[half:], carry_out)

    def _insert(self, items: Sequence[Item]) -> None:
        fixed, parameters = _split(items)
        given = self._given(parameters) if self._told_in_order else None
        if given is not None:
            self._insert_given(items, given, fixed, parameters[0])
            return
        statement = sa.insert(self.plan.sql).values(fixed)
        if self.plan.table.maker is not KeyMaker.DATABASE:
            self._execute(statement, parameters)
            return
        if self.connection.dialect.insert_returning:
            key = [own.sql for own in self.plan.key]
            answer = self._execute(statement.returning(*key, sort_by_parameter_order=True), parameters)
            made: list[Any] = list(answer.fetchall())
        else:
            made = [self._insert_one(statement, parameter) for parameter in parameters]
        for item, row in zip(items, made, strict=True):
            item.key = tuple(row)

    @property
    def _told_in_order(self) -> bool:
        """Nothing has to be told of the new rows, or only numbers that are counted up in their order."""
        return self.plan.table.maker is not KeyMaker.DATABASE or all(own.shape.counted for own in self.plan.key)

    def _insert_given(
        self, items: Sequence[Item], given: sa.FromClause, fixed: Parameters, parameters: Parameters
    ) -> None:
        rows = sa.select(*(given.c[name] for name in parameters), *fixed.values()).order_by(given.c[PLACE])
        columns = [self.plan.sql.c[name] for name in (*parameters, *fixed)]
        statement = sa.insert(self.plan.sql).from_select(columns, rows, include_defaults=False)
        if self.plan.table.maker is not KeyMaker.DATABASE:
            self._execute(statement)
            return
        (own,) = self.plan.key
        made = sorted(self._execute(statement.returning(own.sql)).scalars())
        for item, number in zip(items, made, strict=True):
            item.key = (number,)

    def _given(self, parameters: Sequence[Parameters]) -> sa.FromClause | None:
        """The parameters of all rows as one value, where the database takes it."""
        casts = {own.sql.key: own.shape.cast for own in self.plan.own if own.sql.key in parameters[0]}
        return self.plan.vendor.rows(parameters, casts) if casts else None

    def _insert_one(self, statement: sa.Insert, parameters: Parameters) -> Any:
        """MySQL tells only the number that it counted up last."""
        self.session.check_time()
        return self._execute(statement, parameters).inserted_primary_key

    def _set(self, items: Sequence[Item]) -> None:
        fixed, parameters = _split(items)
        keys = [item.key or () for item in items]
        names = {own.sql.key: f"k{number}" for number, own in enumerate(self.plan.key)}
        rows = [{**values, **dict(zip(names.values(), key, strict=True))}
                for values, key in zip(parameters, keys, strict=True)]  # fmt: skip
        casts = {own.sql.key: own.shape.cast for own in self.plan.own if own.sql.key in parameters[0]}
        casts |= {names[own.sql.key]: own.shape.cast for own in self.plan.key}
        # Two writes to one row would be one in a single statement.
        given = self.plan.vendor.rows(rows, casts) if len(set(keys)) == len(keys) else None
        if given is not None:
            same = (own.sql == given.c[names[own.sql.key]] for own in self.plan.key)
            new = {**fixed, **{name: given.c[name] for name in parameters[0]}}
            self._execute(sa.update(self.plan.sql).where(*same).values(new))
            return
        mine = (own.sql == sa.bindparam(names[own.sql.key], type_=own.sql.type) for own in self.plan.key)
        changed = {**fixed, **{name: sa.bindparam(name) for name in parameters[0]}}
        self._execute(sa.update(self.plan.sql).where(*mine).values(changed), rows)

    def _remove(self, items: Sequence[Item]) -> None:
        self._execute(sa.delete(self.plan.sql).where(self.plan.among([item.key for item in items if item.key])))

    def _execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        return self.connection.execute(statement, parameters)

    # answering

    def _answer(self, items: Sequence[Item]) -> None:
        """Read back what has become of the rows: defaults, triggers and roundings of the database included."""
        there = self._read(item.key for item in items if item.key is not None)
        by_key = {self._key(id): record for id, record in there.items()}
        for item in items:
            record = by_key.get(item.key)
            if record is None and item.key is not None:
                # The database holds the key in another notation (a rounded time, other capitals).
                record = next(iter(self._read([item.key]).values()), None)
            id = record.id if record else item.write.id or id_of(item.key or ())
            self.outcomes[item.place] = Written(id=id, record=record)

    def _read(self, keys: Iterable[Key]) -> dict[str, Record]:
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return {}
        rows = self._execute(self.plan.select().where(self.plan.among(wanted))).fetchall()
        return {record.id: record for record in self.plan.records(rows)}

    def _complained(self, fault: Fault, item: Item) -> Outcome:
        written = frozenset(name for name, own in self.plan.by_name.items() if own.sql.key in item.values)
        if fault.complaint is Complaint.DUPLICATE:
            return self._duplicate(fault, item)
        return refusal(fault, self.plan.table, written)

    def _duplicate(self, fault: Fault, item: Item) -> Outcome:
        """Who holds the values that have to be unique. A row with our own key was made by ourselves: the same
        creation arrived twice at the same time."""
        table = self.plan.table
        columns = fault.columns or next((u.columns for u in table.uniques if u.name == fault.constraint), ())
        creating = item.write.kind is WriteKind.CREATE and table.maker is KeyMaker.US
        if creating and item.key and columns == table.key and (mine := self._read([item.key])):
            ((id, record),) = mine.items()
            return Written(id=id, record=record)
        existing = self._holder(columns, item) if columns else None
        named = ", ".join(columns)
        message = f"There is a row with the same {named} already." if named else fault.message
        return DuplicateRecord(existing_id=existing, message=message)

    def _holder(self, columns: Sequence[str], item: Item) -> str | None:
        owns = [self.plan.by_name.get(name) for name in columns]
        conditions: list[sa.ColumnElement[bool]] = []
        for own in owns:
            if own is None:
                return None
            if own.sql.key in item.values:
                conditions.append(own.sql == sa.literal(item.values[own.sql.key], own.sql.type))
            elif item.write.id is not None and item.key is not None:
                mine = sa.select(own.sql).where(self.plan.among([item.key])).correlate(None).scalar_subquery()
                conditions.append(own.sql == mine)
            else:
                return None
        keys = self._execute(sa.select(*(own.sql for own in self.plan.key)).where(*conditions).limit(2)).fetchall()
        ids = self.plan.ids(keys)
        return ids[0] if len(ids) == 1 else None


def _alike(items: Iterable[Item]) -> list[list[Item]]:
    """Items that set the same columns: each group is one statement."""
    groups: dict[tuple[str, ...], list[Item]] = {}
    for item in items:
        groups.setdefault(tuple(sorted(item.values)), []).append(item)
    return list(groups.values())


def _split(items: Sequence[Item]) -> tuple[Parameters, list[Parameters]]:
    """(what the database works out, the same for all of them; the parameters of each)."""
    fixed = {name: value for name, value in items[0].values.items() if isinstance(value, sa.ClauseElement)}
    return fixed, [{n: v for n, v in item.values.items() if n not in fixed} for item in items]
