"""Planning: what changed since the last plan, loaded by the set, becomes operations and states of links.

All judgement is the core's. One chunk is one transaction: its operations, its links and the numbers up to which
both streams are planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from connectors.contract import WriteKind

from ..core.mapping import Direction, Side
from ..core.plan import CreationRefused, Draft, plan_creation, plan_link
from ..core.scope import Condition, Excluded, may_create
from ..core.states import FailureClass
from ..core.values import blank
from ..models import Decision, FormerEnd, Operation, RecordLink, RemoteRecord, RunPhase, Sync
from . import settling
from .associations import ends_of_moved
from .bulk import insert_rows, update_rows
from .context import Halted, Slice
from .decided import decided
from .lease import achieved, fenced
from .matching import match
from .memory import STORED, change_to_json, changed_names, memory_of, next_wake, planned_to_json, remember, stored
from .merges import follow
from .passing import REMOVALS, Passing, Stays
from .read import make_dirty
from .rows import LINKS, array, attach, new
from .scope import Gate, forget_history, note_what_exists
from .sights import Sights
from .state import settle

CHUNK = 1000
FORMER = 10
"""Versions of the settings in which earlier forms of a mapping are looked for."""
STAYS_OUT = {d: Condition(d) for d in (Decision.KEPT_APART, Decision.LEFT_OUT, Decision.DECLINED, Decision.UNDONE)}
"""What people say of records that have no other end, and what it makes of them."""
LOST_IN = {Side.A: FailureClass.DELETED_IN_A, Side.B: FailureClass.DELETED_IN_B}
_DUE = "pair_id = %s AND (replan OR next_try_at <= %s) AND closed_at IS NULL AND id > %s ORDER BY id LIMIT %s"
_CHANGED = "SELECT remote_id, seq FROM syncengine_remoterecord WHERE stream_id = %s AND seq > %s ORDER BY seq LIMIT %s"
_SENDING = """
SELECT link_id FROM syncengine_operation
 WHERE link_id = ANY(%s::bigint[]) AND (state = 'sending' OR (state = 'planned' AND NOT undoes = '[]'))
"""
"""What a person had undone comes first."""
_SUPERSEDE = """
UPDATE syncengine_operation SET state = 'superseded', ended_at = %s
 WHERE link_id = ANY(%s::bigint[]) AND state IN ('planned', 'held') AND undoes = '[]'
