"""What the engine says in codes, in plain words: for pages, API and admin. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from connectors.contract import Kind, WriteKind

from .core.mapping import ClearPolicy, Direction, MatchBy, WriteMode
from .core.match import PERSONS
from .core.merge import Reason
from .core.scope import Condition
from .core.states import FailureClass, RecordState
from .core.undo import Left
from .core.why import Origin
from .models import LINK_CHANGE
from .models.sync import Attention
from .services import Standing

Text = Promise | str


@dataclass(frozen=True, slots=True)
class Words:
    """Something that has a state, a cause or a rule, as a person is told it."""

    title: Text
    meaning: Text = ""
    todo: Text = ""
    """What a person can do about it; blank where there is nothing to do."""


# --- A sync -------------------------------------------------------------------------------------------------

STANDINGS: Mapping[Standing, Words] = {
    Standing.DRAFT: Words(
        _("Draft"), _("Nothing has been read or written yet."), _("Finish setting it up, then save and sync.")
    ),
    Standing.INITIAL: Words(
        _("First run"), _("Both sides are being read, matched and brought in step for the first time.")
    ),
    Standing.UP_TO_DATE: Words(_("Up to date"), _("Changes on either side are carried across as they come.")),
    Standing.PAUSED: Words(
        _("Paused"), _("Nothing is read or written. What changes meanwhile is caught up."), _("Resume it.")
    ),
    Standing.OFF: Words(
        _("Off"),
        _("Nothing is read or written. Links and settings are kept."),
        _("Turn it on: all records are compared again."),
    ),
    Standing.ATTENTION: Words(_("Needs attention"), _("The sync waits until somebody has looked at it.")),
}

ATTENTIONS: Mapping[str, Words] = {
    Attention.SIGN_IN: Words(
        _("Sign in again"), _("An account does not accept its credentials any more."), _("Reconnect the account.")
    ),
    Attention.PERMISSION: Words(
        _("Permission lost"),
        _("An account is not allowed any more to do what the sync needs."),
        _("Give it the permission in the app, or reconnect it."),
    ),
    Attention.OBJECT_GONE: Words(
        _("Object or field gone"),
        _("An app does not offer something any more that this sync uses."),
        _("Check the account, then the field mappings."),
    ),
    Attention.BROKEN: Words(
        _("Unexpected answer"),
        _("An app answers something that its connector does not understand."),
        _("Try again later. If it stays, tell whoever runs this site."),
    ),
    Attention.REFUSED: Words(
        _("Most of it is refused"),
        _("An app refuses most of what it is sent. The rest waits, and some of it is tried again by itself."),
        _("Look at what failed and why; once that is mended, retry."),
    ),
    Attention.BRAKE: Words(
        _("Held by the brake"),
        _("The run would have changed more than usual, and was held before its first write."),
        _("Look at what it would do."),
    ),
    Attention.MISSING: Words(
        _("Many records are missing"),
        _("An app lists far fewer records than before. That may be a fault, so nothing is taken for deleted."),
        _("Look in the app. If they are there, it goes on by itself; if they were deleted, confirm it."),
    ),
}

DIRECTIONS: Mapping[Direction, Text] = {
    Direction.TWO_WAY: _("Two-way"),
    Direction.A_TO_B: _("%(a)s to %(b)s"),
    Direction.B_TO_A: _("%(b)s to %(a)s"),
}

ARROWS: Mapping[Direction, str] = {
    Direction.TWO_WAY: "arrow-left-right",
    Direction.A_TO_B: "arrow-right",
    Direction.B_TO_A: "arrow-left",
}
"""Names of icons."""


def direction_text(direction: Direction, a: str, b: str) -> str:
    """ "Two-way", or "Sales to Address book"."""
    return str(DIRECTIONS[direction]) % {"a": a, "b": b}


CLEARS: Mapping[ClearPolicy, Text] = {
    ClearPolicy.KEEP: _("The other side keeps its value"),
    ClearPolicy.CLEAR: _("The other side is cleared too"),
}
MODES: Mapping[WriteMode, Text] = {
    WriteMode.OVERWRITE: _("Overwrites"),
    WriteMode.FILL_BLANK: _("Only fills blanks"),
    WriteMode.ON_CREATION: _("Only on new records"),
}


def preset_of(kind: Kind | None) -> Text:
    """How records of a kind are matched unless somebody chooses otherwise (rules 5.3 to 5.5)."""
    if kind in PERSONS:
        return _(
            "By any e-mail address in common. Where one of them has none: by the same full name and the same company."
        )
    return {
        Kind.COMPANY: _(
            "By the same name; of several with one name, the one with the same domain. The domain decides where "
            "one of them has no name."
        ),
        Kind.PRODUCT: _("By SKU, then by name."),
        Kind.INVOICE: _("By number."),
    }.get(kind, _("Records of this kind are never matched by themselves: each is copied to the other side."))  # type: ignore[call-overload]


DELETIONS: Mapping[str, Text] = {
    "": _("Leave it, and list it"),
    WriteKind.ARCHIVE: _("Archive it"),
    WriteKind.DELETE: _("Delete it"),
}
"""What a deletion on one side does on the other."""


MATCHES: Mapping[MatchBy, Text] = {
    MatchBy.DEFAULT: _("As usual for this kind"),
    MatchBy.DOMAIN_FIRST: _("By domain, then by name"),
    MatchBy.FIELD: _("By a field of your own choosing, and only that"),
    MatchBy.NOTHING: _("Not at all: every record without a counterpart is copied"),
}

# --- A record -----------------------------------------------------------------------------------------------

STATES: Mapping[RecordState, Words] = {
    RecordState.IN_SYNC: Words(_("In sync"), _("Both sides are the same, or differ for a reason that is noted.")),
    RecordState.WAITING: Words(_("Waiting"), _("These go on by themselves as soon as what they wait for is there.")),
    RecordState.FAILING: Words(_("Failing"), _("These need somebody, or another try.")),
    RecordState.EXCLUDED: Words(_("Excluded"), _("These stay out of the sync, each for a stated reason.")),
    RecordState.PAUSED: Words(_("Paused"), _("Nothing is written to these until somebody resumes them.")),
    RecordState.CLOSED: Words(_("Closed"), _("Deleted on both sides; these count no more.")),
}

FAILURES: Mapping[FailureClass, Words] = {
    FailureClass.SIGN_IN: Words(
        _("Sign-in expired"),
        _("The account does not accept its credentials any more."),
        _("Reconnect the account; these records are tried again by themselves."),
    ),
    FailureClass.PERMISSION: Words(
        _("Not allowed"),
        _("The app does not let the connected account write this record."),
        _("Give the account the permission in the app, then retry."),
    ),
    FailureClass.RATE_LIMIT: Words(
        _("Too many requests"), _("The app takes no more requests for now."), _("Nothing: it goes on by itself.")
    ),
    FailureClass.TEMPORARY: Words(
        _("The app did not answer"),
        _("The app could not be reached, or had an error of its own."),
        _("Nothing: it is tried again by itself. Retry to have it tried at once."),
    ),
    FailureClass.MISSING_REQUIRED: Words(
        _("A required value is missing"),
        _("The app does not take a record without a value that this one does not have."),
        _("Fill the value in on the other side, or give its mapping a default."),
    ),
    FailureClass.INVALID_VALUE: Words(
        _("A value was refused"),
        _("The app does not take one of the values."),
        _("Correct the value on the side that it comes from."),
    ),
    FailureClass.UNKNOWN_OPTION: Words(
        _("Unknown option"),
        _("The value is none of the choices that the other app has for this field."),
        _("Add the choice in the app, or change the value."),
    ),
    FailureClass.TOO_LONG: Words(
        _("Too long"),
        _("A value has more characters than the other app takes."),
        _("Shorten the value, or map it to a longer field."),
    ),
    FailureClass.DUPLICATE: Words(
        _("The app has it already"),
        _("The app says that such a record exists, and it cannot be told which one belongs to this."),
        _("Look for a double in the app, and merge or delete one."),
    ),
    FailureClass.APP_RULE: Words(
        _("Refused by a rule of the app"),
        _("Somebody has set up the app so that it refuses this."),
        _("Read the app's answer below; change the record, or the rule in the app."),
    ),
    FailureClass.WAITING_RELATED: Words(
        _("Waiting for a related record"),
        _("It refers to a record that is not on the other side yet."),
        _("Nothing: it goes on when the related record is there."),
    ),
    FailureClass.DELETED_IN_A: Words(
        _("Deleted in %(a)s"),
        _("It was deleted in %(a)s, and is still there in %(b)s. Deletions are not passed on."),
        _("Resync it to have it created in %(a)s again, restore it there, or delete it in %(b)s as well."),
    ),
    FailureClass.DELETED_IN_B: Words(
        _("Deleted in %(b)s"),
        _("It was deleted in %(b)s, and is still there in %(a)s. Deletions are not passed on."),
        _("Resync it to have it created in %(b)s again, restore it there, or delete it in %(a)s as well."),
    ),
    FailureClass.SCHEMA: Words(
        _("The app's fields have changed"),
        _("A field that this record needs is not there any more, or has another type."),
        _("Check the account to read its fields anew, then look at the mappings."),
    ),
    FailureClass.AMBIGUOUS: Words(
        _("More than one could match"),
        _("It could be the same as several records of the other side, and nothing is guessed."),
        _("Say which it is, or that it is none of them. Or give them values that tell them apart."),
    ),
    FailureClass.BRAKE: Words(
        _("Held by the brake"), _("The run that would have written it was held."), _("Look at the held run.")
    ),
    FailureClass.BY_TURNS: Words(
        _("Both sides write it by turns"),
        _("Each app changes back what the other wrote, over and over. The field is left alone; the others go on."),
        _("Look for an automatic rule in either app that rewrites the field; then retry."),
    ),
    FailureClass.MERGED: Words(
        _("Merged with a linked record"),
        _("In its app it was merged into a record that is linked with another one: two links would become one."),
        _("Merge the two records of the other side as well, or keep this one unlinked."),
    ),
    FailureClass.IN_DOUBT: Words(
        _("Perhaps created"),
        _("The app's answer to its creation was lost, and the new record cannot be found for certain."),
        _("Look for it in the app. Then say which record it is, or have it sent once more."),
    ),
}

CONDITIONS: Mapping[Condition, Words] = {
    Condition.NO_EMAIL: Words(_("No e-mail address"), _("Persons without an e-mail address stay out.")),
    Condition.INVALID_EMAIL: Words(
        _("No valid e-mail address"), _("None of the person's addresses could be written to.")
    ),
    Condition.DIRECTION: Words(
        _("Direction"), _("It exists only on the side that receives, and nothing is written back.")
    ),
    Condition.KEPT_APART: Words(
        _("Kept apart"),
        _("Somebody said that it is not the same as what it was, or could have been, linked with. It is not copied."),
        _("Create it on the other side, or take the decision back."),
    ),
    Condition.DECLINED: Words(
        _("Declined"), _("Somebody declined its creation on the other side."), _("Reopen it, or have it created.")
    ),
    Condition.LEFT_OUT: Words(
        _("Left out"),
        _("Somebody said that it stays out."),
        _("Create it on the other side, or take the decision back."),
    ),
    Condition.UNDONE: Words(
        _("Its creation was undone"),
        _("It was copied to the other side, and somebody had that undone. It is not copied again by itself."),
        _("Create it there again."),
    ),
    Condition.PASSED_ON: Words(
        _("From another account of the app"),
        _("It came from another account of the app that it would go to. Passing such records on can be switched on."),
    ),
    Condition.FILTER_A: Words(
        _("Filter of %(a)s"), _("The record in %(a)s does not pass the filter of what it sends.")
    ),
    Condition.FILTER_B: Words(
        _("Filter of %(b)s"), _("The record in %(b)s does not pass the filter of what it sends.")
    ),
    Condition.FILTERS: Words(_("Filters of both sides"), _("Neither record passes the filter of what its side sends.")),
    Condition.HISTORY: Words(
        _("There before"),
        _("Only records that were created or changed since then are synced. It joins in when somebody changes it."),
    ),
    Condition.READ_ONLY: Words(_("The other side is read-only"), _("The other app takes no new records of this kind.")),
}


def named(words: Words, a: str, b: str) -> Words:
    """With the names of the two accounts where a sentence speaks of them."""
    names = {"a": a, "b": b}
    return Words(*(str(text) % names if "%(" in str(text) else str(text) for text in _parts(words)))


def _parts(words: Words) -> tuple[Text, Text, Text]:
    return words.title, words.meaning, words.todo


def failure_words(cause: str, a: str = "A", b: str = "B") -> Words:
    """Of a failing record's cause; one that is not known here stands for itself."""
    try:
        return named(FAILURES[FailureClass(cause)], a, b)
    except ValueError:
        return Words(cause)


def condition_words(cause: str, a: str = "A", b: str = "B") -> Words:
    """Of an excluded record's cause."""
    try:
        return named(CONDITIONS[Condition(cause)], a, b)
    except ValueError:
        return Words(cause)


def cause_words(state: str, cause: str, a: str = "A", b: str = "B") -> Words:
    """Why a record is in its state; blank words where there is nothing to say."""
    if not cause:
        return Words("")
    failed = state in (RecordState.FAILING, RecordState.WAITING)
    return failure_words(cause, a, b) if failed else condition_words(cause, a, b)


# --- A value ------------------------------------------------------------------------------------------------

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
    "4.6": _("A mapping that was changed"),
    "5.1": _("No match: created"),
    "7.1": _("Associations"),
    "8.1": _("Deletions are not passed on"),
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
