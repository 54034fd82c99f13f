"""The story of a slice: take the lease, settle what is in doubt, read both sides, plan, apply, say when to go on."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import OperationalError
from django.db.models import Min

from connectors import accounts
from connectors.accounts import GuardedClient
from connectors.budget import Lane
from connectors.contract import ConnectorError, PermissionLost
from tenants.again import again, is_passing
from tenants.context import current_workspace
from tenants.entitlements import has

from ..core.mapping import Side, SyncSettings
from ..core.plan import Rules
from ..models import (
    DirtyRecord,
    RecordLink,
    RunKind,
    RunPhase,
    SettingsVersion,
    Sync,
    SyncRun,
)
from . import brake, circuit, companies, missing, parents, resync, trouble, undone
from .ahead import Ahead
from .apply import Applier
from .clock import Clock
from .context import Halted, Next, Slice
from .counts import keep_counts
from .decided import end_decisions
from .doubt import Doubts
from .garbage import collected_seldom
from .glance import basis_of, glance
from .lanes import threads
from .lease import Held, LeaseLost, fenced, release, take, this_process
from .loading import leases_of, load
from .pace import interval_of
from .parked import try_again_where_fields_changed
from .planning import Planner
from .read import Reader, read_both
from .schema import gone_fields, resource_of
from .turns import is_wanted, know_looks, next_reading, others_concerned

logger = logging.getLogger(__name__)

BUSY = timedelta(seconds=2)
"""Somebody else is at work with the sync or one of its streams."""
GIVE_WAY = timedelta(seconds=4)
"""Somebody else asked for one of the streams meanwhile: long enough to be seen free."""
AGAIN = 3
"""A slice is begun again this often at once."""
ROUNDS = 5
"""Plan and apply follow each other this often in one slice: answers of apps may need another look."""


def run_slice(sync_id: int, clock: Clock | None = None) -> Next:
    """Work on one sync until nothing is left to do or its time is over. The only entry into a sync."""
    clock = clock or Clock(lanes=threads)
    found = _glance(sync_id, clock)
    if isinstance(found, Next):
        return found
    with found or nullcontext():
        return _under_leases(sync_id, clock, found)


def _glance(sync_id: int, clock: Clock) -> Next | Ahead | None:
    try:
        return glance(sync_id, clock)
    except Exception as error:
        # Under the leases it counts, and people are told.
        logger.error("sync %s: a glance failed by a defect", sync_id, exc_info=error)
        return None


def _under_leases(sync_id: int, clock: Clock, ahead: Ahead | None) -> Next:
    names = leases_of(sync_id)
    if names is None:
        return Next(None)
    held = again(lambda: take(names, holder=this_process(), now=clock.now()))
    if held is None:
        return Next(clock.now() + BUSY)
    worn_out = held.deaths >= trouble.TOO_MANY_DEATHS
    survived = None
    try:
        with collected_seldom():
            found = _slice_of(sync_id, held, clock, ahead)
        survived = trouble.TOO_MANY_DEATHS - 1 if worn_out else 0
    except LeaseLost:
        logger.warning("sync %s: the lease went to somebody else; nothing more is stored", sync_id)
        return Next(clock.now() + BUSY)
    finally:
        # A time-out leaves here too, and counts as a death.
        wanted = again(lambda: release(held, deaths=held.deaths + 1 if survived is None else survived))
    soonest = clock.now() + GIVE_WAY
    return replace(found, at=soonest) if wanted and found.at is not None and found.at < soonest else found


def _slice_of(sync_id: int, held: Held, clock: Clock, ahead: Ahead | None) -> Next:
    """One slice under its leases. Raises LeaseLost; all other errors become a time to try again."""
    sync = load(sync_id)  # Only now: what was read before the lease was ours may be of yesterday.
    if sync is None:
        return Next(None)
    if held.deaths >= trouble.TOO_MANY_DEATHS:
        return trouble.after_deaths(sync, held, clock)
    try:
        found = _undisturbed(sync, held, clock, ahead)
    except Halted:
        return Next(clock.now())
    except LeaseLost:
        raise
    except Exception as error:
        return trouble.after(error, sync, held, clock)
    if sync.setbacks:
        Sync.objects.filter(pk=sync.pk).update(setbacks=0)
    return found


def _undisturbed(sync: Sync, held: Held, clock: Clock, ahead: Ahead | None) -> Next:
    """The work of a slice, begun again where the database gave up a transaction of it for another's sake.

    That is safe for the reason that a death is: whatever is stored is stored whole, and what is sent was written down.
    """
    for _ in range(AGAIN):
        try:
            return _work(sync, held, clock, ahead)
        except OperationalError as error:
            if not is_passing(error):
                raise
            logger.warning("sync %s: begun again, since the database gave up a transaction", sync.pk)
            again(sync.refresh_from_db)
    return _work(sync, held, clock, ahead)


def _work(sync: Sync, held: Held, clock: Clock, ahead: Ahead | None) -> Next:
    deadline = clock.now() + clock.slice
    with open_clients(sync, lane=_lane(sync), ahead=ahead) as clients, clock.lanes() as lanes:
        work = _slice(sync, held, clock, clients, deadline)
        work.ahead = ahead.answers if ahead is not None else {}
        work.lanes = lanes
        before = {side: stream.seq for side, stream in work.streams.items()}
        refused = None
        try:
            found = _steps(work)
        except PermissionLost as error:
            _keep_counts(work)
            refused = _of_the_object_alone(work, error)
        except (ConnectorError, Halted):
            _keep_counts(work)
            raise
        if refused is None:
            _keep_counts(work)
            others = others_concerned(sync, work.streams, before)
            return replace(found, others=tuple({*others, *work.associations.called()}))
    # Only now, so that it does not count against the account: other objects of it go on (rule 9.4).
    raise refused


def _of_the_object_alone(work: Slice, error: PermissionLost) -> PermissionLost:
    """The error, where both accounts still answer who they are; else raises what they answer instead."""
    for client in work.clients.values():
        client.identify()
    return error


def _steps(work: Slice) -> Next:
    doubts = Doubts(work)
    doubts.settle_before_reading()
    if not _is_fresh(work, doubts) and not _read(work, doubts):
        return Next(work.clock.now())
    companies.catch_up(work)
    doubts.settle_after_reading()
    if parents.come_first(work.sync, work.clock.now()):
        work.show(RunPhase.PLANNING)
        return Next(work.clock.now() + parents.LOOK_AGAIN)
    if not _plan_and_apply(work):
        return Next(work.clock.now())
    return _finish(work, doubts)


@contextmanager
def open_clients(
    sync: Sync, *, lane: Lane = Lane.FRESH, ahead: Ahead | None = None
) -> Iterator[Mapping[Side, GuardedClient]]:
    """Those that are open already, else new ones."""
    with ExitStack() as stack:
        opened = ahead.hand_over(stack) if ahead is not None else None
        yield opened or {
            side: stack.enter_context(accounts.open_guarded(sync.pair.stream(side).object.account, lane=lane))
            for side in Side
        }


def _lane(sync: Sync) -> Lane:
    """A pass over all records leaves the accounts' reserves to the edits of other syncs (rule 10.5)."""
    bulk = sync.runs.under_way().filter(kind__in=[RunKind.FIRST, RunKind.FULL])
    return Lane.BULK if bulk.exists() else Lane.FRESH


