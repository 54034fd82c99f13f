"""A new sync between two objects, and what forbids one."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from connectors import accounts
from connectors.contract import Kind
from connectors.models import AccountObject, AccountState, ConnectedAccount
from tenants.context import current_workspace

from ..core.defaults import default_mappings
from ..core.mapping import Side, SyncSettings
from ..core.match import PERSONS
from ..core.topology import path_between
from ..models import Stream, StreamPair, Sync
from .checking import refuse_problems
from .errors import SyncError
from .versions import add_version


def proposed_settings(object_a: AccountObject, object_b: AccountObject) -> SyncSettings:
    """What a new sync of these two starts from: default mappings, two-way, the home account as the winner."""
    a, b = accounts.resource_of(object_a), accounts.resource_of(object_b)
    workspace = current_workspace()
    return SyncSettings(
        kind=a.kind or b.kind,
        winner=Side.B if object_b.account.is_home else Side.A,
        mappings=default_mappings(a, b),
        country=workspace.country,
        zone=workspace.time_zone,
    )


def create_sync(
    *,
    object_a: AccountObject,
    object_b: AccountObject,
    actor: str,
    settings: SyncSettings | None = None,
    alike: bool = False,
) -> Sync:
    """A draft of a sync between two objects. Nothing is read or written until `start`.

    Links that an earlier sync of the same two objects left are taken up again. `alike`: a person says that two
    objects of no known kind are the same thing. Raises SyncError.
    """
    _refuse_impossible(object_a, object_b, alike=alike)
    settings = settings or proposed_settings(object_a, object_b)
    refuse_problems(settings, accounts.resource_of(object_a), accounts.resource_of(object_b))
    with transaction.atomic():
        pair = _pair_of(object_a, object_b)
        sync = Sync.objects.create(pair=pair, created_by=actor)
        add_version(sync, settings, actor)
    return sync


def _pair_of(object_a: AccountObject, object_b: AccountObject) -> StreamPair:
    stream_a, _made = Stream.objects.get_or_create(object=object_a)
    stream_b, _made = Stream.objects.get_or_create(object=object_b)
    pair, _made = StreamPair.objects.get_or_create(stream_a=stream_a, stream_b=stream_b)
    return pair


def _refuse_impossible(object_a: AccountObject, object_b: AccountObject, *, alike: bool) -> None:
    custom = object_a.kind is object_b.kind is None
    if object_a.account_id == object_b.account_id:
        raise SyncError({"object_b": _("A sync connects two accounts. Choose another account for the other side.")})
    for name, obj in (("object_a", object_a), ("object_b", object_b)):
        if obj.account.state == AccountState.DISCONNECTED:
            raise SyncError({name: _("“%(name)s” is disconnected. Reconnect it first.") % {"name": obj.account.name}})
        if obj.missing:
            raise SyncError({name: _("“%(name)s” is not offered by the account any more.") % {"name": obj.label}})
        if obj.kind is None and custom and not alike:
            raise SyncError(
                {name: _("Nobody has said what these two objects are. Say what kind they are, or that they are alike.")}
            )
        if obj.kind is None and not custom:
            raise SyncError({name: _("Say first what kind of object “%(name)s” is.") % {"name": obj.label}})
    _refuse_different_kinds(object_a, object_b)
    _refuse_second_sync(object_a, object_b)
    _refuse_ring(object_a, object_b)


def _refuse_different_kinds(object_a: AccountObject, object_b: AccountObject) -> None:
    kinds = {object_a.kind, object_b.kind}
    if len(kinds) > 1 and not kinds <= PERSONS:
        raise SyncError(
            {"object_b": _("“%(a)s” and “%(b)s” are objects of different kinds.") % _labels(object_a, object_b)}
        )


def _refuse_second_sync(object_a: AccountObject, object_b: AccountObject) -> None:
    for x, y in ((object_a, object_b), (object_b, object_a)):
        if Sync.objects.filter(deleted_at=None, pair__stream_a__object=x, pair__stream_b__object=y).exists():
            raise SyncError(_("There is a sync of “%(a)s” and “%(b)s” already.") % _labels(object_a, object_b))


def _refuse_ring(object_a: AccountObject, object_b: AccountObject) -> None:
    """Rule 2.4. Persons are one kind here: a contact may go on as a lead."""
    live = Sync.objects.filter(deleted_at=None).select_related(
        "pair__stream_a__object__account", "pair__stream_b__object__account"
    )
    kinds = PERSONS if object_a.kind in PERSONS else {object_a.kind}
    ends = [(s.pair.stream_a.object, s.pair.stream_b.object) for s in live if s.pair.stream_a.object.kind in kinds]
    path = (
        _path_of_custom(object_a, object_b, ends)
        if object_a.kind is None
        else path_between(object_a.account_id, object_b.account_id, [(a.account_id, b.account_id) for a, b in ends])
    )
    if path is not None:
        names = dict(ConnectedAccount.objects.filter(pk__in=path).values_list("pk", "name"))
        through = " – ".join(names[pk] for pk in path)
        raise SyncError(
            _("These two accounts are connected already: %(path)s. A second way would send changes round in circles.")
            % {"path": through}
        )


def _path_of_custom(
    object_a: AccountObject, object_b: AccountObject, ends: list[tuple[AccountObject, AccountObject]]
) -> list[int] | None:
    """Custom objects have no kind in common: what is one thing is what was said to be alike, object by object."""
    found = path_between(object_a.pk, object_b.pk, [(a.pk, b.pk) for a, b in ends])
    accounts_of = {obj.pk: obj.account_id for pair in (*ends, (object_a, object_b)) for obj in pair}
    return [accounts_of[pk] for pk in found] if found is not None else None


def _labels(object_a: AccountObject, object_b: AccountObject) -> dict[str, str]:
    return {"a": f"{object_a.account} · {object_a.label}", "b": f"{object_b.account} · {object_b.label}"}


def objects_to_sync(account: ConnectedAccount) -> list[AccountObject]:
    """What the account offers and is of a known kind, the most usual first."""
    order = list(Kind)
    known = [o for o in account.objects_offered.filter(missing=False) if o.kind is not None]
    return sorted(known, key=lambda o: (order.index(o.kind) if o.kind else len(order), o.label))
