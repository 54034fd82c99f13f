"""Missing is not deleted: what a complete listing lacks is looked at a second time, by its id (rule 8.4).

Few are believed as they come. Where a listing shrinks by more than that, each record that it lacks is *suspect*:
neither there nor gone. If a read by id finds some of them, it tells the truth, and what it does not find is gone. If
it finds none of them, the app may just not show them (a permission lost, a filter set, an index gone), and nothing
is concluded until they are listed again or a person confirms that they were deleted.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from ..core.deletion import shrinks_too_much
from ..models import ListedPage, RemoteRecord, Stream
from ..models.sync import Attention
from .bulk import delete_rows
from .clock import Clock
from .lease import Held, fenced
from .store import mark_gone

CHUNK = 2000

_CLEAR = """
WITH cleared AS (
    SELECT id, row_number() OVER (ORDER BY id) AS nth FROM syncengine_remoterecord
     WHERE stream_id = %(stream)s AND suspect AND remote_id = ANY(%(ids)s)
)
UPDATE syncengine_remoterecord AS known SET suspect = FALSE, seq = %(seq)s + cleared.nth
  FROM cleared WHERE cleared.id = known.id
"""


_LACKING = """
WITH listed AS MATERIALIZED (
    SELECT jsonb_array_elements_text(ids) AS id FROM syncengine_listedpage WHERE stream_id = %(stream)s
     UNION ALL SELECT unnest(%(last)s::text[])
)
SELECT known.remote_id, known.suspect FROM syncengine_remoterecord known
 WHERE known.stream_id = %(stream)s AND NOT known.gone
   AND NOT EXISTS (SELECT FROM listed WHERE listed.id = known.remote_id)
"""


def note_listed(stream: Stream, ids: Sequence[str]) -> None:
    """One more page of a listing that takes several. Within `lease.fenced`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO syncengine_listedpage (stream_id, ids) VALUES (%s, %s::jsonb)", [stream.pk, json.dumps(ids)]
        )


def forget_listed(stream: Stream) -> None:
    """The pages noted are of no use any more. Within `lease.fenced`."""
    delete_rows(ListedPage.objects.filter(stream=stream))


def weigh(stream: Stream, last: Sequence[str]) -> list[str]:
    """A complete listing has ended with a page of these ids: those that are to be read because of it.

    The ids are compared where they are: a million of them would not fit into a worker. Within `lease.fenced`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LACKING, {"stream": stream.pk, "last": list(last)})
        rows: list[tuple[str, bool]] = cursor.fetchall()
    known = RemoteRecord.objects.filter(stream=stream, gone=False)
    too_many = bool(rows) and shrinks_too_much(len(rows), known.count())
    suspects = set(known.filter(suspect=True).values_list("remote_id", flat=True))
    lacking = {id_ for id_, _suspect in rows}
    _clear(stream, suspects - lacking if too_many else suspects)
    _keep(stream, len(rows) if too_many else 0)
    if not too_many:
        return list(lacking)
    fresh = [id_ for id_, suspect in rows if not suspect]
    for start in range(0, len(fresh), CHUNK):
        portion = fresh[start : start + CHUNK]
        RemoteRecord.objects.filter(stream=stream, remote_id__in=portion).update(suspect=True)
    return fresh


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from reading some records by their ids."""

    gone: Collection[str]
    again: Collection[str] = ()
    """To be read once more, and believed then."""


def judge(stream: Stream, lacking: Collection[str], *, found: Collection[str]) -> Verdict:
    """Of those that a read by id does not find: which are gone? Within `lease.fenced`."""
    if not stream.missing:
        return Verdict(lacking)
    suspects = set(_suspects(stream).values_list("remote_id", flat=True))
    if suspects.isdisjoint(found):
        return Verdict(set(lacking) - suspects)
    # The app does tell them apart: what it did not find before is asked for anew, as if few were missing.
    _clear(stream, suspects)
    _keep(stream, 0)
    return Verdict(lacking, suspects - set(found) - set(lacking))


def conclude(stream: Stream, held: Held, clock: Clock) -> None:
    """Suspects are gone if a person confirmed (as many as) these."""
    if not stream.missing:
        return
    confirmed = Stream.objects.values_list("missing_confirmed", flat=True).get(pk=stream.pk)
    if not confirmed or confirmed < _suspects(stream).count():
        return
    while ids := list(_suspects(stream).values_list("remote_id", flat=True)[:CHUNK]):
        with fenced(held):
            mark_gone(stream, dict.fromkeys(ids, ""), at=clock.now())
    with fenced(held):
        _keep(stream, 0)


def attention(streams: Iterable[Stream]) -> dict[str, str]:
    """What people are to be told of a sync at rest: attributes of `Sync`."""
    missing = [stream for stream in streams if stream.missing]
    return {
        "attention": Attention.MISSING.value if missing else "",
        "attention_reason": " ".join(_sentence(stream) for stream in missing),
    }


def _sentence(stream: Stream) -> str:
    text = _(
        "“%(account)s” does not show %(missing)s of its records any more (%(object)s). That may be a fault: nothing "
        "is taken for deleted until somebody confirms it."
    )
    obj = stream.object
    return text % {"account": obj.account.name, "object": obj.label, "missing": stream.missing}


def _suspects(stream: Stream) -> QuerySet[RemoteRecord]:
    return RemoteRecord.objects.filter(stream=stream, suspect=True)


def _clear(stream: Stream, ids: Iterable[str]) -> None:
    """These are there: what waited for it is looked at again."""
    wanted = list(ids)
    if not wanted:
        return
    stream.seq = Stream.objects.select_for_update().values_list("seq", flat=True).get(pk=stream.pk)
    with connection.cursor() as cursor:
        cursor.execute(_CLEAR, {"stream": stream.pk, "ids": wanted, "seq": stream.seq})
        stream.seq += cursor.rowcount
    Stream.objects.filter(pk=stream.pk).update(seq=stream.seq)


def _keep(stream: Stream, missing: int) -> None:
    """How many are suspect. What a person confirmed holds for these, not for others later."""
    if stream.missing == missing:
        return
    changed: dict[str, Any] = {"missing": missing} | ({} if missing else {"missing_confirmed": 0})
    Stream.objects.filter(pk=stream.pk).update(**changed)
    stream.missing = missing
