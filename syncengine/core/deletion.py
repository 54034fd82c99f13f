"""What may be believed of deletions, and passed on (section 8 of the rules)."""

from __future__ import annotations

from collections.abc import Mapping

from .baselines import Baseline
from .values import Key

FEW = 10
SHARE = 100
"""As much as the brake lets pass of deletions (rule 11.4): ten, or one in a hundred."""


def shrinks_too_much(missing: int, known: int) -> bool:
    """Does a listing lack more of the records known than deletions are usually many (rule 8.4)?"""
    return missing > max(FEW, known // SHARE)


def edited_since(looks: Mapping[str, Key], baseline: Baseline) -> bool:
    """Does a record hold anything that it did not hold when the two were last in step (rule 8.3)?

    `looks`: strand → key of what it holds now. What has a value and was never compared counts as an edit.
    """
    return any(key != baseline.get(strand) for strand, key in looks.items())
