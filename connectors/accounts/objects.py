"""What an account offers, as it last described it, and what a person said that it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from ..contract import (
    CANONICAL,
    Client,
    ConnectorBroken,
    Field,
    FieldMeaning,
    FieldType,
    Kind,
    ObjectMeaning,
    Resource,
    interpret,
)
from ..drift import differences, told
from ..models import AccountAction, AccountObject, ConnectedAccount
from ..snapshots import meaning_from_json, meaning_to_json, resource_from_json, resource_to_json
from .errors import AccountError
from .session import log, open_client

TEXTUAL = (FieldType.TEXT, FieldType.LONG_TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL)
"""Types of one wire form: a person may say that a column of text holds e-mail addresses."""


def refresh_objects(account: ConnectedAccount) -> list[AccountObject]:
    """Ask the account what it offers now, and remember it. Raises ConnectorError."""
    with open_client(account) as client:
        resources = client.resources()
    return store_objects(account, resources)


def store_objects(account: ConnectedAccount, resources: Sequence[Resource]) -> list[AccountObject]:
    """Remember these; what is not among them is marked as missing, and kept. Raises ConnectorBroken."""
    names = [resource.name for resource in resources]
    if len(set(names)) < len(names):
        raise ConnectorBroken(_("The app named one object twice."))
    now = timezone.now()
    rows = [
        AccountObject(
            account=account,
            name=resource.name,
            label=resource.label[:255],
            resource=resource_to_json(resource),
            seen_at=now,
        )
        for resource in resources
    ]
    with transaction.atomic():
        account.objects_offered.exclude(name__in=names).update(missing=True)
        AccountObject.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["account", "name"],
            update_fields=["label", "resource", "seen_at", "missing"],
        )
    return list(account.objects_offered.filter(missing=False))


def look_at_objects(account: ConnectedAccount, client: Client, now: datetime) -> None:
    """What the account offers now, asked through a client that is open; what has changed becomes an event.

    Only what differs is written, but for when it was looked at. Raises ConnectorError, and changes nothing then.
    """
    offered = {resource.name: resource for resource in client.resources()}
    for obj in account.objects_offered.order_by("name"):
        after = offered.pop(obj.name, None)
        if after is None:
            if not obj.missing:
                account.objects_offered.filter(pk=obj.pk).update(missing=True)
                log(account, AccountAction.SCHEMA, actor="", detail=_("%(object)s: gone") % {"object": obj.label})
            continue
        before = snapshot_of(obj)
        found = differences(before, after)
        if obj.missing or after != before:
            account.objects_offered.filter(pk=obj.pk).update(
                resource=resource_to_json(after), label=after.label[:255], missing=False
            )
        if obj.missing:
            log(account, AccountAction.SCHEMA, actor="", detail=_("%(object)s: back again") % {"object": obj.label})
        if found:
            log(account, AccountAction.SCHEMA, actor="", detail=f"{obj.label}: {told(found)}")
    if offered:
        store_new_objects(account, list(offered.values()), now)
    account.objects_offered.filter(missing=False).update(seen_at=now)


def store_new_objects(account: ConnectedAccount, resources: Sequence[Resource], now: datetime) -> None:
    """What the account has not named before."""
    rows = [
        AccountObject(account=account, name=r.name, label=r.label[:255], resource=resource_to_json(r), seen_at=now)
        for r in resources
    ]
    AccountObject.objects.bulk_create(rows, ignore_conflicts=True)


def snapshot_of(obj: AccountObject) -> Resource:
    """The object as the account described it. `Client.interpret` of this and `meaning_of` is what is read."""
    return resource_from_json(obj.resource)


def meaning_of(obj: AccountObject) -> ObjectMeaning:
    """What a person said of the object."""
    return meaning_from_json(obj.meaning)


def resource_of(obj: AccountObject) -> Resource:
    """The object as a person understands it, as far as that can be told without asking the connector."""
    return with_target_kinds(interpret(snapshot_of(obj), meaning_of(obj)), obj.account_id)


def with_target_kinds(resource: Resource, account: int) -> Resource:
    """The resource with its references knowing what kind of object they point to, as a person understands it."""
    targets = {f.target for f in resource.fields if f.type is FieldType.REFERENCE and f.target}
    if not targets:
        return resource
    kinds = {obj.name: obj.kind for obj in AccountObject.objects.filter(account=account, name__in=targets)}
    known = (replace(f, target_kind=kinds.get(f.target)) if f.target in targets else f for f in resource.fields)
    return replace(resource, fields=tuple(known))


def sensible_types(field: Field) -> tuple[FieldType, ...]:
    """Types that a person may say this field has; its own alone where there is nothing to say."""
    if field.type not in TEXTUAL or field.options:
        return (field.type,)
    return TEXTUAL


def set_meaning(
    obj: AccountObject, *, kind: Kind | None, fields: Mapping[str, FieldMeaning], actor: str
) -> AccountObject:
    """What the object is and what its fields stand for, instead of what was said before.

    Raises AccountError: "kind" where the app itself says otherwise, else by the name of the field.
    """
    snapshot = snapshot_of(obj)
    errors = {name: problem for name, said in fields.items() if (problem := _problem(snapshot, name, said))}
    if snapshot.kind is not None and kind not in (None, snapshot.kind):
        errors["kind"] = _("The app itself says what this object is.")
    if errors:
        raise AccountError(errors)
    meaning = ObjectMeaning(kind=None if kind == snapshot.kind else kind, fields=_only_said(snapshot, fields))
    obj.meaning = meaning_to_json(meaning)
    with transaction.atomic():
        obj.save(update_fields=["meaning"])
        log(obj.account, AccountAction.MEANING, actor=actor, detail=f"{obj.label}: {obj.kind or '–'}")
    return obj


def _problem(snapshot: Resource, name: str, said: FieldMeaning) -> str | None:
    field = snapshot.field(name)
    if field is None:
        return _("The object has no such field.")
    if said.canonical and said.canonical not in CANONICAL:
        return _("“%(name)s” is not something that a field can stand for.") % {"name": said.canonical}
    if said.type is not None and said.type not in sensible_types(field):
        return _("A field of type %(own)s cannot be taken for %(said)s.") % {
            "own": field.type,
            "said": said.type,
        }
    return None


def _only_said(snapshot: Resource, fields: Mapping[str, FieldMeaning]) -> dict[str, FieldMeaning]:
    """Without what the connector proposes anyway, so that a better proposal of tomorrow still counts."""
    said: dict[str, FieldMeaning] = {}
    for name, one in fields.items():
        field = snapshot.field(name)
        assert field is not None
        canonical = None if one.canonical == (field.canonical or "") else one.canonical
        type = None if one.type == field.type else one.type
        if canonical is not None or type is not None:
            said[name] = FieldMeaning(canonical=canonical, type=type)
    return said
