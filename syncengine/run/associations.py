"""What the targets of references are across both accounts, loaded by the set; and who waits for whom (section 7).

A link keeps its associations that are not carried (`RecordLink.pending`), by the names of their targets. Whoever
makes links whole, or leaves records out, has the links that wait for those planned again, by one statement in the
same transaction (`Associations.wake`). Rows that somebody else holds just then are passed over: their holder looks
once more when its own transaction is over (`look_once_more`), so that no order of the two loses anything, and
neither waits for the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Q

from connectors.contract import Value, Values

from ..core.halves import listed
from ..core.mapping import Side
from ..core.plan import Pending
from ..core.references import Obstacle, Related, Table, Tables, Targets
from ..core.rules import Rules
from ..core.states import RecordState
from ..core.values import blank, text_of
from ..models import RecordLink, RemoteRecord, Stream, StreamPair, Sync, SyncState
from .memory import STORED

_RELATED = """
SELECT link.id, link.a_id, link.b_id, link.state, COALESCE(a.gone, FALSE), COALESCE(b.gone, FALSE)
  FROM syncengine_recordlink link
  LEFT JOIN syncengine_remoterecord a ON a.stream_id = %(stream_a)s AND a.remote_id = link.a_id
  LEFT JOIN syncengine_remoterecord b ON b.stream_id = %(stream_b)s AND b.remote_id = link.b_id
 WHERE link.pair_id = %(pair)s AND link.closed_at IS NULL AND link.{side}_id = ANY(%(ids)s)
"""

_WAKE = """
WITH waiting AS (
    SELECT id FROM syncengine_recordlink
     WHERE pending ?| %(names)s::text[] AND NOT pending = '{}' AND NOT replan AND closed_at IS NULL
     ORDER BY id
       FOR UPDATE SKIP LOCKED
)
UPDATE syncengine_recordlink link SET replan = TRUE FROM waiting WHERE link.id = waiting.id RETURNING link.pair_id
"""

_BASELINE = STORED.index("baseline_a")
_TELLING = [(name, STORED.index(name)) for name in ("a_id", "b_id", "state", "cause")]


def name_of(account: int, target: str, remote_id: str) -> str:
    """Names one record of one object of one account, for those who wait for it; whether it is synced or not."""
    return f"{account}/{target}/{remote_id}"


@dataclass(frozen=True, slots=True)
class Counterpart:
    """The sync of the two objects that a mapping's references point to, in the same account pair."""

    sync: Sync
    flipped: bool
    """Its side A is our side B."""

    def side(self, ours: Side) -> Side:
        return ours.other if self.flipped else ours

    def stream(self, ours: Side) -> Stream:
        return self.sync.pair.stream(self.side(ours))

    @property
    def is_on(self) -> bool:
        return self.sync.state == SyncState.ON


