"""How many records of a sync are in which state: kept, so that no page counts a million rows."""

from __future__ import annotations

from django.db.models import Count

from ..models import RecordLink, Sync


def keep_counts(sync: Sync) -> None:
    """Count the sync's records by state, and failing ones by their class too; store it where it differs."""
    rows = RecordLink.objects.filter(pair_id=sync.pair_id, closed_at=None).values_list("state", "cause")
    counts: dict[str, int] = {}
    for state, cause, n in rows.annotate(n=Count("pk")).order_by():
        counts[state] = counts.get(state, 0) + n
        if state == "failing":
            counts[f"failing:{cause}"] = n
    if counts != sync.counts:
        Sync.objects.filter(pk=sync.pk).update(counts=counts)
        sync.counts = counts
