"""What an app may not do while it is read: answer the same page for ever, or forget its checkpoints at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from connectors.contract import ConnectorBroken, Page, Record

from ..core.mapping import fingerprint

PATIENCE = 2
"""Checkpoints that may expire in one slice before it counts as a defect."""


@dataclass(slots=True)
class Guard:
    """Looks at the pages of one stream, for one slice."""

    pages: set[int] = field(default_factory=set)
    cursors: set[str] = field(default_factory=set)
    expiries: int = 0

    def look_at(self, page: Page, asked_for: str) -> None:
        """Raises ConnectorBroken where the pages go round in a circle, whatever their checkpoints say."""
        if not page.more:
            return
        self.cursors.add(asked_for)
        content = _content(page)
        if page.cursor in self.cursors or content in self.pages:
            raise ConnectorBroken(_("The app answers the same page over and over."))
        if content is not None:
            self.pages.add(content)

    def expired(self) -> None:
        """A checkpoint was not taken any more. Raises ConnectorBroken where none is taken at all."""
        self.expiries += 1
        self.pages.clear()
        self.cursors.clear()
        if self.expiries > PATIENCE:
            raise ConnectorBroken(_("The app takes none of the checkpoints that it has just given."))


def _content(page: Page) -> int | None:
    """Equal for equal pages; None for an empty one, of which there may be many."""
    if not (page.records or page.versions or page.deleted or page.merged):
        return None
    return hash((tuple(map(_state, page.records)), page.versions, page.deleted, page.merged))


def _state(record: Record) -> tuple[str, str]:
    """Values are looked at only where the app marks no states: pages are many, and this is done for each record."""
    return record.id, record.version or record.modified_at or fingerprint(record.values)