@dataclass(slots=True)
class Associations:
    """The associations of one sync."""

    pair: StreamPair
    rules: Rules
    woken: set[int] = field(default_factory=set)
    """Pairs with links that are to be planned again because of what was done here."""
    _others: bool | None = None
    _counterparts: dict[Targets, Counterpart | None] = field(default_factory=dict)

    # --- What targets are ------------------------------------------------------------------------------------

    def knowing(self, seen: Mapping[Side, Iterable[Values]], rules: Rules | None = None) -> Rules:
        """The rules (those of the sync, if no others are given), with what is known of what these records refer to."""
        rules = rules or self.rules
        if not self.rules.targets:
            return rules
        wanted: dict[Targets, dict[Side, set[str]]] = defaultdict(lambda: defaultdict(set))
        names = self.rules.reference_fields()
        for side, records in seen.items():
            for values in records:
                for targets, field_ in names[side]:
                    wanted[targets][side].update(ids_in(values.get(field_)))
        tables: Tables = {targets: self._table(targets, wanted[targets]) for targets in self.rules.targets}
        return rules.knowing(tables)

    def _table(self, targets: Targets, ids: Mapping[Side, Collection[str]]) -> Table:
        counterpart = self.counterpart(targets)
        if counterpart is None:
            return {(side, id_): Related(obstacle=Obstacle.NO_SYNC) for side in Side for id_ in ids.get(side, ())}
        table: dict[tuple[Side, str], Related] = {}
        for side in Side:
            asked = set(ids.get(side, ()))
            if asked:
                self._find(counterpart, side, asked, table)
        return table

    def counterpart(self, targets: Targets) -> Counterpart | None:
        if not self._counterparts:
            self._counterparts = counterparts(self.pair, self.rules.targets)
        return self._counterparts.get(targets)

    def _find(
        self, counterpart: Counterpart, side: Side, ids: set[str], table: dict[tuple[Side, str], Related]
    ) -> None:
        there = counterpart.side(side)
        params = {
            "pair": counterpart.sync.pair_id,
            "stream_a": counterpart.sync.pair.stream_a_id,
            "stream_b": counterpart.sync.pair.stream_b_id,
            "ids": list(ids),
        }
        missing = set(ids)
        with connection.cursor() as cursor:
            cursor.execute(_RELATED.format(side=there.value), params)
            for pk, a_id, b_id, state, a_gone, b_gone in cursor.fetchall():
                ends = {Side.A: a_id, Side.B: b_id}
                gone = {Side.A: a_gone, Side.B: b_gone}
                missing.discard(ends[there])
                if a_id is None or b_id is None:
                    table[(side, ends[there])] = Related(obstacle=self._why_alone(counterpart, state, gone[there]))
                    continue
                for end in Side:
                    other, ours = end.other, counterpart.side(end)
                    table[(ours, ends[end])] = (
                        Related(str(pk), None, Obstacle.GONE) if gone[other] else Related(str(pk), ends[other])
                    )
        if missing:
            gone_here = set(
                RemoteRecord.objects.filter(
                    stream=counterpart.stream(side), remote_id__in=missing, gone=True
                ).values_list("remote_id", flat=True)
            )
            for id_ in missing:
                table[(side, id_)] = Related(obstacle=self._why_alone(counterpart, "", id_ in gone_here))

    @staticmethod
    def _why_alone(counterpart: Counterpart, state: str, gone: bool) -> Obstacle:
        if gone:
            return Obstacle.GONE
        if state == RecordState.EXCLUDED:
            return Obstacle.LEFT_OUT
        return Obstacle.WAITING if counterpart.is_on else Obstacle.SYNC_OFF

    # --- Who waits for whom ----------------------------------------------------------------------------------

    def pending_of(self, found: Iterable[Pending]) -> dict[str, Any]:
        """As a link keeps them: name of the target → what is shown of it."""
        kept: dict[str, Any] = {}
        for one in found:
            name = name_of(self._account(one.side), one.target, one.id)
            mappings = kept.get(name, {}).get("mappings", [])
            kept[name] = {
                "side": one.side.value,
                "label": one.label,
                "obstacle": one.obstacle.value,
                "mappings": sorted({*mappings, one.mapping}),
            }
        return kept

    def _account(self, side: Side) -> int:
        return self.pair.stream(side).object.account_id

    def wake(self, ends: Mapping[Side, Collection[str]]) -> None:
        """Have those that wait for these records of ours planned again. The last thing that a transaction does."""
        names = [
            name_of(self._account(side), self.pair.stream(side).object.name, id_)
            for side, ids in ends.items()
            for id_ in ids
        ]
        if not names or not self.are_referred_to():
            return
        with connection.cursor() as cursor:
            # Within the transaction, and after everything else that it locks: see the top.
            cursor.execute(_WAKE, {"names": names})
            self.woken.update(pair for (pair,) in cursor.fetchall())

    def called(self) -> list[int]:
        """Other syncs with records that were called upon: they are due at once."""
        pairs = self.woken - {self.pair.pk}
        if not pairs:
            return []
        found = Sync.objects.filter(pair__in=pairs, state=SyncState.ON, deleted_at=None)
        return list(found.order_by("pk").values_list("pk", flat=True))

    def called_own(self) -> bool:
        """Links of this very sync were called upon since this was last asked: objects may refer to their like."""
        called = self.pair.pk in self.woken
        self.woken.discard(self.pair.pk)
        return called

    def are_referred_to(self) -> bool:
        """Records of other syncs of the account pair may refer to ours, or ours to their like."""
        if self._others is None:
            accounts = [self._account(side) for side in Side]
            others = any(sync.pair_id != self.pair.pk for sync in syncs_between(*accounts))
            self._others = others or bool(self.rules.targets)
        return self._others

    def look_once_more(self, links: Collection[int] | None = None) -> None:
        """After a transaction that left associations pending (None: after any, since one was broken off): what
        they wait for may have come meanwhile, and have passed them over."""
        if not self.rules.targets:
            return
        waiting = RecordLink.objects.filter(pair=self.pair, closed_at=None, replan=False).exclude(pending={})
        if links is None:
            waiting.update(replan=True)
            return
        rows = list(waiting.filter(pk__in=links).values_list("pk", "pending"))
        if not rows:
            return
        kept = [(pk, name, one) for pk, pending in rows for name, one in pending.items()]
        tables = self._tables_of(kept)
        ready = {pk for pk, name, one in kept if self._has_moved(name, one, tables)}
        if RecordLink.objects.filter(pk__in=ready).update(replan=True):
            self.woken.add(self.pair.pk)

    def _tables_of(self, kept: Iterable[tuple[int, str, Mapping[str, Any]]]) -> Tables:
        wanted: dict[Targets, dict[Side, set[str]]] = defaultdict(lambda: defaultdict(set))
        for _pk, name, one in kept:
            side = Side(one["side"])
            _account, target, id_ = name.split("/", 2)
            for targets in self.rules.targets:
                if targets.of(side) == target:
                    wanted[targets][side].add(id_)
        return {targets: self._table(targets, ids) for targets, ids in wanted.items()}

    @staticmethod
    def _has_moved(name: str, one: Mapping[str, Any], tables: Tables) -> bool:
        _account, target, id_ = name.split("/", 2)
        side = Side(one["side"])
        found = [table.get((side, id_)) for targets, table in tables.items() if targets.of(side) == target]
        return any(now is not None and (now.obstacle or "") != one["obstacle"] for now in found)


