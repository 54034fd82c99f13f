"""Remote records in the database, by the set: one query to know what is known, one statement to write the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

from django.db import connection
from django.db.models import Q

from connectors.contract import Field, Page, Record, Resource, Value, Values

from ..core.match import Keys, blocks, identifying, keys_of, standing_for
from ..core.storable import storable_print
from ..core.values import Locale, blank
from ..models import MatchKey, RemoteRecord, Stream
from .bulk import as_json, delete_rows, insert_rows, update_rows
from .companies import with_companies
from .rows import RECORDS, array, decoded, new
from .survivors import news_of, there, told_by

LABEL_FIELDS = ("full_name", "name", "title", "subject", "number")
"""Canonical names of what a record is called by, the best first."""
LONGEST_LABEL = 255
LONGEST_REQUEST = timedelta(minutes=10)

_UPSERT = """
INSERT INTO syncengine_remoterecord AS known
       (stream_id, remote_id, version, fingerprint, "values", keys, label, created_at, modified_at, asked_at,
        first_seq, seq, gone, merged_into, origin_sync, written_at, pristine, replaced)
SELECT %s, id, version, fingerprint, "values", keys, label, created, modified, asked, seq, seq, FALSE, '', origin,
       written, origin IS NOT NULL, replaced
  FROM json_to_recordset(%s::json)
       AS new (id text, version text, fingerprint text, "values" jsonb, keys jsonb, label text, created text,
               modified text, asked timestamptz, seq bigint, origin bigint, written timestamptz, replaced text)
ON CONFLICT (stream_id, remote_id) DO UPDATE SET
    version = EXCLUDED.version, fingerprint = EXCLUDED.fingerprint, "values" = EXCLUDED."values",
    keys = EXCLUDED.keys, label = EXCLUDED.label, created_at = COALESCE(EXCLUDED.created_at, known.created_at),
    modified_at = EXCLUDED.modified_at, asked_at = EXCLUDED.asked_at, seq = EXCLUDED.seq,
    gone = FALSE, gone_at = NULL, merged_into = '', suspect = FALSE,
    origin_sync = COALESCE(EXCLUDED.origin_sync, known.origin_sync),
    written_at = COALESCE(EXCLUDED.written_at, known.written_at),
    pristine = EXCLUDED.pristine OR known.pristine
               AND (EXCLUDED.written_at IS NOT NULL OR EXCLUDED."values" = known."values"),
    replaced = CASE WHEN EXCLUDED.written_at IS NULL THEN known.replaced ELSE EXCLUDED.replaced END
RETURNING id, remote_id
"""

_TOUCH = """
UPDATE syncengine_remoterecord AS known
   SET version = new.version, modified_at = new.modified, asked_at = new.asked
  FROM json_to_recordset(%s::json) AS new (id text, version text, modified text, asked timestamptz)
 WHERE known.stream_id = %s AND known.remote_id = new.id
"""
"""A new version of the same values is no change that anybody would have to look at."""

_KEYS = """
SELECT remote_id, keys FROM syncengine_remoterecord
 WHERE stream_id = %s AND remote_id = ANY(%s::text[]) AND NOT gone
"""

_DIFFERING = """
SELECT new.id, known.fingerprint, known.version, known.gone, known.written_at, known.replaced, known.asked_at
  FROM unnest(string_to_array(%(ids)s, %(separator)s), string_to_array(%(prints)s, %(separator)s),
              string_to_array(%(versions)s, %(separator)s, %(none)s)) AS new (id, fingerprint, version)
  LEFT JOIN syncengine_remoterecord known ON known.stream_id = %(stream)s AND known.remote_id = new.id
 WHERE known.fingerprint IS DISTINCT FROM new.fingerprint OR known.version IS DISTINCT FROM new.version OR known.gone
"""
"""Of a page that brings nothing new, nothing comes back. A NULL as fingerprint: we know no such record. The texts
travel joined: as arrays, psycopg would take longer to write them down than the database to look at the records."""
_NONE = "\x1e"
_SEPARATORS = "\x1f\x1d\x1c" + "".join(map(chr, range(0xE000, 0xF900)))
"""The first that none of the texts holds."""


class Seen(NamedTuple):
    """A record as the app showed it, and when it was asked."""

    record: Record
    asked_at: datetime
    origin_sync: int | None = None
    written_at: datetime | None = None
    """Set where this is the app's answer to our own write."""
    replaced: str = ""
    fingerprint: str = ""
    """Of the values, where they can be stored as they are."""


