"""A mapping whose transform or option map was changed (rule 4.6): what its earlier form tells of two records.

The keys of an earlier form cannot be compared with those of the present one. So each side is looked at once more as
it was before: a side that holds what its old baseline says was not edited, whatever the new form makes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connectors.contract import Values

from .baselines import Baseline
from .halves import Carried
from .lens import Lens
from .mapping import Direction, Side
from .merge import Base, Decision, Policy, Reason, SetDecision, decide, send_again

EDITED = "\x00"
"""No value has this key: compared with it, whatever a side holds is an edit."""


def edited_sides(
    former: Iterable[Lens], element: str, values: Mapping[Side, Values], a: Baseline, b: Baseline
) -> frozenset[Side] | None:
    """Sides that were edited since they were compared in an earlier form; None: they never were."""
    baselines = {Side.A: a, Side.B: b}
    for lens in former:
        strand = lens.strand(element)
        if element not in lens.elements or not all(strand in baseline for baseline in baselines.values()):
            continue
        looks = {side: lens.look(side, values[side]) for side in Side}
        if all(look is not None for look in looks.values()):
            return frozenset(
                side for side, look in looks.items() if look and look[element].key != baselines[side][strand]
            )
    return None


def decide_anew(a: Carried, b: Carried, edited: frozenset[Side], origin: Side | None, policy: Policy) -> Decision:
    """The decision for a strand whose mapping has another form than when it was compared.

    `origin` is the side that the present value came from, where that is known.
    """
    if edited:
        base = Base(EDITED if Side.A in edited else a.key, EDITED if Side.B in edited else b.key)
        return decide(a, b, base, policy)
    if a.key is None or b.key is None:
        differs = a.key != b.key  # Then it stays as it was: nothing is filled back.
        return Decision("4.6", Reason.CLEAR_KEPT if differs else Reason.EQUAL, differs=differs)
    # Also where the two are the same but for their form: the new one is to be seen on the other side.
    again = send_again(_source(origin, policy), {Side.A: a, Side.B: b}, policy)
    return Decision("4.6", Reason.EQUAL) if again.to is None and a.key == b.key else again


def list_anew(
    keys: Mapping[Side, tuple[str, ...]], edited: frozenset[Side], origin: Side | None, policy: Policy
) -> SetDecision | None:
    """The same for a list that nobody edited; None where it is compared as if for the first time."""
    source = _source(origin, policy)
    if edited or not keys[source] or set(keys[source]) == set(keys[source.other]):
        return None
    if not policy.direction.allows(source.other):
        return None
    return SetDecision("4.6", Reason.SENT_AGAIN, {source.other: keys[source]})


def _source(origin: Side | None, policy: Policy) -> Side:
    """Where nothing is known, the side that sends, else the winner."""
    if policy.direction is not Direction.TWO_WAY:
        return Side.A if policy.direction is Direction.A_TO_B else Side.B
    return origin or policy.winner
