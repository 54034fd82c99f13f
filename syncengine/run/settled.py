"""A second checkpoint for apps whose changes may show late (`Resource.lag`): the first is for freshness, this one for
completeness. It trails by the lag, and what is read from it again is dropped by fingerprint.

Two steps a lag: a pass is made from the newest checkpoint that was taken a whole lag before the last such pass. What
had changed before then had shown by that pass.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from connectors.contract import Page, ReadStrategy

from .lease import achieved, fenced, renew

if TYPE_CHECKING:
    from .read import Reader

STEPS = 2
FORGOTTEN: dict[str, Any] = {"trail": [], "settled_cursor": "", "settled_at": None}
"""A complete pass begins: nothing of before is needed."""


def trail_after(reader: Reader, page: Page) -> dict[str, Any]:
    """What to keep of the checkpoint that ends a pass."""
    lag, trail, now = _lag(reader), reader.stream.trail, reader.clock.now()
    if not lag or (trail and now - _taken(trail[-1]) < lag / STEPS):
        return {}
    return {"trail": [*trail, [now.isoformat(), page.cursor]]}


def read_settled(reader: Reader, deadline: datetime) -> bool:
    """The pass that trails, where one is due; False if the deadline came first. Raises as the reader does."""
    stream = reader.stream
    if not stream.settled_cursor and not _is_due(reader):
        return True
    while True:
        renew(reader.held, now=reader.clock.now())
        asked = reader.clock.now()
        before = stream.settled_cursor or _start(reader)
        page = reader.client.read(reader.resource, before)
        reader.guard.look_at(page, before)
        beside = reader.beside(page)
        with fenced(reader.held):
            known = stream.seq
            reader.store_content(page, beside, asked)
            began = {} if stream.settled_cursor else {"settled_at": asked}
            reader.update(settled_cursor=page.cursor if page.more else "", **began)
            if not page.more:
                reader.update(trail=_shortened(reader))
            if stream.seq > known:
                reader.update(changed_at=asked)
                achieved(reader.held)
        if not page.more:
            return True
        if reader.clock.now() >= deadline:
            return False


def _lag(reader: Reader) -> timedelta:
    """None where each pass is complete anyway."""
    listing = reader.resource.read is ReadStrategy.LISTING
    return timedelta(0) if listing else timedelta(seconds=reader.resource.lag)


def _is_due(reader: Reader) -> bool:
    stream, lag = reader.stream, _lag(reader)
    if not lag or not stream.trail or stream.passing:
        return False
    last = stream.settled_at or _taken(stream.trail[0])
    return reader.clock.now() - last >= lag / STEPS


def _start(reader: Reader) -> str:
    """The oldest checkpoint that is kept: all others were taken too lately."""
    return str(reader.stream.trail[0][1])


def _shortened(reader: Reader) -> list[Any]:
    """The trail from where the next pass starts."""
    trail, settled_at = reader.stream.trail, reader.stream.settled_at
    assert settled_at is not None
    old = [n for n, entry in enumerate(trail) if _taken(entry) <= settled_at - _lag(reader)]
    return trail[old[-1] :] if old else trail


def _taken(entry: Any) -> datetime:
    return datetime.fromisoformat(entry[0])
