"""What a person may say of one record, by name: the same words on its page and in the API."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from django.utils.translation import gettext as _

from . import decisions
from .core.mapping import Side
from .core.states import FailureClass, RecordState
from .models import Decision, RecordLink, Sync
from .services import SyncError


class Act(StrEnum):
    LINK = "link"
    """It is the same as this record of the other side."""
    KEEP_APART = "keep_apart"
    """It is not the same as this one; of a linked record: as the one that it is linked with."""
    CREATE = "create"
    LEAVE_OUT = "leave_out"
    REOPEN = "reopen"
    LOOK_AGAIN = "look_again"
    WAS_CREATED = "was_created"
    """This record of the other side is what a creation in doubt has made."""
    CREATE_ONCE_MORE = "create_once_more"


NAMING = (Act.LINK, Act.KEEP_APART, Act.WAS_CREATED)
"""They name a record of the other side."""


def act(sync: Sync, link: RecordLink, what: Act, *, actor: str, remote_id: str = "") -> None:
    """Do what a person said of this record. Raises SyncError."""
    if link.is_whole:
        if what is not Act.KEEP_APART:
            raise SyncError(_("“%(name)s” is linked already.") % {"name": str(link)})
        decisions.keep_apart(sync, a_id=str(link.a_id), b_id=str(link.b_id), actor=actor)
        return
    if what in NAMING:
        if not remote_id:
            raise SyncError({"remote_id": _("Name the record of the other side.")})
        _with_other(sync, link, what, remote_id, actor)
        return
    plain: dict[Act, Callable[..., object]] = {
        Act.CREATE: decisions.create_new,
        Act.LEAVE_OUT: decisions.leave_out,
        Act.REOPEN: decisions.reopen,
        Act.LOOK_AGAIN: decisions.look_again,
        Act.CREATE_ONCE_MORE: decisions.create_once_more,
    }
    plain[what](sync, [link], actor=actor)


def _with_other(sync: Sync, link: RecordLink, what: Act, remote_id: str, actor: str) -> None:
    if what is Act.WAS_CREATED:
        decisions.it_was_created(sync, link, remote_id=remote_id, actor=actor)
        return
    a_id, b_id = (str(link.a_id), remote_id) if link.a_id is not None else (remote_id, str(link.b_id))
    if what is Act.LINK:
        decisions.link_records(sync, a_id=a_id, b_id=b_id, actor=actor)
    else:
        decisions.keep_apart(sync, a_id=a_id, b_id=b_id, actor=actor)


def offered(link: RecordLink) -> tuple[Act, ...]:
    """What makes sense for a record as it stands."""
    if link.closed_at is not None:
        return ()
    if link.is_whole:
        return (Act.KEEP_APART,)
    if link.state == RecordState.FAILING and link.cause == FailureClass.AMBIGUOUS:
        return (Act.LINK, Act.KEEP_APART, Act.CREATE, Act.LEAVE_OUT)
    if link.state == RecordState.FAILING and link.cause == FailureClass.IN_DOUBT:
        return (Act.LOOK_AGAIN, Act.WAS_CREATED, Act.CREATE_ONCE_MORE, Act.LEAVE_OUT)
    if link.decision in (Decision.KEPT_APART, Decision.LEFT_OUT, Decision.UNDONE):
        return (Act.CREATE, Act.REOPEN, Act.LINK)
    return (Act.LINK, Act.LEAVE_OUT)


def why_not_create(sync: Sync, link: RecordLink) -> str:
    """Why the record cannot be created on the other side; blank if it can (rule 2.1)."""
    if sync.active is None:
        return _("Turn the sync on first.")
    try:
        decisions.refuse_creation(sync, Side.B if link.a_id is not None else Side.A)
    except SyncError as error:
        return str(error)
    return ""
