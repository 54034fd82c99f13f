"""The states of a record of a sync, and why it fails (section 9 of the rules)."""

from __future__ import annotations

from enum import StrEnum

from connectors.contract import Refusal


class RecordState(StrEnum):
    """Each record of a sync is in exactly one: the first of these that holds (rule 9.1)."""

    PAUSED = "paused"
    FAILING = "failing"
    WAITING = "waiting"
    EXCLUDED = "excluded"
    IN_SYNC = "in_sync"
    CLOSED = "closed"
    """Deleted in both: counts no more."""


class FailureClass(StrEnum):
    """Rule 9.3."""

    SIGN_IN = "sign_in"
    PERMISSION = "permission"
    RATE_LIMIT = "rate_limit"
    TEMPORARY = "temporary"
    MISSING_REQUIRED = "missing_required"
    INVALID_VALUE = "invalid_value"
    UNKNOWN_OPTION = "unknown_option"
    TOO_LONG = "too_long"
    DUPLICATE = "duplicate"
    APP_RULE = "app_rule"
    WAITING_RELATED = "waiting_related"
    DELETED_IN_A = "deleted_in_a"
    DELETED_IN_B = "deleted_in_b"
    SCHEMA = "schema"
    AMBIGUOUS = "ambiguous"
    BRAKE = "brake"
    BY_TURNS = "by_turns"
    """Both sides write the field by turns: it is left alone (rule 4.5)."""
    MERGED = "merged"
    """Merged in its app into a record that is linked with another one already (rule 8.5)."""
    IN_DOUBT = "in_doubt"
    """A creation whose answer was lost and that cannot be found: put to a person (rule 10.4)."""

    @staticmethod
    def of(refusal: Refusal) -> FailureClass:
        return FailureClass(refusal.value)


def state_of(*, paused: bool, failure: FailureClass | None, waiting: bool, excluded: bool, closed: bool) -> RecordState:
    """The one state of a record (rule 9.1)."""
    if closed:
        return RecordState.CLOSED
    if paused:
        return RecordState.PAUSED
    if failure is not None:
        return RecordState.FAILING
    if waiting:
        return RecordState.WAITING
    return RecordState.EXCLUDED if excluded else RecordState.IN_SYNC
