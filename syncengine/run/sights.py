"""What both streams last saw of the records that one chunk of a plan is about: each row is loaded once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..core.mapping import Side
from ..models import RemoteRecord, Stream
from .store import records_of


class Sights:
    """For one transaction under the leases of both streams: nobody else changes their records meanwhile."""

    def __init__(self, streams: Mapping[Side, Stream]) -> None:
        self._streams = streams
        self._known: dict[Side, dict[str, RemoteRecord | None]] = {side: {} for side in Side}

    def of(self, side: Side, ids: Iterable[str]) -> dict[str, RemoteRecord]:
        """Those of these that were ever seen: id → row."""
        known, wanted = self._known[side], list(ids)
        missing = [id_ for id_ in wanted if id_ not in known]
        if missing:
            known.update(dict.fromkeys(missing))
            known.update(records_of(self._streams[side], missing))
        return {id_: row for id_ in wanted if (row := known[id_]) is not None}
