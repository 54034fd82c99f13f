"""The state of a record, and why it is in it."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from ..core.references import Obstacle
from ..core.scope import Condition
from ..core.states import FailureClass, RecordState
from .base import Text, Words, named

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

OBSTACLES: Mapping[str, Text] = {
    Obstacle.WAITING: _("“%(name)s” is not in %(there)s yet. The association follows by itself."),
    Obstacle.NO_SYNC: _("“%(name)s” is not carried: nothing syncs such records between %(here)s and %(there)s."),
    Obstacle.SYNC_OFF: _("“%(name)s” is not carried: it is not linked, and its sync is not on."),
    Obstacle.LEFT_OUT: _("“%(name)s” is not carried: its own sync leaves it out."),
    Obstacle.GONE: _("“%(name)s” is not carried: it is deleted."),
}
"""Why an association is not carried (rule 7.2); %(here)s is the account where it stands."""


NONE_MARKED: Text = _("%(here)s marks none of several as the primary one: the first listed is taken.")
"""Of an association (rule 7.3)."""


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
