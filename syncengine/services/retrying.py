"""Records and apps that are tried once more because a person says so."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone

from tenants import due

from ..core.states import FailureClass, RecordState
from ..models import RecordLink, Sync, SyncState
from ..run import doubt
from ..run.context import DUE_KIND


def retry(links: list[RecordLink]) -> None:
    """Have failing records planned again at the next occasion."""
    _plan_again(RecordLink.objects.filter(pk__in=[link.pk for link in links]))
    for pair_id in {link.pair_id for link in links}:
        sync = Sync.objects.filter(pair_id=pair_id, deleted_at=None, state=SyncState.ON).first()
        if sync is not None:
            due.schedule(DUE_KIND, sync.pk, timezone.now())


def retry_all(sync: Sync, *, cause: str = "") -> int:
    """Have all failing records of a sync, or those of one cause, planned again. The number of them."""
    let_apps_answer_again(sync)
    failing = RecordLink.objects.filter(pair_id=sync.pair_id, state=RecordState.FAILING)
    count = _plan_again(failing.filter(cause=cause) if cause else failing)
    if sync.state == SyncState.ON:
        due.schedule(DUE_KIND, sync.pk, timezone.now())
    return count


def let_apps_answer_again(sync: Sync) -> None:
    """A person has looked at it: what was held off because an app refused so much goes on at once."""
    Sync.objects.filter(pk=sync.pk).update(circuit={})


def _plan_again(links: QuerySet[RecordLink]) -> int:
    """Values that were refused are sent once more, too. A creation in doubt is looked for: it may have happened."""
    doubt.look_again(list(links.filter(cause=FailureClass.IN_DOUBT).values_list("pk", flat=True)))
    return links.update(replan=True, next_try_at=None, attempts=0, parked={}, flips={})
