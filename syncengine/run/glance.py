"""A glance at a sync that was at rest: does anything have to be done at all?

Most looks find nothing. So one statement asks first whether something waits here: a run, an answer in doubt, a wish, a
record that was named, a link that is due, other settings or objects than those with which the sync came to rest. If
nothing does, both streams are asked what has changed, without a lease, since nothing is stored: of an answer that
brings nothing new only the next due time is kept, in the table of what is due, with the time of the look.

Where there is news, the slice goes on under its leases with the answers that are here already: an app is never asked
twice for the same. Their time is that of the question, so that a write of ours in between is seen for what it is
(rule 3.7), and they count only where the checkpoint is still the one that was asked from.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import md5

from connectors import accounts
from connectors.accounts import GuardedClient
from connectors.contract import Client, ConnectorError, Page, ReadStrategy, Resource
from connectors.models import AccountObject, ConnectedAccount
from tenants.context import current_workspace
from tenants.entitlements import has

from ..core.mapping import Side
from ..models import Stream, StreamPair, Sync
from .ahead import Ahead, Answer
from .clock import Clock
from .companies import companies_of
from .context import DUE_KIND, Next
from .loading import Beside
from .schema import is_old
from .store import brings_news
from .turns import is_turn, know_looks, listing_due, next_turn, note_look

SAFETY_NET = timedelta(hours=6)
"""So often a sync is worked on in full, whatever a glance says."""
KNOWN = 512
"""Descriptions of objects that a worker keeps ready."""

_NEEDED: Mapping[str, Collection[str]] = {
    "sync": ("id", "pair_id", "active_id", "interval", "rested", "attention", "state"),
    "stream": (
        "id", "object_id", "cursor", "seq", "listed_at", "read_at", "read_by", "company_seq", "changed_at",
        "noticed_at", "pass_seconds", "pass_pages", "pace",
    ),
    "object": ("id", "account_id", "name", "label", "seen_at", "missing", "digest"),
    "account": ("id", "app", "name", "remote_id", "settings", "secrets", "state"),
}  # fmt: skip
"""Table → the columns of it that a glance needs."""

_AT_REST = Beside(
    """, due.looked_at,
       (SELECT next_try_at FROM syncengine_recordlink link
         WHERE link.pair_id = pair.id AND next_try_at IS NOT NULL AND closed_at IS NULL
         ORDER BY next_try_at LIMIT 1),
       EXISTS (SELECT FROM syncengine_streampair shared
         WHERE (shared.stream_a_id = stream.id OR shared.stream_b_id = stream.id) AND shared.id <> pair.id OFFSET 0)
  FROM syncengine_sync sync
  JOIN syncengine_streampair pair ON pair.id = sync.pair_id
  JOIN syncengine_stream stream
    ON (stream.id = stream_a_id AND stream.seq = planned_a) OR (stream.id = stream_b_id AND stream.seq = planned_b)
  JOIN connectors_accountobject object ON object.id = stream.object_id
  JOIN connectors_connectedaccount account ON account.id = object.account_id
  LEFT JOIN tenants_due due ON due.workspace_id = %(workspace)s AND due.kind = %(kind)s AND due.target = %(sync)s
 WHERE sync.id = %(sync)s AND sync.state = 'on' AND sync.deleted_at IS NULL AND sync.initial_done
   AND sync.setbacks = 0 AND sync.attention IN ('', 'object_gone')
   AND sync.last_run_at > %(now)s - %(safety_net)s AND sync.last_run_at <= %(now)s
   AND NOT stream.passing AND stream.listed_at IS NOT NULL AND stream.settled_cursor = '' AND stream.missing = 0
   AND account.state = 'ok' AND NOT object.missing AND COALESCE(due.claims, 0) <= 1
   AND NOT EXISTS (SELECT FROM syncengine_lease lease
        WHERE lease.name = 'sync:' || sync.id AND (lease.holder <> '' OR lease.deaths > 0) OFFSET 0)
   AND NOT EXISTS (SELECT FROM syncengine_syncrun run
        WHERE run.sync_id = sync.id AND run.state = 'running' AND run.kind <> 'preview' OFFSET 0)
   AND NOT EXISTS (SELECT FROM syncengine_recordlink link
        WHERE link.pair_id = pair.id AND (link.replan OR link.wish <> '') OFFSET 0)
   AND NOT EXISTS (SELECT FROM syncengine_dirtyrecord dirty WHERE dirty.stream_id = stream.id OFFSET 0)
 ORDER BY stream.id = stream_b_id
""",
    only=_NEEDED,
    sync=Sync,
    stream=Stream,
    object=AccountObject,
    account=ConnectedAccount,
)
"""A row for each side, or fewer where something is to be done. What is in doubt has its link planned again. OFFSET
keeps each question to itself: joined, they would take PostgreSQL four times as long to plan."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A sync with nothing to do, as far as can be told without asking its apps."""

    sync: Sync
    streams: Mapping[Side, Stream]
    retry_at: datetime | None
    """When the first link is due again."""


