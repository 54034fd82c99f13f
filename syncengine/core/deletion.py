"""What may be believed of deletions, and passed on (section 8 of the rules)."""

from __future__ import annotations

FEW = 10
SHARE = 100
"""As much as the brake lets pass of deletions (rule 11.4): ten, or one in a hundred."""


def shrinks_too_much(missing: int, known: int) -> bool:
    """Does a listing lack more of the records known than deletions are usually many (rule 8.4)?"""
    return missing > max(FEW, known // SHARE)
