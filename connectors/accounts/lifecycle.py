"""Connect, reconnect, disconnect, rename, home: every one leaves an event that says who did it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from .. import registry
from ..budget import Budget
from ..contract import Client, ConnectorBroken, ConnectorError, Identity, Manifest, Resource, SettingsInvalid
from ..inputs import clean, secret_names, split
from ..models import AccountAction, AccountState, ConnectedAccount, RateBudget
from .errors import AccountError, AlreadyConnected, AnotherAccount, explained
from .objects import store_objects
from .session import (
    AccountEnvironment,
    connector_of,
    log,
    mark_state,
    open_client,
    open_secrets,
    open_with,
    rate_of,
    refuse_in_transaction,
    seal_secrets,
    telling_defects,
)

LONGEST_NAME = ConnectedAccount._meta.get_field("name").max_length or 0
LONGEST_LABEL = ConnectedAccount._meta.get_field("label").max_length or 0
LONGEST_IDENTITY = ConnectedAccount._meta.get_field("remote_id").max_length or 0


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the app said of the account behind some settings."""

    identity: Identity
    resources: Sequence[Resource]


def test_settings(app: str, values: Mapping[str, str]) -> Identity:
    """Ask the app who these settings lead to; nothing is stored.

    Raises SettingsRefused, by setting, with the reason in plain words; UnknownApp.
    """
    manifest = registry.connector(app).manifest
    with _explaining():
        return _ask(app, clean(manifest, values), AccountEnvironment(None)).identity


test_settings.__test__ = False  # type: ignore[attr-defined]  # not one of pytest's, for all its name


def connect(*, app: str, name: str, values: Mapping[str, str], actor: str) -> ConnectedAccount:
    """Sign in to an account of `app` and keep it, with what it offers. A blank name becomes the account's own.

    Raises SettingsRefused (by setting), AlreadyConnected, AccountError (field "name"), UnknownApp.
    """
    manifest = registry.connector(app).manifest
    name = _clean_name(name)
    with _explaining():
        cleaned = clean(manifest, values)
        answer = _ask(app, cleaned, AccountEnvironment(None))
    shown, secrets = split(manifest, cleaned)
    identity = answer.identity
    _refuse_known(app, identity)
    try:
        with transaction.atomic():
            account = ConnectedAccount.objects.create(
                app=app,
                name=name or _free_name(identity.label or manifest.label),
                remote_id=identity.id,
                label=identity.label[:LONGEST_LABEL],
                settings=shown,
                created_by=actor,
                checked_at=timezone.now(),
            )
            account.secrets = seal_secrets(account, secrets)
            account.save(update_fields=["secrets"])
            store_objects(account, answer.resources)
            log(account, AccountAction.CONNECTED, actor=actor, detail=identity.label)
    except IntegrityError:
        # Somebody else connected it while the app was being asked.
        _refuse_known(app, identity)
        raise
    return account


def reconnect(account: ConnectedAccount, *, values: Mapping[str, str], actor: str) -> ConnectedAccount:
    """New credentials or settings for the same remote account; all that hangs on it goes on.

    Settings that are not given stay as they are. A secret that is left blank stays too, but only while all
    other settings do: a stored password is never sent to an address that it was not given for.
    Raises SettingsRefused (by setting), AnotherAccount.
    """
    with _explaining():
        manifest = connector_of(account).manifest
        cleaned = clean(manifest, _completed(account, manifest, values))
        environment = AccountEnvironment(Budget(account.pk, rate_of(manifest)))
        answer = _ask(account.app, cleaned, environment)
    if answer.identity.id != account.remote_id:
        raise AnotherAccount(account, label=answer.identity.label)
    shown, secrets = split(manifest, cleaned)
    with transaction.atomic():
        account.settings = shown
        account.secrets = seal_secrets(account, secrets)
        account.save(update_fields=["settings", "secrets"])
        _found_well(account, answer, actor=actor)
        log(account, AccountAction.RECONNECTED, actor=actor)
    return account


def check(account: ConnectedAccount, *, actor: str = "") -> ConnectedAccount:
    """Ask the app again who the account is and what it offers; where that works, its state is well again.

    Raises SettingsRefused, AnotherAccount.
    """
    with _explaining(), open_client(account) as client, telling_defects(account.app, open_secrets(account)):
        answer = _answer(client)
    if answer.identity.id != account.remote_id:
        error = AnotherAccount(account, label=answer.identity.label)
        mark_state(account, AccountState.SIGN_IN, str(error), actor=actor)
        raise error
    with transaction.atomic():
        _found_well(account, answer, actor=actor)
    return account