class Mark(NamedTuple):
    """What is needed of a known record to tell whether a new sight of it changes anything."""

    fingerprint: str
    version: str | None
    gone: bool
    written_at: datetime | None
    replaced: str
    asked_at: datetime


class Stored(NamedTuple):
    """What came of remembering some records."""

    aside: list[str]
    """Ids of sights too old to count (rule 3.7)."""
    renamed: frozenset[str] = frozenset()
    """Ids of those that are found, or called, by something else than before."""


_UNKNOWN = """
SELECT new.id
  FROM unnest(%s::text[], %s::text[]) AS new (id, version)
  LEFT JOIN syncengine_remoterecord known ON known.stream_id = %s AND known.remote_id = new.id
 WHERE known.version IS DISTINCT FROM new.version OR known.gone
"""

Sight: TypeAlias = tuple[Seen, Values, str]
"""With what can be stored of its values, and their fingerprint."""


def known_marks(stream: Stream, ids: Sequence[str]) -> dict[str, Mark]:
    rows = RemoteRecord.objects.filter(stream=stream, remote_id__in=ids).values_list(
        "remote_id", "fingerprint", "version", "gone", "written_at", "replaced", "asked_at"
    )
    return {row[0]: Mark(*row[1:]) for row in rows}


def _differing(stream: Stream, sights: Sequence[Sight]) -> dict[str, Mark | None]:
    """Of those that are new, look different, or are answers to our own writes: what is known of them."""
    answers = dict.fromkeys(one.record.id for one, _, _ in sights if one.written_at is not None)
    if len(answers) == len(sights):
        return answers
    ids = [one.record.id for one, _, _ in sights]
    versions = [_NONE if (version := one.record.version) is None else version for one, _, _ in sights]
    every = "".join([*ids, *versions])
    separator = next(one for one in _SEPARATORS if one not in every)
    params = {
        "stream": stream.pk,
        "ids": separator.join(ids),
        "prints": separator.join([print_ for _, _, print_ in sights]),
        "versions": separator.join(versions),
        "separator": separator,
        "none": _NONE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERING, params)
        return answers | {row[0]: None if row[1] is None else Mark(*row[1:]) for row in cursor.fetchall()}


def unknown(stream: Stream, versions: Sequence[tuple[str, str]]) -> list[str]:
    """Ids of (id, version) that are new to us, or in a version that is."""
    with connection.cursor() as cursor:
        cursor.execute(_UNKNOWN, [[id_ for id_, _ in versions], [version for _, version in versions], stream.pk])
        return [id_ for (id_,) in cursor.fetchall()]


def ids_of(page: Page) -> list[str]:
    """The records that it shows."""
    return [record.id for record in page.records] + [id_ for id_, _ in page.versions]


def brings_news(stream: Stream, resource: Resource, page: Page) -> bool:
    """Would anything be stored of the last page of a pass, beside its checkpoint?"""
    if page.deleted or page.merged or (page.versions and unknown(stream, page.versions)):
        return True
    records = there(page.records)
    if records and _differing(stream, _sights(resource, [Seen(record, datetime.min) for record in records])):
        return True
    if news_of(stream, told_by(page.records)).merged:
        return True
    # All that it lists is known: nothing is missing if that is as much.
    listed = {record.id for record in records} | {id_ for id_, _ in page.versions}
    return page.listing and RemoteRecord.objects.filter(stream=stream, gone=False).count() != len(listed)


def _sights(resource: Resource, seen: Sequence[Seen]) -> list[Sight]:
    untold = {f.name: None for f in resource.fields if not f.tells_blank}
    return [
        (one, one.record.values, one.fingerprint)
        if one.fingerprint
        else (one, *storable_print(_whole(one.record.values, untold)))
        for one in seen
    ]


