"""Who wins: the decision for one strand of one link (rules 2.3, 3.1 to 3.6 and 3.11).

Both functions are total: every case has an answer, its rule and its reason. The case table of the tests
(`tests/core/test_merge_cases.py`) is the same thing, row by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .halves import BLANK, Carried
from .mapping import ClearPolicy, Direction, Side, WriteMode
from .values import Key


class Reason(StrEnum):
    """Why a value is written, or why two that differ are left so. Shown to people in their language."""

    EQUAL = "equal"
    UNCHANGED = "unchanged"
    ONLY_ONE_CHANGED = "only_one_changed"
    BOTH_SAME = "both_same"
    WINNER = "winner"
    WINNER_BLANK = "winner_blank"
    SENDER = "sender"
    FILLED = "filled"
    CLEARED = "cleared"
    CREATED = "created"
    DELETED = "deleted"
    DEFAULT = "default"
    MERGED = "merged"
    # left as they are
    RECEIVER_EDIT = "receiver_edit"
    CLEAR_KEPT = "clear_kept"
    MODE = "mode"
    NO_WAY = "no_way"
    REWRITTEN = "rewritten"
    DECLINED = "declined"
    PINNED = "pinned"
    """A person pinned the field that would be written (rule 9.5)."""
    UNDONE = "undone"
    """A person had our write undone (rule 11.2)."""
    FILTERED = "filtered"
    SENT_AGAIN = "sent_again"
    """The mapping's transform or option map was changed (rule 4.6)."""
    LATER_ONLY = "later_only"
    """Both differed already when the mapping was made, and only later changes count (rule 4.6)."""


@dataclass(frozen=True, slots=True)
class Base:
    """What each side's own baseline holds of a strand."""

    a: Key
    b: Key

    def of(self, side: Side) -> Key:
        return self.a if side is Side.A else self.b


@dataclass(frozen=True, slots=True)
class Policy:
    """What was chosen for a mapping, resolved."""

    direction: Direction = Direction.TWO_WAY
    winner: Side = Side.A
    clears: ClearPolicy = ClearPolicy.KEEP
    mode: WriteMode = WriteMode.OVERWRITE
    tells_blank: Mapping[Side, bool] | None = None

    def tells(self, side: Side) -> bool:
        return self.tells_blank is None or self.tells_blank[side]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with one strand. Without `to`, nothing is written and both baselines take the present keys."""

    rule: str
    reason: Reason
    to: Side | None = None
    value: Carried = BLANK
    """What is written to side `to`; blank clears it."""
    differs: bool = False
    """Nothing is written although the two differ: the reason is kept with the link (rule 3.8)."""


_UNCHANGED = Decision("3.1", Reason.UNCHANGED)


def decide(a: Carried, b: Carried, base: Base | None, policy: Policy) -> Decision:
    """The decision for a strand that holds one value.

    `base` is None for a first comparison: a new link or a new mapping.
    """
    if base is None:
        return _first_comparison(a, b, policy)
    if a.key == base.a and b.key == base.b:
        return _UNCHANGED  # By far the most frequent case: answered before anything is built.
    changed = {side: _changed(c, base.of(side), policy.tells(side)) for side, c in ((Side.A, a), (Side.B, b))}
    if not any(changed.values()):
        return _UNCHANGED
    if a.key == b.key:
        return Decision("3.5", Reason.BOTH_SAME)
    carried = {Side.A: a, Side.B: b}
    if all(changed.values()):
        return _conflict(carried, policy, rule="3.4")
    side = Side.A if changed[Side.A] else Side.B
    return _pass_on(side, carried, policy)


def _changed(carried: Carried, base: Key, tells_blank: bool) -> bool:
    """A blank that may only mean "not returned" is no change (rule 3.6)."""
    return carried.key != base and (carried.key is not None or tells_blank)


def _first_comparison(a: Carried, b: Carried, policy: Policy) -> Decision:
    """Never a clear; blanks are filled (rules 3.3 a, 3.4 and 3.6)."""
    if a.key == b.key:
        return Decision("3.1", Reason.EQUAL)
    carried = {Side.A: a, Side.B: b}
    for side in Side:
        if carried[side].key is None:
            return _write(side, carried, policy, "3.4", Reason.FILLED)
    return _conflict(carried, policy, rule="3.4")


def _pass_on(side: Side, carried: Mapping[Side, Carried], policy: Policy) -> Decision:
    """Only `side` has changed (rule 3.2)."""
    if not policy.direction.allows(side.other):
        return Decision("2.3", Reason.RECEIVER_EDIT, differs=True)
    if carried[side].key is None:
        return _clear(side.other, carried, policy)
    return _write(side.other, carried, policy, "3.2", Reason.ONLY_ONE_CHANGED)


def _conflict(carried: Mapping[Side, Carried], policy: Policy, rule: str) -> Decision:
    """Two values that differ, and neither is known to be the older (rules 3.3 and 3.4)."""
    if policy.direction is not Direction.TWO_WAY:
        receiver = Side.B if policy.direction is Direction.A_TO_B else Side.A
        if carried[receiver.other].key is None:
            return _clear(receiver, carried, policy)
        return _write(receiver, carried, policy, "2.3", Reason.SENDER)
    winner = policy.winner
    if carried[winner].key is not None:
        return _write(winner.other, carried, policy, rule, Reason.WINNER)
    if policy.clears is ClearPolicy.CLEAR:
        return _clear(winner.other, carried, policy)
    return _write(winner, carried, policy, rule, Reason.WINNER_BLANK)


def _clear(to: Side, carried: Mapping[Side, Carried], policy: Policy) -> Decision:
    """The other side was cleared since its baseline (rule 3.6)."""
    if policy.clears is not ClearPolicy.CLEAR or policy.mode is not WriteMode.OVERWRITE:
        return Decision("3.6", Reason.CLEAR_KEPT, differs=True)
    return Decision("3.6", Reason.CLEARED, to=to)


def _write(to: Side, carried: Mapping[Side, Carried], policy: Policy, rule: str, reason: Reason) -> Decision:
    """Write the other side's value, unless direction or mode forbid it."""
    if not policy.direction.allows(to):
        return Decision("2.3", Reason.NO_WAY, differs=True)
    if policy.mode is WriteMode.ON_CREATION or (policy.mode is WriteMode.FILL_BLANK and carried[to].key is not None):
        return Decision("2.3", Reason.MODE, differs=True)
    return Decision(rule, reason, to=to, value=carried[to.other])