def disconnect(account: ConnectedAccount, *, actor: str) -> None:
    """Forget the credentials. The account stays, so that reconnecting it takes up everything again."""
    with transaction.atomic():
        account.secrets, account.state, account.state_reason = "", AccountState.DISCONNECTED, ""
        account.save(update_fields=["secrets", "state", "state_reason"])
        RateBudget.objects.filter(account=account).delete()
        log(account, AccountAction.DISCONNECTED, actor=actor)


def rename(account: ConnectedAccount, *, name: str, actor: str) -> None:
    """Raises AccountError (field "name")."""
    name = _clean_name(name, but=account)
    if not name:
        raise AccountError({"name": _("This is needed.")})
    if name == account.name:
        return
    before, account.name = account.name, name
    with transaction.atomic():
        account.save(update_fields=["name"])
        log(account, AccountAction.RENAMED, actor=actor, detail=f"{before} → {name}")


def set_home(account: ConnectedAccount, *, actor: str) -> None:
    """Make it the workspace's main system; the one that was is no longer. Raises AccountError."""
    if account.state == AccountState.DISCONNECTED:
        raise AccountError(_("A disconnected account cannot be the home account."))
    if account.is_home:
        return
    with transaction.atomic():
        ConnectedAccount.objects.filter(is_home=True).update(is_home=False)
        account.is_home = True
        account.save(update_fields=["is_home"])
        log(account, AccountAction.HOME, actor=actor)


@contextmanager
def _explaining() -> Iterator[None]:
    """A connector's error leaves the block as an AccountError that a person understands."""
    refuse_in_transaction()
    try:
        yield
    except ConnectorError as error:
        raise explained(error) from error


def _ask(app: str, values: Mapping[str, str], environment: AccountEnvironment) -> _Answer:
    """Raises ConnectorError."""
    connector = registry.connector(app)
    _shown, secrets = split(connector.manifest, values)
    with telling_defects(app, secrets), open_with(connector, values, environment, secrets) as client:
        return _answer(client)


def _answer(client: Client) -> _Answer:
    identity = client.identify()
    if not identity.id or len(identity.id) > LONGEST_IDENTITY:
        raise ConnectorBroken(_("The app did not say which account this is."))
    return _Answer(identity=identity, resources=client.resources())


def _completed(account: ConnectedAccount, manifest: Manifest, values: Mapping[str, str]) -> dict[str, str]:
    """The settings to reconnect with: what was given, and what is known where it was not."""
    secret = secret_names(manifest)
    completed = {**account.settings, **values}
    moved = any(
        completed.get(s.name, s.default).strip() != account.settings.get(s.name, s.default)
        for s in manifest.settings
        if s.name not in secret
    )
    stored = open_secrets(account) if account.secrets and not moved else {}
    for name in secret:
        completed[name] = completed.get(name) or stored.get(name, "")
    if moved:
        missing = [s.name for s in manifest.settings if s.name in secret and s.required and not completed[s.name]]
        if missing:
            sentence = _("Enter this again: it is only sent to where it was given for, and other settings changed.")
            raise SettingsInvalid(dict.fromkeys(missing, sentence))
    return completed


def _found_well(account: ConnectedAccount, answer: _Answer, *, actor: str) -> None:
    account.label = answer.identity.label[:LONGEST_LABEL]
    account.checked_at = timezone.now()
    account.save(update_fields=["label", "checked_at"])
    mark_state(account, AccountState.OK, actor=actor)
    store_objects(account, answer.resources)


def _refuse_known(app: str, identity: Identity) -> None:
    known = ConnectedAccount.objects.filter(app=app, remote_id=identity.id).first()
    if known:
        raise AlreadyConnected(known)


def _clean_name(name: str, *, but: ConnectedAccount | None = None) -> str:
    """Raises AccountError (field "name"): pages tell the two sides of a sync apart by these names."""
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME:
        raise AccountError({"name": _("At most %(count)d characters.") % {"count": LONGEST_NAME}})
    others = ConnectedAccount.objects.exclude(pk=but.pk if but else None)
    if name and others.filter(name__iexact=name).exists():
        raise AccountError({"name": _("Another account has this name already.")})
    return name


def _free_name(wish: str) -> str:
    taken = {name.casefold() for name in ConnectedAccount.objects.values_list("name", flat=True)}
    wish = " ".join(wish.split())[: LONGEST_NAME - 4]
    number, name = 1, wish
    while name.casefold() in taken:
        number += 1
        name = f"{wish} {number}"
    return name
