"""Pairs of options that may stand for each other: proposed to a person, never applied by themselves (rule 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.contract import Field, Option

from .convert import options_of
from .match import folded

CLOSE = 80
"""Least likeness, in percent, of two labels that are proposed as a pair."""


@dataclass(frozen=True, slots=True)
class SuggestedPair:
    a: Option
    b: Option
    likeness: int
    """Percent; 100: the labels are the same, and the two are paired without being named."""


def suggested_pairs(a: Field, b: Field, named: tuple[tuple[str, str], ...] = ()) -> list[SuggestedPair]:
    """Pairs of options that nobody has named yet: the same labels first, then close ones, the closest first.

    Each option stands in one pair at most.
    """
    from rapidfuzz import fuzz  # Here, since only this needs it: a worker starts without.

    named_a, named_b = {x for x, _ in named}, {y for _, y in named}
    left = [option for option in options_of(a) if option.value not in named_a]
    right = [option for option in options_of(b) if option.value not in named_b]
    labels_a, labels_b = [folded(o.label) for o in left], [folded(o.label) for o in right]
    ranked = sorted(
        (
            SuggestedPair(x, y, 100 if one == other else min(int(fuzz.token_sort_ratio(one, other)), 99))
            for x, one in zip(left, labels_a, strict=True)
            for y, other in zip(right, labels_b, strict=True)
        ),
        key=lambda pair: -pair.likeness,
    )
    found: list[SuggestedPair] = []
    for pair in ranked:
        taken = any(pair.a.value == one.a.value or pair.b.value == one.b.value for one in found)
        if pair.likeness >= CLOSE and not taken:
            found.append(pair)
    return found
