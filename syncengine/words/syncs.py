"""How a sync stands, and which way it goes."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from ..core.mapping import Direction
from ..models.sync import Attention
from ..services import Standing
from .base import Text, Words

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