def _slice(sync: Sync, held: Held, clock: Clock, clients: Mapping[Side, GuardedClient], deadline: datetime) -> Slice:
    assert sync.active is not None
    run = sync.runs.under_way().first()
    work = slice_with(sync, sync.active, run, held, clock, clients, deadline)
    work.touched = held.deaths > 0 or sync.setbacks > 0  # Then what was changed may not have been counted,
    if work.touched:
        work.associations.look_once_more()  # nor what waits been looked at.
    return work


def slice_with(
    sync: Sync,
    version: SettingsVersion,
    run: SyncRun | None,
    held: Held,
    clock: Clock,
    clients: Mapping[Side, GuardedClient],
    deadline: datetime,
) -> Slice:
    """A slice of work with these settings."""
    streams = {side: sync.pair.stream(side) for side in Side}
    know_looks(streams.values())
    resources = {side: resource_of(streams[side], clients[side], run, clock.now()) for side in Side}
    rules = Rules(_within_plan(version.load()), resources[Side.A], resources[Side.B])
    progress = dict(run.progress) if run else {}
    return Slice(sync, streams, resources, clients, rules, held, clock, deadline, run, progress=progress)


def _within_plan(settings: SyncSettings) -> SyncSettings:
    """Custom mappings stop, and are kept, when the workspace's plan no longer includes them (rule 4.2)."""
    if has(current_workspace(), "custom_mappings"):
        return settings
    return settings.with_mappings(tuple(m for m in settings.mappings if not m.needs_plan))


