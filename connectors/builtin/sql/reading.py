"""Pages: complete passes by key, and passes over what was modified since a checkpoint.

A checkpoint is a moment of the table's own (`Checkpoint.newest`), never one of our clock. Whoever writes a row
stamps it before it is committed, and so a row may become visible after others with a later stamp: the next pass
begins `OVERLAP` before the newest stamp that was seen. When it has read that window once more, at least `OVERLAP`
after the newest stamp first appeared (both by the database's clock), nothing can follow any more: from then on only
later stamps are asked for, which costs one query that answers nothing for as long as nothing happens.
Rows of a later stamp than the database's clock shows (somebody's mistake) are read again each time, and never
become a checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from connectors.contract import ConnectorBroken, CursorExpired, Page, ReadStrategy, Record

from .keys import key_of
from .plans import Plan
from .values import moment_reader, wire_moment

OVERLAP = timedelta(minutes=5)
PAGE = 1000
VERSIONS = 5000
"""Rows of a page that names versions only."""
EARLIEST, LATEST = "1000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
"""Moments outside of this cannot be told in wire form: such rows are read by complete passes."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    column: str | None = None
    """Where the stamps are; None: there are none, and every pass is a complete one."""
    newest: str | None = None
    """The newest stamp that was seen; None: there was none."""
    seen: str = ""
    """The database's time when it was seen first."""
    settled: bool = False
    """Nothing can follow any more that is stamped as early as that."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """What `Page.cursor` holds, as JSON. `now` and `last` are set within a pass only."""

    complete: bool
    checkpoint: Checkpoint
    now: str | None = None
    """The database's time when the pass began."""
    last: tuple[str, ...] | None = None
    """Where the last page ended: the id, and before it, in a pass by stamps, the stamp."""
    newest: str | None = None
    """Of a pass by stamps: the newest stamp so far."""
    known: bool = False
    """Of a complete pass: it follows another one, so that versions tell what is new."""

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Raises CursorExpired for what no cursor of ours is."""
        try:
            said = json.loads(text)
            last = said.pop("last")
            checkpoint = Checkpoint(**said.pop("checkpoint"))
            return cls(checkpoint=checkpoint, last=None if last is None else tuple(map(str, last)), **said)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise CursorExpired("The place in the table was not understood.") from None

    def __str__(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


def read_page(connection: sa.Connection, plan: Plan, text: str | None, size: int = PAGE) -> Page:
    """One page, in the transaction that the connection is in."""
    column = _stamps(plan)
    if text is None:
        return _complete(connection, plan, Cursor(complete=True, checkpoint=_start(connection, plan, column)), size)
    cursor = Cursor.read(text)
    if cursor.checkpoint.column != column:
        raise CursorExpired("The time of the last change is kept in another column than it was.")
    if cursor.complete:
        named = plan.table.marked and cursor.known
        return _complete_named(connection, plan, cursor) if named else _complete(connection, plan, cursor, size)
    if plan.table.marked and not cursor.checkpoint.settled:
        # Most of what is looked at once more has not changed.
        return _since_named(connection, plan, cursor)
    return _since(connection, plan, cursor, size)


# complete passes


def _start(connection: sa.Connection, plan: Plan, column: str | None) -> Checkpoint:
    """The checkpoint that the end of a complete pass will leave: taken before its first row is read."""
    if column is None:
        return Checkpoint()
    now = _clock(connection, plan)
    moment = plan.vendor.moment(_modified(plan).sql)
    newest = connection.execute(
        sa.select(sa.func.max(moment)).where(moment >= _bound(plan, EARLIEST), moment <= _bound(plan, now))
    ).scalar()
    return Checkpoint(column=column, newest=moment_reader([newest])[0], seen=now)


def _complete(connection: sa.Connection, plan: Plan, cursor: Cursor, size: int) -> Page:
    statement = plan.select().order_by(*plan.order()).limit(size + 1)
    if cursor.last is not None:
        statement = statement.where(plan.after(_key(plan, cursor.last[0])))
    rows = connection.execute(statement).fetchall()
    more = len(rows) > size
    records = _records(plan, rows[:size])
    if more:
        following = replace(cursor, last=(_last_id(records),))
    elif cursor.checkpoint.column is None:
        following = Cursor(complete=True, checkpoint=cursor.checkpoint, known=True)
    else:
        following = Cursor(complete=False, checkpoint=cursor.checkpoint)
    return Page(records=tuple(records), cursor=str(following), more=more, listing=True)


def _complete_named(connection: sa.Connection, plan: Plan, cursor: Cursor) -> Page:
    """The same, of rows that were read before: the engine asks for those whose version it does not know."""
    statement = plan.select_versions().order_by(*plan.order()).limit(VERSIONS + 1)
    if cursor.last is not None:
        statement = statement.where(plan.after(_key(plan, cursor.last[0])))
    rows = connection.execute(statement).fetchall()
    versions = plan.versions(rows[:VERSIONS])
    more = len(rows) > VERSIONS
    following = replace(cursor, last=(versions[-1][0],) if more else None)
    return Page(versions=tuple(versions), cursor=str(following), more=more, listing=True)


# passes by stamps


def _since_named(connection: sa.Connection, plan: Plan, cursor: Cursor) -> Page:
    """The same as `_since`, told by versions: the engine asks for those that it does not know."""
    if cursor.now is None:
        cursor = replace(cursor, now=_clock(connection, plan))
    moment = plan.vendor.moment(_modified(plan).sql)
    rows = _window_rows(connection, plan, cursor, plan.select_versions(moment), VERSIONS)
    more = len(rows) > VERSIONS
    rows = rows[:VERSIONS]
    versions = plan.versions(rows)
    return Page(versions=tuple(versions), **_going_on(cursor, rows, versions[-1][0] if more else None))


def _window_rows(
    connection: sa.Connection, plan: Plan, cursor: Cursor, columns: sa.Select[Any], size: int
) -> Sequence[Any]:
    """A page of what is to be looked at and one row more, with their stamps at their ends."""
    moment = plan.vendor.moment(_modified(plan).sql)
    conditions = (*_window(plan, moment, cursor), moment <= _bound(plan, LATEST))
    return connection.execute(columns.where(*conditions).order_by(moment, *plan.order()).limit(size + 1)).fetchall()


def _going_on(cursor: Cursor, rows: Sequence[Any], last: str | None) -> dict[str, Any]:
    """Where to go on after these rows. `last`: the id of the last one, where another page follows."""
    stamps = [stamp for stamp in moment_reader([row[-1] for row in rows]) if isinstance(stamp, str)]
    newest = max((s for s in stamps if _time(s) <= _time(cursor.now or "")), key=_time, default=None)
    cursor = replace(cursor, newest=_later(cursor.newest, newest))
    if last is not None:
        following = replace(cursor, last=(stamps[-1], last))
    else:
        following = Cursor(complete=False, checkpoint=_moved(cursor.checkpoint, cursor))
    return {"cursor": str(following), "more": last is not None}


def _since(connection: sa.Connection, plan: Plan, cursor: Cursor, size: int) -> Page:
    if cursor.last is None and not cursor.checkpoint.settled:
        cursor = replace(cursor, now=_clock(connection, plan))
    moment = plan.vendor.moment(_modified(plan).sql)
    rows = _window_rows(connection, plan, cursor, plan.select(moment), size)
    more = len(rows) > size
    rows = rows[:size]
    if not rows and cursor.now is None:
        return Page(cursor=str(cursor))
    if cursor.now is None:
        cursor = replace(cursor, now=_clock(connection, plan))
    records = _records(plan, rows)
    return Page(records=tuple(records), **_going_on(cursor, rows, _last_id(records) if more else None))


def _window(plan: Plan, moment: sa.ColumnElement[Any], cursor: Cursor) -> list[sa.ColumnElement[bool]]:
    checkpoint = cursor.checkpoint
    if cursor.last is not None:
        stamp, id = cursor.last
        bound = _bound(plan, stamp)
        return [moment >= bound, sa.or_(moment > bound, plan.after(_key(plan, id)))]
    if checkpoint.newest is None:
        return [moment >= _bound(plan, EARLIEST)]
    if checkpoint.settled:
        return [moment > _bound(plan, checkpoint.newest)]
    early = max(_time(checkpoint.newest) - OVERLAP, _time(EARLIEST))
    return [moment >= _bound(plan, wire_moment(early))]


def _moved(checkpoint: Checkpoint, cursor: Cursor) -> Checkpoint:
    """The checkpoint after a whole pass by stamps."""
    now = cursor.now or checkpoint.seen
    newest = _later(checkpoint.newest, cursor.newest)
    if newest != checkpoint.newest:
        return Checkpoint(column=checkpoint.column, newest=newest, seen=now)
    settled = checkpoint.settled or (newest is not None and _time(now) - _time(checkpoint.seen) > OVERLAP)
    return replace(checkpoint, settled=settled)


# parts


def _stamps(plan: Plan) -> str | None:
    """The column that passes go by; None where every pass is a complete one."""
    if plan.resource.read is not ReadStrategy.SINCE or plan.modified is None:
        return None
    return plan.own[plan.modified].shape.name


def _modified(plan: Plan) -> Any:
    if plan.modified is None:
        raise CursorExpired("The column with the time of the last change is gone.")
    return plan.own[plan.modified]


def _clock(connection: sa.Connection, plan: Plan) -> str:
    (now,) = moment_reader([str(connection.execute(sa.select(plan.vendor.clock())).scalar())])
    if not isinstance(now, str):
        raise ConnectorBroken("The database's time was not understood.")
    return now


def _bound(plan: Plan, moment: str) -> sa.BindParameter[Any]:
    modified = _modified(plan)
    parameter = plan.vendor.moment_parameter(moment, modified.shape)
    return sa.literal(parameter, plan.vendor.moment_type(modified.sql))


def _key(plan: Plan, id: str) -> Any:
    key = key_of(id, plan.table.key_columns, plan.vendor.database)
    if key is None:
        raise CursorExpired("The table's key has become another one.")
    return key


def _records(plan: Plan, rows: Sequence[Any]) -> list[Record]:
    """Raises ConnectorBroken where two rows have one id, which a view's column may well do."""
    records = plan.records(rows)
    if plan.table.view and len({record.id for record in records}) < len(records):
        raise ConnectorBroken(f"The column {plan.table.key[0]} of {plan.table.name} is not unique.")
    return records


def _last_id(records: Sequence[Record]) -> str:
    if not records:
        raise ConnectorBroken("A whole page of rows has no readable key.")
    return records[-1].id


def _time(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def _later(one: str | None, other: str | None) -> str | None:
    known = [moment for moment in (one, other) if moment is not None]
    return max(known, key=_time, default=None)