def send_again(source: Side, carried: Mapping[Side, Carried], policy: Policy) -> Decision:
    """A value that nobody edited goes once more to the other side, in its mapping's new form (rule 4.6)."""
    return _write(source.other, carried, policy, "4.6", Reason.SENT_AGAIN)


@dataclass(frozen=True, slots=True)
class SetDecision:
    """What to do with a list: for each side the keys that it should hold, the primary one first.

    A side that is missing from `to` is not written.
    """

    rule: str
    reason: Reason
    to: Mapping[Side, tuple[str, ...]]
    differs: bool = False
    """The two will not hold the same elements afterwards."""
    left: Reason = Reason.UNCHANGED
    """Why they will not; unchanged: for the reason that is known already."""


@dataclass(frozen=True, slots=True)
class ListState:
    """One side of a list mapping: its keys in order, and what its baseline holds of them."""

    keys: tuple[str, ...]
    base: frozenset[str]
    base_primary: Key

    @property
    def primary(self) -> str | None:
        return self.keys[0] if self.keys else None

    @property
    def added(self) -> tuple[str, ...]:
        return tuple(k for k in self.keys if k not in self.base)

    @property
    def removed(self) -> frozenset[str]:
        return self.base - set(self.keys)


def decide_set(a: ListState, b: ListState, *, first: bool, policy: Policy) -> SetDecision:
    """Merge two lists element by element against their baselines (rule 3.11).

    A first comparison gives the union. Additions of both sides are kept and removals pass, except that a list
    which became blank follows rule 3.6. The primary element is a value of its own; order alone is no change.
    """
    states = {Side.A: a, Side.B: b}
    primary = _primary(states, first=first, policy=policy)
    to: dict[Side, tuple[str, ...]] = {}
    for side in Side:
        if policy.direction.allows(side):
            wanted = _wanted(side, states, primary, first=first, policy=policy)
            if set(wanted) != set(states[side].keys) or wanted[:1] != states[side].keys[:1]:
                to[side] = wanted
    to = {side: keys for side, keys in to.items() if _mode_allows(states[side], policy)}
    after = {side: frozenset(to.get(side, states[side].keys)) for side in Side}
    differs = after[Side.A] != after[Side.B]
    changed = first or any(s.added or s.removed for s in states.values())
    left = _why_left(states, policy) if differs and changed else Reason.UNCHANGED
    if to:
        return SetDecision("3.11", Reason.MERGED, to, differs, left)
    if not differs:
        return SetDecision("3.11", Reason.EQUAL if changed else Reason.UNCHANGED, {})
    return SetDecision("3.11", left, {}, differs, left)


def _mode_allows(state: ListState, policy: Policy) -> bool:
    if policy.mode is WriteMode.ON_CREATION:
        return False
    return policy.mode is WriteMode.OVERWRITE or not state.keys


def _wanted(
    side: Side, states: Mapping[Side, ListState], primary: Key, *, first: bool, policy: Policy
) -> tuple[str, ...]:
    """The keys that this side should hold."""
    own, other = states[side], states[side.other]
    if first:
        keys = [*own.keys, *(k for k in other.keys if k not in own.keys)]
    else:
        passes = bool(other.keys) or (policy.clears is ClearPolicy.CLEAR and policy.tells(side.other))
        removed = other.removed if passes else frozenset()
        kept = [k for k in own.keys if k not in removed or k in own.added]
        keys = [*kept, *(k for k in other.added if k not in kept)]
    if isinstance(primary, str) and primary in keys:
        keys = [primary, *(k for k in keys if k != primary)]
    return tuple(keys)


def _primary(states: Mapping[Side, ListState], *, first: bool, policy: Policy) -> Key:
    """The element that should come first on the sides that may be written; None leaves each as it is."""
    carried = {side: Carried(s.primary, s.primary) if s.primary else BLANK for side, s in states.items()}
    base = None if first else Base(states[Side.A].base_primary, states[Side.B].base_primary)
    found = decide(carried[Side.A], carried[Side.B], base, policy)
    return found.value.key if found.to is not None else None


def _why_left(states: Mapping[Side, ListState], policy: Policy) -> Reason:
    if policy.mode is not WriteMode.OVERWRITE:
        return Reason.MODE
    if any(not s.keys and s.base for s in states.values()):
        return Reason.CLEAR_KEPT
    return Reason.RECEIVER_EDIT if policy.direction is not Direction.TWO_WAY else Reason.UNCHANGED
