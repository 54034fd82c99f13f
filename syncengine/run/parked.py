"""Values that were refused are tried again once the fields take something else (rule 4.5)."""

from __future__ import annotations

from ..models import RecordLink, Sync
from .context import Slice
from .lease import fenced


def try_again_where_fields_changed(work: Slice) -> None:
    """An option was added, a length raised: what is parked is planned again, as far as it concerns it."""
    definitions, sync = work.rules.definitions, work.sync
    if definitions == sync.definitions:
        return
    with fenced(work.held):
        if sync.definitions:
            RecordLink.objects.filter(pair=sync.pair, closed_at=None).exclude(parked={}).update(replan=True)
        Sync.objects.filter(pk=sync.pk).update(definitions=definitions)
    sync.definitions = definitions
