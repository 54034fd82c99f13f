"""What it means for a link that a person declined what was planned for it (rule 11.1)."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.contract import WriteKind

from ..core.mapping import Side
from ..core.merge import Reason
from ..core.scope import Condition, Excluded
from ..core.states import FailureClass
from ..models import Decision, Operation, RecordLink
from .bulk import update_rows
from .memory import forget_former, note, planned_from_json
from .state import settle

REMOVALS = (WriteKind.ARCHIVE, WriteKind.DELETE)
CHANGED = (
    "baseline_a", "baseline_b", "notes", "decision", "decided_by", "state", "cause", "detail", "candidates",
)  # fmt: skip


def decline(operation: Operation, link: RecordLink, actor: str) -> None:
    """A change that was declined is no news any more: both baselines take what it was planned from. A creation, or a
    deletion, stays declined until a person reopens it."""
    if operation.kind == WriteKind.UPDATE:
        for strand, planned in planned_from_json(operation.strands).items():
            link.baseline_a = {**link.baseline_a, strand: planned.a}
            link.baseline_b = {**link.baseline_b, strand: planned.b}
            forget_former(link, strand)
            note(link, strand, Reason.DECLINED if planned.a != planned.b else None)
        settle(link)
        return
    link.decision, link.decided_by = Decision.DECLINED.value, actor
    if operation.kind in REMOVALS:
        settle(link, failure=FailureClass.DELETED_IN_B if operation.side == Side.A else FailureClass.DELETED_IN_A)
    if operation.kind == WriteKind.CREATE:
        settle(link, excluded=Excluded(Condition.DECLINED, (actor,) if actor else ()))


def keep_apart(link: RecordLink, actor: str) -> None:
    """A person declined that its record is linked: it is not copied either, until a person says so (rule 5.8)."""
    link.decision, link.decided_by = Decision.KEPT_APART.value, actor
    settle(link, excluded=Excluded(Condition.KEPT_APART, (actor,) if actor else ()))


def decline_all(operations: Sequence[Operation], actor: str) -> None:
    """Of links that are there. Within a transaction that keeps the engine out."""
    links = RecordLink.objects.select_for_update().in_bulk([op.link_id for op in operations])
    for operation in operations:
        decline(operation, links[operation.link_id], actor)
    update_rows(list(links.values()), CHANGED)