"""
ENDS = ("pair__stream_a__object__account", "pair__stream_b__object__account")


class Planner:
    """Plans what is due of one sync, chunk by chunk."""

    def __init__(self, work: Slice) -> None:
        self.work = work
        self.sync = work.sync
        self.pair = work.sync.pair
        self.rules = work.rules
        self.gate = Gate(work)
        self.passing = Passing(work, self.gate)
        self.stored = 0
        """Operations that this plan brought."""
        self._after = 0
        """The last link that was looked at because it was due: each has one turn in a plan."""
        self._compared: dict[int, tuple[int, int]] = {}
        """Links that were compared in this plan → numbers of the records' changes: the other end comes up later."""
        self._knows_former = self.sync.active is None or self.sync.active.number == 1
        self._moved: dict[Side, set[str]] = {}
        """Records of the last chunk that others may wait for."""
        self._pending: list[int] = []
        """Links of the last chunk that wait for others."""
        self._origins: dict[tuple[int, Side], bool] = {}
        self._recreated: set[tuple[int, str]] = set()
        """(link, side) of records that were there before: what is made for them is made again (rule 8.2)."""

    def plan(self) -> bool:
        """Everything that is due; False if the slice ended first. How much it was stands in `stored`."""
        note_what_exists(self.work)
        while (stored := self._plan_chunk()) is not None:
            self.stored += stored
            self.work.show(RunPhase.PLANNING)
            if self.work.over:
                return not self._is_due()
        return True

    def _changed(self, side: Side, most: int) -> list[tuple[str, int]]:
        """(id, number of its last change) of what was not planned yet."""
        planned = self.sync.planned_a if side is Side.A else self.sync.planned_b
        with connection.cursor() as cursor:
            cursor.execute(_CHANGED, [self.work.streams[side].pk, planned, most])
            return cursor.fetchall()

    def _due_links(self, most: int) -> list[RecordLink]:
        return LINKS.find(_DUE, [self.pair.pk, self.work.clock.now(), self._after, most])

    def _is_due(self) -> bool:
        return bool(self._due_links(1)) or any(self._changed(side, 1) for side in Side)

    def _plan_chunk(self) -> int | None:
        """One chunk; None where nothing is due."""
        changed = {side: self._changed(side, CHUNK) for side in Side}
        links = self._due_links(CHUNK)
        if not any(changed.values()) and not links:
            return None
        self._after = links[-1].pk if links else self._after
        self._know_former()
        ids = {
            side: {id_ for id_, _ in changed[side]} | {e for link in links if (e := link.end(side)) is not None}
            for side in Side
        }
        self.work.touched = True
        with fenced(self.work.held):
            stored = self._plan_records(ids)
            self._planned_up_to({side: rows[-1][1] for side, rows in changed.items() if rows})
            self.work.associations.wake(self._moved)
        self.work.associations.look_once_more(self._pending)
        return stored

    def _know_former(self) -> None:
        """Mappings that were changed are compared with what they were (rule 4.6)."""
        if not self._knows_former:
            self._knows_former = True
            versions = self.sync.versions.order_by("-number")[:FORMER]
            self.rules = self.rules.remembering(version.load() for version in versions)

    def _planned_up_to(self, numbers: dict[Side, int]) -> None:
        """Raises Halted where a pass over all records was asked for meanwhile: it is not to be passed over."""
        if not numbers:
            return
        known = {"planned_a": self.sync.planned_a, "planned_b": self.sync.planned_b, "active": self.sync.active_id}
        now = {f"planned_{side.value}": seq for side, seq in numbers.items()}
        if not Sync.objects.filter(pk=self.sync.pk, **known).update(**now):
            raise Halted
        for name, seq in now.items():
            setattr(self.sync, name, seq)
        achieved(self.work.held)

    def _plan_records(self, ids: dict[Side, set[str]]) -> int:
        """Links of these records with what is to be written, stored."""
        links, operations, before = self._judge(ids)
        if self.work.run is not None and self.work.run.preview_id is not None:
            operations = decided(self.work, operations)
        changed = [link for link in links if stored(link) != before[link.id]]
        update_rows(changed, changed_names(changed, before, STORED))
        self._moved = ends_of_moved(links, before) if self.work.associations.are_referred_to() else {}
        self._pending = [link.id for link in links if link.pending]
        insert_rows(operations)
        self.work.count("planned", len(operations))
        return len(operations)

    def _judge(self, ids: dict[Side, set[str]]) -> tuple[list[RecordLink], list[Operation], Mapping[int, Any]]:
        """Links of these records: matched where they have no other end, compared where they have.

        With what is to be written, and what the database holds of the links (`memory.stored`).
        """
        sights = Sights(self.work.streams)
        ids, merging = follow(self.work, ids, sights)
        matched = match(self.work, ids, sights)
        records = {side: sights.of(side, [e for link in matched.links if (e := link.end(side))]) for side in Side}
        self.rules = self.work.associations.knowing(
            {s: [r.values for r in records[s].values()] for s in Side}, self.rules
        )
        ends = {link.id: self._ends(link, records) for link in matched.links}
        links = [link for link in matched.links if link.replan or not self._is_compared(link, *ends[link.id])]
        self._supersede(links)
        if any(resource.settle for resource in self.work.resources.values()):
            settling.judge(self.rules, links, ends)
        sending = self._sending(links)
        self._recreated = self._left_by(links)
        self.passing.know(links, self.rules)
        operations: list[Operation] = []
        for link in links:
            if link.id in sending or link.id in matched.in_doubt or link.id in merging:
                # The answer to what was sent comes first; then it is looked at again.
                link.replan = True
                settle(link, waiting=True)
            else:
                operations += self._plan_link(link, *ends[link.id])
        return links, operations, matched.stored

    def _ends(
        self, link: RecordLink, records: dict[Side, dict[str, RemoteRecord]]
    ) -> tuple[RemoteRecord | None, RemoteRecord | None]:
        a = records[Side.A].get(link.a_id) if link.a_id is not None else None
        b = records[Side.B].get(link.b_id) if link.b_id is not None else None
        return a, b

    def _is_compared(self, link: RecordLink, a: RemoteRecord | None, b: RemoteRecord | None) -> bool:
        """True if just this was compared in this plan already."""
        numbers = (a.seq if a is not None else 0, b.seq if b is not None else 0)
        known = self._compared.get(link.id) == numbers
        self._compared[link.id] = numbers
        return known and link.is_whole

    def _sending(self, links: Iterable[RecordLink]) -> set[int]:
        """Links with a write on its way whose answer is not known."""
        with connection.cursor() as cursor:
            cursor.execute(_SENDING, [array(link.id for link in links)])
            return {link for (link,) in cursor.fetchall()}

    def _left_by(self, links: Iterable[RecordLink]) -> set[tuple[int, str]]:
        """Links without another end that had one before, and the side of it."""
        single = [link.pk for link in links if not link.is_whole]
        rows = FormerEnd.objects.filter(link__in=single) if single else FormerEnd.objects.none()
        return set(rows.values_list("link_id", "side"))

    def _supersede(self, links: Iterable[RecordLink]) -> None:
        """What was planned from an older sight of these records is planned again (rule 3.9)."""
        with connection.cursor() as cursor:
            cursor.execute(_SUPERSEDE, [self.work.clock.now(), array(link.id for link in links)])

    # --- One link --------------------------------------------------------------------------------------------

    def _plan_link(self, link: RecordLink, a: RemoteRecord | None, b: RemoteRecord | None) -> list[Operation]:
        """Decide its state, and what is to be written."""
        if link.cause == FailureClass.IN_DOUBT and not link.is_whole and not link.replan:
            return []  # Not repeated unless a person says so (rule 10.4).
        now = self.work.clock.now()
        if link.paused_until is not None and link.paused_until <= now:
            link.paused, link.paused_until = False, None
        link.replan, link.next_try_at = False, next_wake(link, now)
        link.label = (a.label if a is not None else "") or (b.label if b is not None else "") or link.label
        if link.paused:
            settle(link)
            return []
        ends = {side: r for side, r in ((Side.A, a), (Side.B, b)) if link.end(side) is not None}
        unread = [side for side, record in ends.items() if record is None]
        if unread:
            self._ask_for(link, unread)
            return []
        if any(record is not None and record.suspect for record in ends.values()):
            settle(link, waiting=True)  # Whether it is still there has to be clear first (rule 8.4).
            return []
        gone = {side: record is not None and record.gone for side, record in ends.items()}
        if any(gone.values()):
            return self._deleted(link, gone, a, b)
        if link.candidates:
            settle(link, failure=FailureClass.AMBIGUOUS)
            return []
        if not link.is_whole and link.decision in STAYS_OUT:
            settle(link, excluded=Excluded(STAYS_OUT[link.decision], (link.decided_by,) if link.decided_by else ()))
            return []
        present = {side: record for side, record in ends.items() if record is not None}
        ways = self.gate.judge(link, present, now)
        link.next_try_at = min((at for at in (link.next_try_at, ways.until) if at is not None), default=None)
        if ways.excluded is not None:
            settle(link, excluded=ways.excluded)
            return []
        if a is not None and b is not None:
            return self._compare(link, a, b, ways.open)
        return self._create(link, a, b)

    def _ask_for(self, link: RecordLink, sides: Iterable[Side]) -> None:
        """Unread is never gone: the record is read by its id first."""
        for side in sides:
            make_dirty(self.work.streams[side], [str(link.end(side))], self.work.clock.now())
        link.replan = True
        settle(link, waiting=True)

    def _deleted(
        self, link: RecordLink, gone: dict[Side, bool], a: RemoteRecord | None, b: RemoteRecord | None
    ) -> list[Operation]:
        """Never undone by itself, and not passed on (rule 8.1) but where a person switched that on (rule 8.3)."""
        now = self.work.clock.now()
        if a is None or b is None or (all(gone.values()) and not (a.merged_into or b.merged_into)):
            link.closed_at = now
            settle(link)
            return []
        merged = [record for record in (a, b) if record.gone and record.merged_into]
        if merged:
            text = _("It was merged into the record %(id)s there, which is linked with another one already.")
            forget_history(link)
            settle(link, failure=FailureClass.MERGED, detail=text % {"id": merged[0].merged_into})
            return []
        lost = Side.A if gone[Side.A] else Side.B
        verdict = self.passing.judge(link, lost, {Side.A: a, Side.B: b}, now)
        if isinstance(verdict, Stays):
            forget_history(link)
            settle(link, failure=LOST_IN[lost], detail=verdict.why)
            return []
        settle(link, waiting=True)
        return [self._operation(link, verdict, a, b)]

    def _compare(self, link: RecordLink, a: RemoteRecord, b: RemoteRecord, way: Direction | None) -> list[Operation]:
        plan = plan_link(self.rules, a.values, b.values, memory_of(link, self.work.clock.now()), way)
        remember(link, plan)
        if link.decision == Decision.DECLINED:
            link.decision = ""  # The deletion that was declined is none any more.
        link.pending = self.work.associations.pending_of(plan.pending)
        settle(link)
        return [self._operation(link, draft, a, b) for draft in plan.drafts if self._writable(draft)]

    def _writable(self, draft: Draft) -> bool:
        return draft.kind in self.work.resources[draft.side].writes

    def _create(self, link: RecordLink, a: RemoteRecord | None, b: RemoteRecord | None) -> list[Operation]:
        source = a or b
        assert source is not None
        target = Side.B if a is not None else Side.A
        forbidden = may_create(
            self.rules.settings,
            target,
            self.work.resources[target],
            passed_on=self._came_from_same_app(source, target),
        )
        if forbidden is not None:
            settle(link, excluded=forbidden)
            return []
        plan = plan_creation(self.rules, target, source.values, memory_of(link, self.work.clock.now()))
        link.pending = self.work.associations.pending_of(plan.pending)
        if isinstance(plan, CreationRefused) and plan.waits:
            settle(link)
            return []
        if isinstance(plan, CreationRefused):
            settle(link, failure=FailureClass.of(plan.reason), detail=plan.message)
            return []
        remember(link, plan)
        settle(link, waiting=True)
        drafts = [_made_again(d) for d in plan.drafts] if (link.pk, target) in self._recreated else plan.drafts
        return [self._operation(link, draft, a, b) for draft in drafts]

    def _came_from_same_app(self, source: RemoteRecord, target: Side) -> bool:
        """Another sync of ours brought it in, from an account of the target's app (rule 5.11)."""
        sync_id = source.origin_sync
        if sync_id is None or sync_id == self.sync.pk:
            return False
        if (sync_id, target) not in self._origins:
            self._origins[(sync_id, target)] = self._is_same_app(sync_id, target)
        return self._origins[(sync_id, target)]

    def _is_same_app(self, sync_id: int, target: Side) -> bool:
        other = Sync.objects.select_related(*ENDS).filter(pk=sync_id).first()
        if other is None:
            return False
        here = self.work.streams[target.other].object.account
        there = self.work.streams[target].object.account
        accounts = {other.pair.stream(side).object.account for side in Side}
        return any(account not in (here, there) and account.app == there.app for account in accounts)

    def _operation(self, link: RecordLink, draft: Draft, a: RemoteRecord | None, b: RemoteRecord | None) -> Operation:
        operation = new(
            Operation,
            run_id=self.work.the_run().pk,
            link_id=link.id,
            side=draft.side.value,
            kind=draft.kind.value,
            remote_id=None if draft.kind is WriteKind.CREATE else link.end(draft.side),
            changes=[change_to_json(c) for c in draft.changes],
            strands=planned_to_json(draft.strands),
            seen_a=a.fingerprint if a is not None else "",
            seen_b=b.fingerprint if b is not None else "",
            seen_seq=self.work.streams[draft.side].seq,
            key=self.work.clock.new_id(),
            planned_at=self.work.clock.now(),
            label=link.label,
            clears=0 if draft.kind in REMOVALS else sum(blank(c.after) and not blank(c.before) for c in draft.changes),
        )
        attach(operation, "link", link)
        return operation


def _made_again(draft: Draft) -> Draft:
    """A creation in place of a record that was deleted (rule 8.2)."""
    return replace(draft, changes=tuple(replace(c, rule="8.2") if c.rule == "5.1" else c for c in draft.changes))
