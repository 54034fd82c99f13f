"""What an app says of merges, in whichever way it does (`MergeSignal`): loser → survivor. `merges` follows them.

A survivor's own list is a state, not an event: it goes on naming a record that was brought back. One that was there
when it was last seen is therefore looked at by its id before the list is believed (rule 8.4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from django.utils.translation import gettext as _

from connectors.contract import ConnectorBroken, Record

from ..models import RemoteRecord, Stream


class Beside(NamedTuple):
    """What was read by id because of other records that were read."""

    records: tuple[Record, ...] = ()
    merged: Mapping[str, str] = {}
    """Loser → survivor, as far as that is news."""


class News(NamedTuple):
    merged: dict[str, str]
    doubtful: set[str]
    """Those of them that were there when they were last seen."""


def told_by(records: Iterable[Record]) -> dict[str, str]:
    """Loser → survivor, as these records tell it."""
    told: dict[str, str] = {}
    for record in records:
        told |= dict.fromkeys(record.merged, record.id)
        if record.merged_into:
            told[record.id] = record.merged_into
    return told


def news_of(stream: Stream, told: Mapping[str, str]) -> News:
    """What of this is not known yet."""
    if not told:
        return News({}, set())
    rows = RemoteRecord.objects.filter(stream=stream, remote_id__in=list(told))
    known = {id_: (gone, into) for id_, gone, into in rows.values_list("remote_id", "gone", "merged_into")}
    fresh = {loser: into for loser, into in told.items() if not (loser in known and known[loser][1])}
    return News(fresh, {loser for loser in fresh if loser in known and not known[loser][0]})


def there(records: Iterable[Record]) -> list[Record]:
    """Without those that an app goes on showing though they were merged into others."""
    return [record for record in records if record.merged_into is None]


def refuse_strangers(asked: Collection[str], records: Iterable[Record]) -> None:
    """Raises ConnectorBroken for a record that nobody asked for: the one that was would look deleted."""
    wanted = set(asked)
    for record in records:
        if record.id not in wanted and wanted.isdisjoint(record.merged):
            raise ConnectorBroken(_("Asked for some records by their ids, the app answers with others."))
