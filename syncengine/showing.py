"""Operations and values as people see them: labels for names, words for codes, text for wire form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.template.defaultfilters import yesno
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from connectors.contract import ADDRESS_PARTS, Field, FieldType, Resource, Value
from connectors.models import AccountObject, ConnectedAccount

from . import services, words
from .core.mapping import Side
from .core.values import blank, date_of, datetime_of
from .models import LINK_CHANGE, Operation, Sync


@dataclass(frozen=True, slots=True)
class End:
    """One end of a sync, as pages name it."""

    side: Side
    account: ConnectedAccount
    object: AccountObject

    @property
    def name(self) -> str:
        return self.account.name


def ends_of(sync: Sync) -> dict[Side, End]:
    objects = {side: sync.pair.stream(side).object for side in Side}
    return {side: End(side, obj.account, obj) for side, obj in objects.items()}


# --- Values -------------------------------------------------------------------------------------------------


def text_of(value: Value, field: Field | None = None) -> str:
    """A value in wire form as text for people; "" for a blank one."""
    if blank(value):
        return ""
    if isinstance(value, list):
        return ", ".join(shown for v in value if (shown := text_of(v, field)))
    if isinstance(value, bool):
        return str(yesno(value, _("Yes,No")))
    if isinstance(value, dict):
        return _text_of_dict(value)
    if field is None:
        return str(value)
    if field.options:
        return next((o.label for o in field.options if o.value == value), str(value))
    if field.type in (FieldType.DATE, FieldType.DATETIME):
        return _text_of_time(str(value), field.type)
    return str(value)


def _text_of_dict(value: Mapping[str, Any]) -> str:
    if "amount" in value:
        return " ".join(str(part) for part in (value["amount"], value.get("currency")) if part)
    if "id" in value:
        return str(value.get("label") or value.get("email") or value["id"])
    parts = [value.get(part) for part in ADDRESS_PARTS]
    return ", ".join(" ".join(str(part).split()) for part in parts if not blank(part))


def _text_of_time(value: str, type_: FieldType) -> str:
    if type_ is FieldType.DATE:
        day = date_of(value)
        return date_format(day, "DATE_FORMAT") if day else value
    moment = datetime_of(value)
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT") if moment else value


def label_of(name: str, resource: Resource | None) -> str:
    """What people call a field; its own name where the object does not have it any more."""
    field = resource.field(name) if resource else None
    return field.label if field else name


def labels_of(names: Iterable[str], resource: Resource) -> str:
    return " + ".join(label_of(name, resource) for name in names)


# --- Operations ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One field that an operation wrote, or is to write."""

    label: str
    before: str
    after: str
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class ShownOperation:
    row: Operation
    sync: Sync
    to: End
    by: End
    """The other end, where the values came from."""
    kind: str
    changes: tuple[ShownChange, ...]
    more: int
    """Changes that are not shown."""

    @property
    def at(self) -> datetime:
        return self.row.ended_at or self.row.sent_at or self.row.planned_at


class Showing:
    """Shows operations of any syncs; each sync's objects are understood once."""

    def __init__(self, *, most: int | None = None) -> None:
        """`most`: how many changed fields are shown of an operation; None: all."""
        self._most = most
        self._resources: dict[int, Mapping[Side, Resource]] = {}

    def operation(self, row: Operation, sync: Sync) -> ShownOperation:
        ends, side = ends_of(sync), Side(row.side)
        to, by = ends[side], ends[side.other]
        resource = self.resources(sync)[side]
        shown = row.changes[: self._most]
        changes = tuple(_change(change, resource, by=by.name, to=to.name) for change in shown)
        kind = str(words.OPERATIONS.get(row.kind, row.kind))
        return ShownOperation(row, sync, to, by, kind, changes, len(row.changes) - len(changes))

    def planned(self, row: Operation, sync: Sync) -> ShownOperation:
        """Of a preview: what it is to do. Two records that are to be linked have no changes of their own."""
        if row.kind == LINK_CHANGE:
            ends = ends_of(sync)
            return ShownOperation(row, sync, ends[Side.B], ends[Side.A], str(words.PLANNED[row.kind]), (), 0)
        return replace(self.operation(row, sync), kind=str(words.PLANNED.get(row.kind, row.kind)))

    def resources(self, sync: Sync) -> Mapping[Side, Resource]:
        if sync.pk not in self._resources:
            self._resources[sync.pk] = services.resources_of(sync)
        return self._resources[sync.pk]


def _change(change: Mapping[str, Any], resource: Resource, *, by: str, to: str) -> ShownChange:
    field = resource.field(change["field"])
    return ShownChange(
        label=label_of(change["field"], resource),
        before=text_of(change.get("before"), field),
        after=text_of(change.get("after"), field),
        rule=change.get("rule", ""),
        why=words.reason_text(change.get("reason", ""), by=by, to=to),
    )
