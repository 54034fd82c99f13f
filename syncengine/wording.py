"""What a person chooses for a sync, in plain words: conditions, transforms, and where a mapping begins."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from .core.filters import FilterMode, Joined, Leaving, Operator
from .core.mapping import Begins, History, Transform, Which
from .core.references import Obstacle
from .core.transforms import ARGUMENTS, SHAPES
from .words import Text

OPERATORS: Mapping[Operator, Text] = {
    Operator.IS: _("is"),
    Operator.IS_NOT: _("is not"),
    Operator.ONE_OF: _("is one of"),
    Operator.CONTAINS: _("contains"),
    Operator.CONTAINS_NOT: _("does not contain"),
    Operator.STARTS_WITH: _("starts with"),
    Operator.GREATER: _("is greater than"),
    Operator.LESS: _("is less than"),
    Operator.BEFORE: _("is before"),
    Operator.AFTER: _("is after"),
    Operator.IN_LAST_DAYS: _("is within the last … days"),
    Operator.TRUE: _("is true"),
    Operator.FALSE: _("is false"),
    Operator.BLANK: _("is blank"),
    Operator.NOT_BLANK: _("is not blank"),
}

JOINED: Mapping[Joined, Text] = {Joined.ALL: _("all of these"), Joined.ANY: _("any of these")}
JOINS: Mapping[Joined, Text] = {Joined.ALL: _("and"), Joined.ANY: _("or")}

FILTER_MODES: Mapping[FilterMode, Text] = {
    FilterMode.OWN: _("Each side sends while its own record passes"),
    FilterMode.EITHER: _("Both sides send while either record passes"),
}

LEAVINGS: Mapping[Leaving, Text] = {
    Leaving.STOP: _("It stops sending, until it passes again"),
    Leaving.GO_ON: _("It goes on: a filter matters only until two records are linked"),
}

OBSTACLES: Mapping[str, Text] = {
    Obstacle.WAITING: _("“%(name)s” is not in %(there)s yet. The association follows by itself."),
    Obstacle.NO_SYNC: _("“%(name)s” is not carried: nothing syncs such records between %(here)s and %(there)s."),
    Obstacle.SYNC_OFF: _("“%(name)s” is not carried: it is not linked, and its sync is not on."),
    Obstacle.LEFT_OUT: _("“%(name)s” is not carried: its own sync leaves it out."),
    Obstacle.GONE: _("“%(name)s” is not carried: it is deleted."),
}
"""Why an association is not carried (rule 7.2); %(here)s is the account where it stands."""

WHICH: Mapping[Which, Text] = {
    Which.PRIMARY: _("Only the primary one; where the app marks none, the first listed"),
    Which.ALL: _("All of them"),
}

HISTORIES: Mapping[History, Text] = {
    History.ALL: _("All records that are there"),
    History.FROM_NOW: _("Only what is created or changed from now on"),
}

BEGINS: Mapping[Begins, Text] = {
    Begins.COMPARED: _("Compare it on the records that are linked already"),
    Begins.LATER: _("Leave them as they are; only later changes count"),
}

TRANSFORMS: Mapping[Transform, Text] = {
    Transform.NONE: _("As it is"),
    Transform.NAME: _("First and last name as one"),
    Transform.ADDRESS: _("An address by its parts"),
    Transform.PARSE: _("Text that is read back as what it stands for"),
    Transform.UPPER: _("In capital letters"),
    Transform.LOWER: _("In small letters"),
    Transform.TITLE: _("Each Word With a Capital"),
    Transform.TRIM: _("Without superfluous white space"),
    Transform.PHONE: _("Phone numbers in one form"),
    Transform.DATE: _("Dates as text"),
    Transform.NUMBER: _("Numbers as text"),
    Transform.REPLACE: _("Texts replaced by a table"),
    Transform.EXTRACT: _("A part of the text"),
}

ARGUMENT_WORDS: Mapping[str, Text] = {
    "e164": _("+49301234567"),
    "international": _("+49 30 1234567"),
    "national": _("030 1234567, in the workspace's country"),
    "domain": _("The domain of an address"),
    "first_word": _("The first word"),
    "last_word": _("The last word"),
    "before": _("What stands before …"),
    "after": _("What stands after …"),
}


def arguments_of(transform: Transform) -> list[tuple[str, Text]]:
    """(argument, words) of a transform that takes one."""
    return [(name, ARGUMENT_WORDS.get(name, name)) for name in ARGUMENTS.get(transform, ())]


def transform_choices() -> list[tuple[str, Text]]:
    """Transforms that a person may name for two single fields."""
    named = [t for t in Transform if t in SHAPES]
    return [(t.value, TRANSFORMS[t]) for t in (Transform.NONE, Transform.PARSE, *named)]
