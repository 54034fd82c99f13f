"""Pages that are asked for before their turn: while one is stored, those after it are under way.

They are stored in their order all the same, each with its own checkpoint: what was asked for early is only an answer
that is there already when its place is reached, and one whose place never comes is dropped. So nothing else of reading
knows of it, and a worker that dies loses a few answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from connectors.accounts import GuardedClient
from connectors.contract import Page, Resource

from .lanes import Begun, Lanes


@dataclass(slots=True)
class Onward:
    """Of one pass over one stream."""

    client: GuardedClient
    resource: Resource
    lanes: Lanes
    now: Callable[[], datetime]
    _begun: dict[str, tuple[Begun, datetime]] = field(default_factory=dict)

    @property
    def is_under_way(self) -> bool:
        """Has something been asked for whose place has not come yet?"""
        return bool(self._begun)

    def ask(self, cursor: str) -> tuple[Begun, datetime]:
        """The page at this place, and when it was asked for."""
        known = self._begun.pop(cursor, None)
        return known if known is not None else self._begin(cursor)

    def look_ahead(self, page: Page) -> None:
        """Have the next pages asked for, as far as their places are known and there is room."""
        room = self.lanes.width(self.client.width)
        if not page.more or room == 1:
            return
        for cursor in (page.cursor, *page.ahead):
            if len(self._begun) >= room:
                return
            if cursor not in self._begun:
                self._begun[cursor] = self._begin(cursor)

    def forget(self) -> None:
        """The pass begins anew."""
        self._begun.clear()

    def _begin(self, cursor: str) -> tuple[Begun, datetime]:
        asked, client, resource = self.now(), self.client, self.resource
        if self.lanes.width(client.width) > 1:
            client.expect()
        return self.lanes.begin(lambda: client.read(resource, cursor or None)), asked
