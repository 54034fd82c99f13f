"""Whether a record takes part, and which way its values may go: judged as read, before planning (section 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ..core.history import changed_since, released, remembered_with
from ..core.mapping import History, Side
from ..core.scope import Condition, Excluded, Ways, judge_scope, open_ways
from ..models import Decision, RecordLink, RemoteRecord, Sync
from .context import Slice
from .lease import fenced

TOGETHER = timedelta(minutes=5)
Records = dict[Side, RemoteRecord]


class Gate:
    """Judges the records of one sync in one slice."""

    def __init__(self, work: Slice) -> None:
        self.work = work
        self.settings = work.rules.settings
        self.lets_all_pass = work.rules.lets_all_pass
        self.existing = {side: existing_of(work, side) for side in Side}

    def judge(self, link: RecordLink, records: Records, now: datetime) -> Ways:
        """The ways that are open to this link; what is learnt of it is remembered with it."""
        ends = {side: (self.work.resources[side], record.values) for side, record in records.items()}
        # History first: what a record was like then has to be remembered, whatever else keeps it out.
        excluded = self._history(link, records) or judge_scope(self.settings, ends.get(Side.A), ends.get(Side.B))
        if excluded is not None:
            return Ways(None, excluded)
        if self.lets_all_pass:
            link.passed = "ab" if link.is_whole else link.passed
            return Ways(self.settings.direction)
        values = {side: record.values for side, record in records.items()}
        passed = frozenset(Side(side) for side in link.passed)
        ways = open_ways(self.settings, self.work.rules.judges, values, passed=passed, now=now)
        if link.is_whole:
            link.passed = "".join(sorted(passed | ways.passing))
        return replace(ways, until=_together(ways.until))

    def _history(self, link: RecordLink, records: Records) -> Excluded | None:
        """Rule 6.4. A link that took part before goes on."""
        kept_out = link.cause == Condition.HISTORY
        if self.settings.history is History.ALL:
            if kept_out:
                link.baseline_a, link.baseline_b = {}, {}
            return None
        if not kept_out and link.baseline_a and link.baseline_b:
            return None
        if link.made_by == "person" or link.decision == Decision.CREATE:
            link.baseline_a, link.baseline_b = {}, {}
            return None  # A person wants it in, and all of it.
        known = {Side.A: link.baseline_a, Side.B: link.baseline_b} if kept_out else {}
        known = {side: keys for side, keys in known.items() if keys}
        looks = {side: self.work.rules.looks(side, record.values) for side, record in records.items()}
        if any(
            changed_since(known[side], looks[side]) if side in known else record.seq > self.existing[side]
            for side, record in records.items()
        ):
            begins = released(known, looks) if kept_out and link.is_whole else {}
            link.baseline_a, link.baseline_b = begins.get(Side.A, {}), begins.get(Side.B, {})
            return None
        for side in records:
            setattr(link, f"baseline_{side.value}", remembered_with(known.get(side, {}), looks[side]))
        dates = {str(r.modified_at) for r in records.values() if r.modified_at}
        return Excluded(Condition.HISTORY, tuple(sorted(dates)))


def forget_history(link: RecordLink) -> None:
    """Something else than its history keeps it out from now on: what it was like then is no baseline (rule 6.4)."""
    if link.cause == Condition.HISTORY:
        link.baseline_a, link.baseline_b = {}, {}


def _together(at: datetime | None) -> datetime | None:
    """Records whose time comes within the same minutes are looked at at once."""
    return at if at is None else at + (datetime.min.replace(tzinfo=at.tzinfo) - at) % TOGETHER


def existing_of(work: Slice, side: Side) -> int:
    """Records numbered up to this were there when *from now on* was chosen."""
    noted: int | None = getattr(work.sync, f"existing_{side.value}")
    return work.streams[side].seq if noted is None else noted


def note_what_exists(work: Slice) -> None:
    """Once both sides were read for the first time since *from now on* was chosen (rule 6.4)."""
    sync = work.sync
    if work.rules.settings.history is History.ALL or sync.existing_a is not None:
        return
    existing = {f"existing_{side.value}": work.streams[side].seq for side in Side}
    with fenced(work.held):
        Sync.objects.filter(pk=sync.pk, existing_a=None).update(**existing)
    sync.existing_a, sync.existing_b = existing["existing_a"], existing["existing_b"]
