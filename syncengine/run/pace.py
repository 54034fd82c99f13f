"""How often each stream is looked at: what is known of it, the bounds of plan and operator, and what the app allows."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from connectors.budget import day_left
from connectors.contract import Resource
from tenants.context import current_workspace
from tenants.entitlements import limit

from ..core.pace import Allowance, Bounds, Pace, Seen, pace_of, spread
from ..models import Stream, Sync, SyncState

NOTICE_LATE = timedelta(minutes=5)
"""A change that was found so long after the last notice was not told of: the app is looked at as any other."""
FOR_LOOKS = 0.5
"""Of what is left of a day's quota; the rest is for writes, and for what is read by its id."""
NOTED_EVERY = timedelta(minutes=1)
"""Notices that follow each other are noted once."""


def interval_of(sync: Sync, stream: Stream) -> timedelta:
    """From one look at the stream to the next, for this sync. Needs the stream's object and account."""
    seconds = sync.interval if sync.interval is not None else _pace(stream).seconds
    return timedelta(seconds=spread(seconds, _name(stream)))


def keep_pace(stream: Stream, resource: Resource, *, now: datetime) -> None:
    """Note how often the stream is looked at from now on. A row is written only where that changes."""
    found = pace_of(_seen(stream, resource, now), bounds(), _allowance(stream, now))
    if not found.is_near(Pace.from_json(stream.pace)):
        stream.pace = found.to_json()
        Stream.objects.filter(pk=stream.pk).update(pace=stream.pace)


def bounds() -> Bounds:
    """The plan's `poll_shortest` and `poll_longest`, in seconds, where it names them; else the operator's."""
    workspace = current_workspace()
    shortest, longest = limit(workspace, "poll_shortest"), limit(workspace, "poll_longest")
    return Bounds(
        settings.POLL_SHORTEST if shortest is None else max(shortest, 1),
        settings.POLL_LONGEST if longest is None else max(longest, 1),
    )


def note_notice(stream: Stream, now: datetime) -> None:
    """The app has told of a change by itself."""
    if stream.noticed_at is None or not timedelta(0) <= now - stream.noticed_at < NOTED_EVERY:
        Stream.objects.filter(pk=stream.pk).update(noticed_at=now)


def _pace(stream: Stream) -> Pace:
    found = Pace.from_json(stream.pace)
    return found if found is not None else pace_of(Seen(quiet_for=0.0), bounds())


def _seen(stream: Stream, resource: Resource, now: datetime) -> Seen:
    changed, noticed = stream.changed_at, stream.noticed_at
    tells = resource.notices and noticed is not None and (changed is None or noticed >= changed - NOTICE_LATE)
    return Seen(
        quiet_for=max((now - changed).total_seconds(), 0.0) if changed is not None else None,
        tells=tells,
        takes=stream.pass_seconds,
        least=resource.poll,
    )


def _allowance(stream: Stream, now: datetime) -> Allowance | None:
    """What is left of the day's quota for looks at all streams of the account; None where the app has no quota."""
    account = stream.object.account
    per_day = account.manifest.requests_per_day if account.manifest is not None else None
    if per_day is None:
        return None
    requests, ends_in = day_left(account.pk, per_day, now)
    live = Sync.objects.filter(state=SyncState.ON, deleted_at=None)
    used = Q(pairs_as_a__syncs__in=live) | Q(pairs_as_b__syncs__in=live)
    pages = Stream.objects.filter(used, object__account=account).distinct().values_list("pk", "pass_pages")
    return Allowance(requests * FOR_LOOKS, ends_in, max(sum(count for _pk, count in pages), 1))


def _name(stream: Stream) -> str:
    """The same wherever it runs, and another for each stream."""
    account = stream.object.account
    return f"{account.app}:{account.remote_id}:{stream.object.name}"