def ends_of_moved(links: Iterable[RecordLink], before: Mapping[int, tuple[Any, ...]]) -> dict[Side, set[str]]:
    """Ends of those links that are now something else to who refers to them. `before`: see `memory.stored`."""
    moved: dict[Side, set[str]] = {side: set() for side in Side}
    for link in links:
        old = before[link.id]
        first = link.is_whole and not old[_BASELINE]
        if first or any(getattr(link, name) != old[place] for name, place in _TELLING):
            for side in Side:
                if (end := link.end(side)) is not None:
                    moved[side].add(end)
    return moved


def counterparts(pair: StreamPair, wanted: Iterable[Targets]) -> dict[Targets, Counterpart | None]:
    """For these targets, the live sync of the two objects in the same account pair; None where there is none."""
    accounts = {side: pair.stream(side).object.account_id for side in Side}
    by_objects = {objects_of(sync): sync for sync in syncs_between(accounts[Side.A], accounts[Side.B])}
    found: dict[Targets, Counterpart | None] = {}
    for targets in wanted:
        ends = tuple((accounts[side], targets.of(side)) for side in Side)
        if ends in by_objects:
            found[targets] = Counterpart(by_objects[ends], flipped=False)
        elif ends[::-1] in by_objects:
            found[targets] = Counterpart(by_objects[ends[::-1]], flipped=True)
        else:
            found[targets] = None
    return found


def syncs_between(one: int, other: int) -> list[Sync]:
    """All syncs of an account pair that are not deleted."""
    a, b = "pair__stream_a__object__account_id", "pair__stream_b__object__account_id"
    found = Sync.objects.filter(Q(**{a: one, b: other}) | Q(**{a: other, b: one}), deleted_at=None)
    return list(found.select_related("pair__stream_a__object", "pair__stream_b__object"))


def objects_of(sync: Sync) -> tuple[tuple[int, str], ...]:
    ends = (sync.pair.stream(side).object for side in Side)
    return tuple((end.account_id, end.name) for end in ends)


def replan_pending(pair: StreamPair) -> None:
    """A sync of this account pair came, went, or changed its state: what its records are to others is told anew."""
    accounts = [pair.stream(side).object.account_id for side in Side]
    pairs = [sync.pair_id for sync in syncs_between(*accounts)]
    RecordLink.objects.filter(pair__in=pairs, closed_at=None).exclude(pending={}).update(replan=True)


def ids_in(value: Value) -> set[str]:
    """Ids of what a field refers to."""
    return {text_of(one["id"]) for one in listed(value) if isinstance(one, dict) and not blank(one)}