def _is_fresh(work: Slice, doubts: Doubts) -> bool:
    """In the middle of a long run both sides are read when a look at them is due, not in each slice."""
    if work.run is None or work.run.phase not in (RunPhase.PLANNING, RunPhase.APPLYING):
        return False
    now, ripe = work.clock.now(), doubts.next_look
    if ripe is not None and ripe <= now:
        return False  # What is in doubt is settled by what is read from now on.
    return all(
        s.read_at is not None and s.read_at > now - interval_of(work.sync, s) and not s.passing
        for s in work.streams.values()
    )


def _read(work: Slice, doubts: Doubts) -> bool:
    """Both streams to the end of a pass; nothing is written before both were read whole (rule 5.2)."""
    now, ripe = work.clock.now(), doubts.next_look
    settles_doubt = ripe is not None and ripe <= now
    wanted = {side: settles_doubt or is_wanted(work, work.streams[side]) for side in Side}

    def seen(side: Side, records: int) -> None:
        work.progress[f"read_{side.value}"] = records
        work.show(RunPhase.READING)

    readers = {
        side: Reader(
            work.streams[side], work.resources[side], work.clients[side], work.rules.locale, work.held, work.clock,
            work.sync.pk, work.rules.settings.names(), work.ahead.pop(side, None), lanes=work.lanes,
        )
        for side in Side
    }  # fmt: skip
    return read_both(readers, work.lanes, wanted, deadline=work.deadline, progress=seen)


def _plan_and_apply(work: Slice) -> bool:
    """Until nothing is planned any more; False if the slice ended first."""
    try_again_where_fields_changed(work)
    if not resync.take_up(work):
        return False
    for _ in range(ROUNDS):
        planner = Planner(work)
        if not planner.plan():
            return False
        if not planner.stored and not brake.waiting(work.sync).exists() and not work.associations.called_own():
            return True
        if not brake.lets_through(work):
            return True
        if not Applier(work).apply():
            return False
    return True


def _finish(work: Slice, doubts: Doubts) -> Next:
    """The pass has come to rest, but for what is in doubt."""
    now = work.clock.now()
    waiting_for = doubts.next_look
    if waiting_for is not None:
        # Other records do not wait for it.
        regular = now + min(interval_of(work.sync, stream) for stream in work.streams.values())
        return Next(min(max(waiting_for, now) + timedelta(seconds=1), regular))
    if work.run is not None and brake.held(work.sync).exists():
        return _wait_for_a_person(work)
    if (probe := circuit.next_probe(work)) is not None:
        return _wait_for_the_app(work, probe)
    with fenced(work.held):
        trouble.over(work.sync)
        planned = {"planned_a": work.sync.planned_a, "planned_b": work.sync.planned_b, "active": work.sync.active_id}
        at_rest = Sync.objects.filter(pk=work.sync.pk, **planned).update(
            initial_done=True, last_run_at=now, rested=basis_of(work.sync, work.resources), **_attention(work)
        )
        if not at_rest:
            raise Halted
        if work.run is not None and work.run.preview_id is not None:
            end_decisions(work)
        if work.touched:
            undone.finish(work)
        work.finish()
    regular = next_reading(work)
    unread = _soonest_reading(work)
    times = [time for time in (regular, _soonest_retry(work, now), unread) if time is not None]
    return Next(max(min(times), now), quiet=unread is None)


def _wait_for_a_person(work: Slice) -> Next:
    """The run goes on when somebody has answered; until then both sides are looked at as ever."""
    with fenced(work.held):
        trouble.over(work.sync)
        brake.ask(work)
    return Next(max(next_reading(work), work.clock.now()), quiet=True)


def _wait_for_the_app(work: Slice, probe: datetime) -> Next:
    """It refuses most of what it is sent: the rest of the run waits."""
    with fenced(work.held):
        trouble.over(work.sync)
        circuit.tell(work)
    return Next(max(min(next_reading(work), probe), work.clock.now()), quiet=True)


def _attention(work: Slice) -> dict[str, str]:
    """What of the sync still needs a person, though it has come to rest."""
    return gone_fields(work.rules) or missing.attention(work.streams.values())


def _soonest_retry(work: Slice, now: datetime) -> datetime | None:
    due = RecordLink.objects.filter(pair=work.sync.pair, closed_at=None, next_try_at__gt=now)
    return due.order_by("next_try_at").values_list("next_try_at", flat=True).first()


def _soonest_reading(work: Slice) -> datetime | None:
    """When the first record is to be read by its id."""
    return DirtyRecord.objects.filter(stream__in=work.streams.values()).aggregate(at=Min("not_before"))["at"]


def _keep_counts(work: Slice) -> None:
    """What the pages show is kept, not counted by them."""
    if work.touched:
        keep_counts(work.sync)
