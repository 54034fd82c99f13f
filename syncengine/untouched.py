"""The records of a preview for which nothing is planned: left out, put to a person, or not possible (rule 11.1).

They are kept by the chunk (`models.Untouched`) and taken apart when somebody looks, a page at a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import connection

from .core.mapping import Side
from .core.scope import Condition
from .core.states import FailureClass, RecordState
from .models import RemoteRecord, SyncRun
from .previews import LONGEST_SEARCH
from .queries import Page, is_key

KINDS = ("leave_out", "ask", "fail")
"""Left out on purpose; ambiguous, and so put to a person; not possible as it is."""
RULES: Mapping[str, str] = {
    Condition.NO_EMAIL: "6.1",
    Condition.INVALID_EMAIL: "6.1",
    Condition.DIRECTION: "2.1",
    Condition.READ_ONLY: "2.2",
    Condition.KEPT_APART: "5.8",
    Condition.LEFT_OUT: "5.8",
    Condition.DECLINED: "11.1",
    Condition.UNDONE: "11.2",
    Condition.PASSED_ON: "5.11",
    Condition.FILTER_A: "6.2",
    Condition.FILTER_B: "6.2",
    Condition.FILTERS: "6.2",
    Condition.HISTORY: "6.4",
    FailureClass.AMBIGUOUS: "5.8",
    FailureClass.MERGED: "8.5",
    FailureClass.DELETED_IN_A: "8.1",
    FailureClass.DELETED_IN_B: "8.1",
    FailureClass.MISSING_REQUIRED: "4.7",
    FailureClass.IN_DOUBT: "10.4",
}
"""Cause → the rule that a record is left alone by; a value that the other side does not take is rule 4.5."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for. Blank: all."""

    search: str = ""
    """Part of a record's name, or its whole id on either side."""
    kind: str = ""
    cause: str = ""
    side: str = ""
    """Those with a record on this side."""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    id: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """One record, or two linked ones."""

    key: str
    """Its place in the list."""
    state: str
    cause: str
    label: str
    detail: str
    """The values that decided, or what the app answered."""
    a_id: str | None = None
    b_id: str | None = None
    candidates: tuple[Candidate, ...] = ()

    @property
    def kind(self) -> str:
        if self.state == RecordState.EXCLUDED:
            return "leave_out"
        return "ask" if self.cause == FailureClass.AMBIGUOUS else "fail"

    @property
    def rule(self) -> str:
        return RULES.get(self.cause, "4.5")

    @property
    def side(self) -> Side:
        return Side.A if self.a_id is not None else Side.B


def records(run: SyncRun, sought: Sought = Sought(), *, after: str = "", size: int = 50) -> Page[Left]:  # noqa: B008, RUF100
    """A page of them. `after` is the `next` of the page before."""
    conditions, values = _conditions(sought)
    row, place = _place(after)
    sql = f"""
        SELECT page.id, one.place, page.state, page.cause, one.record
          FROM syncengine_untouched page
         CROSS JOIN LATERAL jsonb_array_elements(page.records) WITH ORDINALITY AS one (record, place)
         WHERE page.run_id = %s AND page.id >= %s AND (page.id, one.place) > (%s, %s) {" ".join(conditions)}
         ORDER BY page.id, one.place LIMIT %s
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [run.pk, row, row, place, *values, size + 1])
        found = [_left(*one) for one in cursor.fetchall()]
    shown = _with_names(run, found[:size])
    return Page(shown, shown[-1].key if len(found) > size else "")


def causes(run: SyncRun) -> dict[tuple[str, str], int]:
    """(state, cause) → how many records."""
    sql = (
        "SELECT state, cause, sum(jsonb_array_length(records)) FROM syncengine_untouched WHERE run_id = %s"
        " GROUP BY state, cause ORDER BY 3 DESC, 1, 2"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [run.pk])
        return {(state, cause): int(count) for state, cause, count in cursor.fetchall()}


def _conditions(sought: Sought) -> tuple[list[str], list[object]]:
    sql: list[str] = []
    values: list[object] = []
    if sought.kind:
        sql.append("AND page.state = %s")
        values.append((RecordState.EXCLUDED if sought.kind == "leave_out" else RecordState.FAILING).value)
        if sought.kind != "leave_out":
            sql.append(f"AND page.cause {'=' if sought.kind == 'ask' else '<>'} %s")
            values.append(FailureClass.AMBIGUOUS.value)
    if sought.cause:
        sql.append("AND page.cause = %s")
        values.append(sought.cause)
    if sought.rule:
        named = [str(cause) for cause, rule in RULES.items() if rule == sought.rule]
        others = [str(cause) for cause in RULES] if sought.rule == "4.5" else []
        sql.append("AND (page.cause = ANY(%s) OR (%s AND page.cause <> ALL(%s)))")
        values += [named, bool(others), others]
    if sought.side in set(Side):
        sql.append("AND one.record ->> %s IS NOT NULL")
        values.append(sought.side)
    search = sought.search.strip()[:LONGEST_SEARCH]
    if search:
        sql.append("AND (one.record ->> 'label' ILIKE %s OR one.record ->> 'a' = %s OR one.record ->> 'b' = %s)")
        values += [f"%{_escaped(search)}%", search, search]
    return sql, values


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _place(after: str) -> tuple[int, int]:
    row, _, place = after.partition(".")
    return (int(row), int(place)) if is_key(row) and is_key(place) else (0, 0)


def _left(row: int, place: int, state: str, cause: str, record: str | dict[str, object]) -> Left:
    told = json.loads(record) if isinstance(record, str) else record
    candidates = tuple(Candidate(id_) for id_ in told["candidates"])
    return Left(f"{row}.{place}", state, cause, told["label"], told["detail"], told["a"], told["b"], candidates)


def _with_names(run: SyncRun, found: Sequence[Left]) -> list[Left]:
    """With the names of their candidates, which are records of the other side."""
    names: dict[tuple[Side, str], str] = {}
    for side in Side:
        ids = {c.id for one in found if one.side is side.other for c in one.candidates}
        known = RemoteRecord.objects.filter(stream=run.sync.pair.stream(side), remote_id__in=ids) if ids else ()
        names |= {(side, record.remote_id): record.label for record in known}
    return [
        replace(one, candidates=tuple(Candidate(c.id, names.get((one.side.other, c.id), "")) for c in one.candidates))
        for one in found
    ]