def store_records(
    stream: Stream,
    resource: Resource,
    seen: Sequence[Seen],
    locale: Locale,
    *,
    settle: timedelta = timedelta(0),
    known: Mapping[str, RemoteRecord] | None = None,
) -> Stored:
    """Remember these, and number those that changed.

    `known`: the rows of these records, where the caller has them at hand.

    Call it within `lease.fenced`: the row of the stream is locked, so that numbers are given in the order of
    commits and none is passed over by a planner that looks in between.
    """
    if not seen:
        return Stored([])
    sights = _sights(resource, seen)
    marks = _differing(stream, sights)
    changed: dict[str, Sight] = {}
    touched: dict[str, Seen] = {}
    aside: list[str] = []
    for sight in sights if marks else ():
        one, _, print_ = sight
        id_ = one.record.id
        if id_ not in marks:
            continue
        mark = marks[id_]
        if mark is not None and one.written_at is None and _too_old(mark, one, print_, settle):
            aside.append(id_)
        elif mark is None or mark.gone or one.written_at is not None or print_ != mark.fingerprint:
            changed[id_] = sight
        elif one.record.version != mark.version and one.asked_at >= mark.asked_at:
            touched[id_] = one
    renamed: frozenset[str] = frozenset()
    if changed:
        _lock_number(stream)
        renamed = _write(stream, resource, list(changed.values()), locale, known)
    if touched:
        _touch(stream, list(touched.values()))
    return Stored(aside, renamed)