def basis_of(sync: Sync, resources: Mapping[Side, Resource]) -> str:
    """For `Sync.rested`: what its rest is concluded from beside records, that is its settings, as far as the plan lets
    them work, and its two objects as a person understands them."""
    objects = [sync.pair.stream(side).object.digest for side in Side]
    targets = [f"{side}{f.name}{f.target_kind}" for side in Side for f in resources[side].fields if f.target_kind]
    facts = [str(sync.active_id), str(has(current_workspace(), "custom_mappings")), *objects, *targets]
    return md5(" ".join(facts).encode(), usedforsecurity=False).hexdigest()


def glance(sync_id: int, clock: Clock) -> Next | Ahead | None:
    """`Next` where nothing is to be done; `Ahead`: there is news to go on with; None: work as if nobody had looked."""
    rest = at_rest(sync_id, clock.now())
    if rest is None:
        return None
    with ExitStack() as opened:
        try:
            clients = {
                side: opened.enter_context(accounts.open_guarded(stream.object.account))
                for side, stream in rest.streams.items()
            }
            rest = _with_fresh_descriptions(rest, clients, clock)
            resources = {s: _resource(rest.streams[s].object, clients[s]) for s in Side} if rest is not None else {}
        except ConnectorError:
            return None  # The slice meets it again, and tells people.
        if rest is None or rest.sync.rested != basis_of(rest.sync, resources):
            return None
        if not all(_is_plain(stream, resources[side], clock.now()) for side, stream in rest.streams.items()):
            return None
        answers: dict[Side, Answer] = {}
        for side, stream in rest.streams.items():
            if is_turn(rest.sync, stream, rest.streams.values(), clock.now()):
                answers[side] = _ask(stream, resources[side], clients[side], clock)
                if _is_news(stream, resources[side], answers[side]):
                    return Ahead(clients, opened.pop_all(), answers)
    return _next(rest, resources, answers, clock.now())


def at_rest(sync_id: int, now: datetime) -> Rest | None:
    """The sync, where nothing is known that would have to be done; else None."""
    workspace = current_workspace().pk
    params = {"sync": sync_id, "now": now, "safety_net": SAFETY_NET, "kind": DUE_KIND, "workspace": workspace}
    rows = _AT_REST.find(params)
    if len(rows) < len(Side):
        return None
    streams: dict[Side, Stream] = {}
    sync: Sync = rows[0][0]
    for side, (_sync, stream, obj, account, looked_at, retry_at, shared) in zip(Side, rows, strict=True):
        if retry_at is not None and retry_at <= now:
            return None
        stream.object, obj.account = obj, account
        streams[side] = stream
        if shared:
            know_looks([streams[side]])
        else:
            note_look(streams[side], looked_at, sync_id)
    sync.pair = StreamPair(pk=sync.pair_id, stream_a=streams[Side.A], stream_b=streams[Side.B])
    return Rest(sync, streams, retry_at)


# --- Objects ------------------------------------------------------------------------------------------------


def _with_fresh_descriptions(rest: Rest, clients: Mapping[Side, GuardedClient], clock: Clock) -> Rest | None:
    """What the accounts offer is asked for now and then. None where that brings something new."""
    old = {s.object.account_id: side for side, s in rest.streams.items() if is_old(s.object, clock.now())}
    for side in old.values():
        accounts.look_at_objects(rest.streams[side].object.account, clients[side], clock.now())
    return at_rest(rest.sync.pk, clock.now()) if old else rest


_interpreted: OrderedDict[tuple[str, str], Resource] = OrderedDict()


def _resource(obj: AccountObject, client: Client) -> Resource:
    """The object as a person understands it. Equal descriptions are read once, whoever's they are."""
    key = (obj.account.app, obj.digest)
    found = _interpreted.pop(key, None)
    if found is None:
        found = client.interpret(accounts.snapshot_of(obj), accounts.meaning_of(obj))
        if len(_interpreted) >= KNOWN:
            _interpreted.popitem(last=False)
    _interpreted[key] = found
    return accounts.with_target_kinds(found, obj.account_id)


# --- Looking ------------------------------------------------------------------------------------------------


def _is_plain(stream: Stream, resource: Resource, now: datetime) -> bool:
    """True if asking for changes is all that a look takes: no listing is due, no trailing read, no keys of others."""
    if resource.read is not ReadStrategy.LISTING and (resource.lag or listing_due(stream, resource, now)):
        return False
    companies = companies_of(stream, resource)
    return companies is None or companies.seq <= stream.company_seq


def _ask(stream: Stream, resource: Resource, client: Client, clock: Clock) -> Answer:
    asked = clock.now()
    try:
        said: Page | ConnectorError = client.read(resource, stream.cursor or None)
    except ConnectorError as error:
        said = error
    return Answer(stream.cursor, resource, asked, said)


def _is_news(stream: Stream, resource: Resource, answer: Answer) -> bool:
    page = answer.said
    if isinstance(page, ConnectorError) or page.more or page.cursor != stream.cursor:
        return True
    return brings_news(stream, resource, page)


def _next(rest: Rest, resources: Mapping[Side, Resource], answers: Mapping[Side, Answer], now: datetime) -> Next:
    for side, answer in answers.items():
        note_look(rest.streams[side], answer.asked, rest.sync.pk)
    looked_at = min(stream.read_at for stream in rest.streams.values() if stream.read_at is not None)
    times = [next_turn(rest.sync, rest.streams, resources, now), rest.retry_at]
    return Next(max(min(at for at in times if at is not None), now), quiet=True, looked_at=looked_at)
