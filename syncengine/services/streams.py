"""What becomes of syncs when an account, or something that it holds, makes itself heard."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from connectors import accounts
from connectors.models import ConnectedAccount
from tenants import due
from tenants.again import again

from ..models import Stream, Sync, SyncState
from ..run.context import DUE_KIND
from ..run.housekeeping import HOUSE_KIND, forget_portion
from ..run.pace import note_notice
from ..run.read import make_dirty
from ..run.settled import FORGOTTEN
from .running import turn_off

MOST_PORTIONS = 50
"""Of remote records that are forgotten at once."""


def disconnect_account(account: ConnectedAccount, *, actor: str) -> list[Sync]:
    """Turn off the account's syncs, forget its credentials and remote records (rule 10.6). The syncs come back."""
    syncs = list(syncs_of(account))
    for sync in syncs:
        if sync.state in (SyncState.ON, SyncState.PAUSED):
            turn_off(sync, actor=actor)
    accounts.disconnect(account, actor=actor)
    for stream in Stream.objects.filter(object__account=account):
        forget_records(stream)
    return syncs


def look_again(account: ConnectedAccount) -> None:
    """The account was reconnected: its syncs go on at once, instead of when they are due."""
    for sync in syncs_of(account):
        if sync.state == SyncState.ON:
            due.schedule(DUE_KIND, sync.pk, timezone.now())


def mark_dirty(stream: Stream, ids: Collection[str]) -> None:
    """An app says that these records have changed: have them read by id, and planned, at once.

    However often it says so, each is read once. Nothing is taken from a notice but the ids: it may come late, twice
    or not at all, and what the record holds is asked for.
    """
    again(lambda: make_dirty(stream, ids, timezone.now()))
    note_notice(stream, timezone.now())
    look_at_stream(stream)


def look_at_stream(stream: Stream) -> None:
    """Have the syncs that read it go on at once."""
    concerned = Sync.objects.filter(
        Q(pair__stream_a=stream) | Q(pair__stream_b=stream), state=SyncState.ON, deleted_at=None
    )
    for pk in concerned.order_by("pk").values_list("pk", flat=True):
        due.schedule(DUE_KIND, pk, timezone.now())


def forget_records(stream: Stream) -> None:
    """Drop what the stream last saw, and its checkpoint; links stay. The next run reads everything anew.

    Of very many records the rest is left to the housekeeping, which goes on at once.
    """
    with transaction.atomic():
        stream.listed_pages.all().delete()
        stream.dirty.all().delete()
        Stream.objects.filter(pk=stream.pk).update(
            cursor="", passing=False, listing=False, pass_broken=False, listed_at=None, read_at=None, records=0,
            missing=0, missing_confirmed=0, **FORGOTTEN,
        )  # fmt: skip
    for _portion in range(MOST_PORTIONS):
        if not forget_portion(stream):
            return
    due.schedule(HOUSE_KIND, 0, timezone.now())


def syncs_of(account: ConnectedAccount) -> list[Sync]:
    """All syncs, deleted ones left out, of which this account is a side."""
    live = Sync.objects.filter(deleted_at=None).select_related(
        "pair__stream_a__object__account", "pair__stream_b__object__account"
    )
    return [s for s in live if account.pk in (s.pair.stream_a.object.account_id, s.pair.stream_b.object.account_id)]
