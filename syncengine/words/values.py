"""Why a value was written, left, or cannot be put back."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from connectors.contract import WriteKind

from ..core.merge import Reason
from ..core.undo import Left
from ..core.why import Origin
from ..models import LINK_CHANGE
from .base import Text

REASONS: Mapping[Reason, Text] = {
    Reason.EQUAL: _("Both sides hold the same."),
    Reason.UNCHANGED: _("Neither side has changed since they were last in step."),
    Reason.ONLY_ONE_CHANGED: _("It was changed in %(by)s only."),
    Reason.BOTH_SAME: _("Both sides were changed to the same value."),
    Reason.WINNER: _("The two differed, and %(by)s wins."),
    Reason.WINNER_BLANK: _("The two differed; the winner, %(to)s, had no value, so the one of %(by)s was kept."),
    Reason.SENDER: _("This field goes from %(by)s to %(to)s."),
    Reason.FILLED: _("%(to)s had no value."),
    Reason.CLEARED: _("It was cleared in %(by)s."),
    Reason.CREATED: _("The record was made from the one in %(by)s."),
    Reason.DELETED: _("The record was deleted in %(by)s."),
    Reason.DEFAULT: _("It is the default for new records in %(to)s."),
    Reason.MERGED: _("The entries of both sides were brought together."),
    Reason.RECEIVER_EDIT: _("Changed on the side that only receives; it stays until the sender's next edit."),
    Reason.CLEAR_KEPT: _("Cleared on one side; the other keeps its value."),
    Reason.MODE: _("This mapping only fills blanks, or only writes new records."),
    Reason.NO_WAY: _("The direction does not allow writing here."),
    Reason.PINNED: _("Somebody pinned the field: nothing is written to it for now."),
    Reason.UNDONE: _("Undone by a person; it stays so until one side is edited."),
    Reason.SENT_AGAIN: _("The mapping was changed: the value is sent again in its new form."),
    Reason.LATER_ONLY: _("They differed already when the mapping was made; only later changes count."),
    Reason.FILTERED: _("The record that holds it stays outside its filter, and does not send."),
    Reason.DECLINED: _("Somebody declined the change; it stays so until one side is edited."),
    Reason.REWRITTEN: _("The app keeps the value in a form of its own."),
}


def reason_text(reason: str, *, by: str, to: str) -> str:
    """Why a value was written to account `to`, or left; `by` is the account of the other side."""
    try:
        return str(REASONS[Reason(reason)]) % {"by": by, "to": to}
    except ValueError:
        return reason


ORIGINS: Mapping[Origin, Text] = {
    Origin.CARRIED: _("In %(here)s: from %(there)s."),
    Origin.ENTERED: _("In %(here)s: entered there."),
    Origin.EDITED: _("In %(here)s: edited there since."),
    Origin.RESTORED: _("In %(here)s: put back by an undo."),
    Origin.SUPPLIED: _("In %(here)s: a value for new records."),
    Origin.FOUND: _("In %(here)s: was there when the two were first compared."),
}
"""How a value came to where it is (rule 11.3)."""

LEFT: Mapping[Left, Text] = {
    Left.EDITED: _("It does not hold any more what was written."),
    Left.TOUCHED: _("Somebody has changed the record since it was made."),
    Left.DIRECTION: _("The direction does not allow writing here."),
    Left.REQUIRED: _("The field was blank before, and must not be."),
    Left.GONE: _("The record is not there any more."),
    Left.NO_WAY: _("The app takes no such change."),
    Left.UNLINKED: _("The two records are not linked any more."),
    Left.DELETION: _("A deletion is not taken back. Resync the record instead."),
    Left.HELD_STILL: _("Somebody paused the record, or pinned the field."),
    Left.BUSY: _("It is being written at this moment. Try again later."),
}
"""Why something cannot be undone (rule 11.2)."""


def left_text(code: str) -> str:
    """Why an operation of an undo is left out; blank for any other."""
    return str(LEFT[Left(code)]) if code in set(Left) else ""


RULES: Mapping[str, Text] = {
    "2.1": _("Direction"),
    "2.3": _("One-way mapping"),
    "3.1": _("No change"),
    "3.2": _("One side changed"),
    "3.4": _("Conflict: the winner decides"),
    "3.5": _("Both changed alike"),
    "3.6": _("Clearing a value"),
    "3.7": _("The app's own form"),
    "3.11": _("Lists are merged"),
    "4.4": _("Defaults on creation"),
    "2.2": _("Read-only"),
    "4.5": _("A value that is not taken"),
    "4.6": _("A mapping that was changed"),
    "4.7": _("Required values"),
    "5.1": _("No match: created"),
    "5.8": _("Ambiguous, or decided by a person"),
    "5.11": _("From another account of the app"),
    "6.1": _("Valid e-mail addresses"),
    "6.2": _("Filters"),
    "6.4": _("History"),
    "7.1": _("Associations"),
    "10.4": _("Creations in doubt"),
    "8.1": _("Deletions are not passed on"),
    "11.1": _("Preview"),
    "11.2": _("Undo"),
    "8.2": _("Resync: created again"),
    "8.3": _("A deletion is passed on"),
    "8.5": _("A merge is followed"),
}


def rule_title(rule: str) -> str:
    """What a rule is about; blank for one that has no title here."""
    return str(RULES.get(rule, ""))


PLANNED: Mapping[str, Text] = {
    LINK_CHANGE: _("Link"),
    WriteKind.CREATE: _("Create"),
    WriteKind.UPDATE: _("Change"),
    WriteKind.ARCHIVE: _("Archive"),
    WriteKind.DELETE: _("Delete"),
}
"""What an operation is to do."""

OPERATIONS: Mapping[str, Text] = {
    WriteKind.CREATE: _("Created"),
    WriteKind.UPDATE: _("Updated"),
    WriteKind.ARCHIVE: _("Archived"),
    WriteKind.DELETE: _("Deleted"),
}
