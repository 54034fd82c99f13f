"""What pages of syncs show in words and pictures."""

from __future__ import annotations

from django import template
from django.utils.functional import Promise

from .. import words
from ..core.mapping import Direction
from ..core.states import RecordState
from ..models import OperationState, RunState
from ..services import Standing

register = template.Library()

STATUS = {Standing.DRAFT: "excluded", Standing.INITIAL: "running"}
RUN_STATUS = {
    RunState.RUNNING: "running",
    RunState.DONE: "in_sync",
    RunState.FAILED: "failing",
    RunState.CANCELLED: "off",
}
OPERATION_STATUS = {
    OperationState.PLANNED: "waiting",
    OperationState.SENDING: "running",
    OperationState.DONE: "in_sync",
    OperationState.REFUSED: "failing",
    OperationState.SUPERSEDED: "off",
    OperationState.HELD: "paused",
    OperationState.UNDONE: "off",
}


@register.filter
def standing_status(standing: Standing) -> str:
    """As <c-status> knows it."""
    return STATUS.get(standing, standing.value)


@register.filter
def standing_title(standing: Standing) -> str:
    return str(words.STANDINGS[standing].title)


@register.filter
def run_status(state: str) -> str:
    return RUN_STATUS[RunState(state)]


@register.filter
def operation_status(state: str) -> str:
    return OPERATION_STATUS[OperationState(state)]


@register.filter
def arrow(direction: Direction) -> str:
    """Name of the icon."""
    return words.ARROWS[direction]


@register.filter
def state_title(state: str) -> Promise | str:
    return words.STATES[RecordState(state)].title


@register.filter
def rule_title(rule: str) -> str:
    return words.rule_title(rule)
