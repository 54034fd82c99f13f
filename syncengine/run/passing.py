"""Passing deletions on, where a person switched it on (rule 8.3).

A deletion of one side becomes an operation on the other: archive or delete, with everything that the record held as
its `before`. It goes through brake, preview and applier as any other. What speaks against it is said, and waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from connectors.contract import WriteKind

from ..core.deletion import edited_since
from ..core.mapping import Side
from ..core.merge import Reason
from ..core.plan import Draft, FieldChange, Rules
from ..core.values import blank
from ..models import Decision, Operation, OperationState, RecordLink, RemoteRecord, Wish
from .context import Slice
from .scope import Gate

REMOVALS = (WriteKind.ARCHIVE, WriteKind.DELETE)
Ends = Mapping[Side, RemoteRecord]


@dataclass(frozen=True, slots=True)
class Stays:
    """It is not passed on."""

    why: str = ""


@dataclass(slots=True)
class Passing:
    """Judges the deletions of one chunk of links."""

    work: Slice
    gate: Gate
    _rules: Rules = field(init=False)
    _there: dict[Side, bool] = field(default_factory=dict)
    """Whether a side shows any record at all."""
    _ours: dict[int, set[Side]] = field(default_factory=dict)
    """Link → sides on which we have removed a record of it ourselves, or may have."""

    def know(self, links: Iterable[RecordLink], rules: Rules) -> None:
        """What was written for these before, by the set; and the rules that know what they refer to."""
        self._rules = rules
        self._ours, self._there = {}, {}
        if not self.work.rules.settings.deletions:
            return
        removals = Operation.objects.filter(link__in=list(links), kind__in=REMOVALS).exclude(sent_at=None)
        for link, side, state in removals.values_list("link_id", "side", "state"):
            self._ours.setdefault(link, set()).add(Side(side))
            if state == OperationState.DONE:  # Removed, and back: that is a person's doing.
                self._ours[link].add(Side(side).other)

    def judge(self, link: RecordLink, lost: Side, ends: Ends, now: datetime) -> Draft | Stays:
        """The record of side `lost` was deleted, the other is still there."""
        target, settings = lost.other, self.work.rules.settings
        kind = settings.deletions.get(target)
        resource = self.work.resources[target]
        if kind is None or not settings.direction.allows(target) or kind not in resource.writes:
            return Stays()
        if ends[lost].merged_into:
            return Stays()  # Never a deletion (rule 8.5).
        if lost in self._ours.get(link.pk, ()):
            return Stays(_("It was removed there by this site, and that is not passed on."))
        survivor = ends[target]
        stays = None if link.wish == Wish.PASS_ON else self._what_speaks_against(link, lost, ends, now)
        if stays is not None:
            return stays
        changes = tuple(
            FieldChange(name, value, None, "", "8.3", Reason.DELETED)
            for name, value in survivor.values.items()
            if not blank(value)
        )
        return Draft(target, kind, changes, {})

    def _shows_any(self, side: Side) -> bool:
        if side not in self._there:
            records = RemoteRecord.objects.filter(stream=self.work.streams[side], gone=False)
            self._there[side] = records.exists()
        return self._there[side]

    def _what_speaks_against(self, link: RecordLink, lost: Side, ends: Ends, now: datetime) -> Stays | None:
        target = lost.other
        if link.decision == Decision.DECLINED:
            return Stays(_("Somebody declined it: the deletion is not passed on."))
        baseline = link.baseline_a if target is Side.A else link.baseline_b
        if not baseline:
            return Stays(_("The two were never in step: the deletion is not passed on."))
        if edited_since(self._rules.looks(target, ends[target].values), baseline):
            return Stays(_("The other side was edited since the two were last in step: the deletion is not passed on."))
        if not self._shows_any(lost):
            return Stays(_("That side shows no record at all any more: the deletion is not passed on by itself."))
        ways = self.gate.judge(link, ends, now)
        if ways.excluded is not None or ways.open is None or not ways.open.allows(target):
            return Stays(_("Nothing goes this way for this record: the deletion is not passed on."))
        return None
