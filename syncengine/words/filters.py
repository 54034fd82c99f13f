"""Conditions of a filter, and what comes of them."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from ..core.filters import FilterMode, Joined, Leaving, Operator
from .base import Text

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