def _lock_number(stream: Stream) -> None:
    """The number of the stream's last change, which nobody else moves until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM syncengine_stream WHERE id = %s FOR UPDATE", [stream.pk])
        stream.seq = cursor.fetchone()[0]


def _keep_number(stream: Stream) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE syncengine_stream SET seq = %s WHERE id = %s", [stream.seq, stream.pk])


def _whole(values: Values, untold: Values) -> Values:
    """A field that the app leaves out where it is blank was read all the same (rule 3.6)."""
    return {**untold, **values} if untold else values


def _too_old(mark: Mark, seen: Seen, print_: str, settle: timedelta) -> bool:
    """Asked for before our write, or still showing what it replaced while the app settles."""
    if mark.written_at is not None and mark.gone:
        return mark.written_at <= seen.asked_at + LONGEST_REQUEST and seen.asked_at <= mark.written_at + settle
    if mark.written_at is None or print_ == mark.fingerprint:
        return False
    if seen.asked_at <= mark.written_at:
        # More than a request takes: our clock was set back since, and tells nothing.
        return mark.written_at - seen.asked_at <= LONGEST_REQUEST
    return print_ == mark.replaced and seen.asked_at <= mark.written_at + settle


def _touch(stream: Stream, seen: Sequence[Seen]) -> None:
    rows = [
        {"id": s.record.id, "version": s.record.version, "modified": s.record.modified_at, "asked": s.asked_at}
        for s in seen
    ]
    with connection.cursor() as cursor:
        cursor.execute(_TOUCH, [as_json(rows), stream.pk])


def _write(
    stream: Stream,
    resource: Resource,
    changed: Sequence[Sight],
    locale: Locale,
    known: Mapping[str, RemoteRecord] | None,
) -> frozenset[str]:
    known = known or {}
    concerned = identifying(resource, stream.own_keys)
    same = {s.record.id for s, values, _ in changed if _is_called_the_same(known.get(s.record.id), values, concerned)}
    keys = {
        s.record.id: keys_of(values, resource, stream.own_keys, locale)
        for s, values, _ in changed
        if s.record.id not in same
    }
    keys = with_companies(stream, resource, keys)
    unknown_ = keys.keys() - known.keys()
    before = {i: known[i].keys for i in keys if i in known and not known[i].gone}
    before |= _keys_before(stream, unknown_) if unknown_ else {}
    rows = [
        {
            "id": (id_ := seen.record.id),
            "version": seen.record.version,
            "fingerprint": print_,
            "values": values,
            "keys": known[id_].keys if id_ in same else keys[id_].to_json(),
            "label": known[id_].label if id_ in same else label_of(values, resource),
            "created": seen.record.created_at,
            "modified": seen.record.modified_at,
            "asked": seen.asked_at,
            "seq": seq,
            "origin": seen.origin_sync,
            "written": seen.written_at,
            "replaced": seen.replaced,
        }
        for seq, (seen, values, print_) in enumerate(changed, start=stream.seq + 1)
    ]
    stream.seq += len(rows)
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [stream.pk, as_json(rows)])
        pks = {remote_id: pk for pk, remote_id in cursor.fetchall()}
    moved = [row["id"] for row in rows if row["id"] not in same and before.get(row["id"]) != row["keys"]]
    _write_keys(stream, {pks[id_]: keys[id_] for id_ in moved}, [pks[id_] for id_ in moved if id_ in before])
    _keep_number(stream)
    labels = {id_: record.label for id_, record in known.items()}
    return frozenset(moved).union(row["id"] for row in rows if labels.get(row["id"]) != row["label"])


def _is_called_the_same(known: RemoteRecord | None, values: Values, concerned: frozenset[str]) -> bool:
    """Nothing has changed of what its match keys and its label follow from."""
    if known is None or known.gone:
        return False
    before = known.values
    return all(values.get(name) == before.get(name) for name in concerned)


def _keys_before(stream: Stream, ids: Iterable[str]) -> dict[str, Any]:
    """A record that is gone has no match keys: they are written anew when it is back."""
    with connection.cursor() as cursor:
        cursor.execute(_KEYS, [stream.pk, array(ids)])
        return {remote_id: decoded(keys) for remote_id, keys in cursor.fetchall()}


def _write_keys(stream: Stream, keys: Mapping[int, Keys], older: Sequence[int]) -> None:
    """The buckets of these records, instead of those that `older` ones had."""
    if older:
        delete_rows(MatchKey.objects.filter(record_id__in=older))
    insert_rows(
        [
            new(MatchKey, record_id=pk, stream_id=stream.pk, kind=kind, value=value)
            for pk, one in keys.items()
            for kind, value in sorted(blocks(one))
        ]
    )


def mark_gone(
    stream: Stream, ids: Mapping[str, str], *, at: datetime, unknown: bool = False, by_us: bool = False
) -> None:
    """These are deleted in the app, or merged into the record named (id → id or ""). Within `lease.fenced`.

    `at`: when the app was asked. With `unknown`, ids that were never seen are remembered as gone too: a link may
    still lead to them. `by_us`: what is read before the app has settled is of yesterday (rule 3.7).
    """
    _lock_number(stream)
    if unknown:
        RemoteRecord.objects.bulk_create(
            RemoteRecord(stream=stream, remote_id=id_, fingerprint="", asked_at=at, first_seq=0, seq=0)
            for id_ in set(ids) - set(known_marks(stream, list(ids)))
        )
    merged = [id_ for id_, into in ids.items() if into]
    known = RemoteRecord.objects.filter(stream=stream)
    # A merge may be told after the loser was missed.
    rows = list(known.filter(Q(remote_id__in=list(ids), gone=False) | Q(remote_id__in=merged, merged_into="")))
    for row in rows:
        stream.seq += 1
        row.gone, row.gone_at, row.merged_into, row.seq = True, at, ids[row.remote_id], stream.seq
        row.suspect, row.written_at = False, at if by_us else row.written_at
    update_rows(rows, ["gone", "gone_at", "merged_into", "seq", "suspect", "written_at"])
    delete_rows(MatchKey.objects.filter(record__in=rows))
    _keep_number(stream)


def label_of(values: Values, resource: Resource) -> str:
    """What people call the record."""
    fields = standing_for(resource)
    for canonical in LABEL_FIELDS:
        named = _first(values, fields, canonical)
        if isinstance(named, str) and not blank(named):
            return named[:LONGEST_LABEL]
    parts = [str(part) for n in ("first_name", "last_name") if not blank(part := _first(values, fields, n))]
    if parts:
        return " ".join(parts)[:LONGEST_LABEL]
    email = _first(values, fields, "email")
    first = next(iter(email), None) if isinstance(email, list) else email
    return str(first)[:LONGEST_LABEL] if first else ""


def _first(values: Values, fields: Mapping[str, Sequence[Field]], canonical: str) -> Value:
    """What the first field that stands for this holds."""
    found = fields.get(canonical)
    return values.get(found[0].name) if found else None


def records_of(stream: Stream, ids: Iterable[str]) -> dict[str, RemoteRecord]:
    """As planning and applying look at them (`rows.RECORDS`)."""
    ids = list(ids)
    if not ids:
        return {}
    found = RECORDS.find("stream_id = %s AND remote_id = ANY(%s::text[]) ORDER BY remote_id", [stream.pk, array(ids)])
    return {record.remote_id: record for record in found}
