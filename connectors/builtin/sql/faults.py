"""What a database complains of, in the few kinds that matter, and what that means for a record or a call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from connectors.contract import (
    ConnectorBroken,
    ConnectorError,
    PermissionLost,
    Refusal,
    Refused,
    ResourceGone,
    Retry,
    SettingsInvalid,
    SignInAgain,
)

from .shapes import Table


class Complaint(Enum):
    # of one row
    DUPLICATE = auto()
    MISSING = auto()
    TOO_LONG = auto()
    INVALID = auto()
    UNKNOWN_OPTION = auto()
    NO_SUCH_PARENT = auto()
    """A reference to a row that is not there."""
    STILL_REFERRED_TO = auto()
    RULE = auto()
    """A trigger's or another rule of the database's owner."""
    # of whoever asks
    NOT_ALLOWED = auto()
    SIGN_IN = auto()
    # of the tables
    TABLE_GONE = auto()
    COLUMN_GONE = auto()
    # of the moment
    PASSING = auto()
    OTHER = auto()


_REFUSALS = {
    Complaint.MISSING: Refusal.MISSING_REQUIRED,
    Complaint.TOO_LONG: Refusal.TOO_LONG,
    Complaint.INVALID: Refusal.INVALID_VALUE,
    Complaint.UNKNOWN_OPTION: Refusal.UNKNOWN_OPTION,
    Complaint.NO_SUCH_PARENT: Refusal.INVALID_VALUE,
    Complaint.STILL_REFERRED_TO: Refusal.APP_RULE,
    Complaint.RULE: Refusal.APP_RULE,
    Complaint.NOT_ALLOWED: Refusal.PERMISSION,
    Complaint.OTHER: Refusal.APP_RULE,
}

OF_THE_WHOLE_CALL = frozenset({Complaint.SIGN_IN, Complaint.TABLE_GONE, Complaint.COLUMN_GONE, Complaint.PASSING})
"""Complaints that no halving of a batch gets rid of."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One complaint. The message is the database's own, without statement and parameters."""

    complaint: Complaint
    message: str
    columns: tuple[str, ...] = ()
    """The columns that it named."""
    constraint: str | None = None
    """The constraint or index that it named."""


class Unreachable(SettingsInvalid):
    """The database was not reached, or not entered. On the connect page an error of one of its inputs; later,
    when everything has worked before, something that passes."""

    def __init__(self, setting: str, message: str) -> None:
        super().__init__({setting: message})


class ShapeChanged(ConnectorBroken):
    """A column that was there a moment ago is not: look at the table again."""


def raised(fault: Fault) -> ConnectorError:
    """What a whole call raises."""
    match fault.complaint:
        case Complaint.PASSING:
            return Retry(fault.message)
        case Complaint.SIGN_IN:
            return SignInAgain(fault.message)
        case Complaint.NOT_ALLOWED:
            return PermissionLost(fault.message)
        case Complaint.TABLE_GONE:
            return ResourceGone(fault.message)
        case Complaint.COLUMN_GONE:
            return ShapeChanged(fault.message)
        case _:
            return ConnectorBroken(fault.message)


def refusal(fault: Fault, table: Table, written: frozenset[str]) -> Refused:
    """What one record is answered. `written`: the columns that were being written."""
    return Refused(
        reason=_REFUSALS.get(fault.complaint, Refusal.APP_RULE),
        message=fault.message,
        field=_field(fault, table, written),
    )


def _field(fault: Fault, table: Table, written: frozenset[str]) -> str | None:
    columns = fault.columns or table.checked.get(fault.constraint or "", ())
    if not columns and fault.complaint is Complaint.NO_SUCH_PARENT:
        # SQLite does not say which one it was.
        columns = tuple(written & table.references.keys())
    named = [name for name in columns if table.column(name) is not None]
    return named[0] if len(named) == 1 else None
