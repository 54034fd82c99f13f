"""Only what is created or changed from now on (rule 6.4): what a record looked like when that was chosen.

A record that stays out for its history is remembered by the keys that it showed then. Once one of them is another,
it takes part: what was changed counts as an edit, the rest is compared for the first time.
"""

from __future__ import annotations

from collections.abc import Mapping

from .baselines import Baseline, as_list, list_key
from .mapping import Side
from .values import Key

Looks = Mapping[Side, Baseline]
"""Side → strand → key, of the sides that there are."""


def changed_since(remembered: Baseline, look: Baseline) -> frozenset[str]:
    """Strands that were known and hold something else now. A mapping that is newer tells nothing."""
    return frozenset(strand for strand, key in look.items() if strand in remembered and remembered[strand] != key)


def remembered_with(remembered: Baseline, look: Baseline) -> dict[str, object]:
    """What is known of a record that goes on staying out: newer mappings are remembered as they are now."""
    return {**look, **remembered}


def released(remembered: Looks, looks: Looks) -> dict[Side, dict[str, object]]:
    """The baselines with which two linked records begin to take part: those of what was edited since.

    Of a list, what both held counts as known: what only one of them held is compared for the first time, as ever.
    """
    edited = {s for side, look in looks.items() for s in changed_since(remembered.get(side, {}), look)}
    return {
        side: {
            s: _known_of(s, remembered) if _is_list(s, remembered) else key for s, key in keys.items() if s in edited
        }
        for side, keys in remembered.items()
    }


def _is_list(strand: str, remembered: Looks) -> bool:
    return any(isinstance(keys.get(strand), list) for keys in remembered.values())


def _known_of(strand: str, remembered: Looks) -> Key:
    """The elements that every side held."""
    return list_key(set.intersection(*(set(as_list(keys.get(strand))) for keys in remembered.values())))
