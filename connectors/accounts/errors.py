"""What a person is told when something about an account cannot be done."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from ..contract import (
    ConnectorBroken,
    ConnectorError,
    PermissionLost,
    RateLimited,
    Retry,
    SettingsInvalid,
    SignInAgain,
)
from ..models import ConnectedAccount


class AccountError(Exception):
    """`errors` is field name → sentence; the empty name is the whole."""

    def __init__(self, errors: Mapping[str, str] | str) -> None:
        self.errors = {"": errors} if isinstance(errors, str) else dict(errors)
        super().__init__(" ".join(self.errors.values()))


class SettingsRefused(AccountError):
    """What was typed to connect does not work; the fields are those of `Manifest.settings`."""


class AlreadyConnected(AccountError):
    """The workspace has this remote account already: reconnect it instead."""

    def __init__(self, account: ConnectedAccount) -> None:
        self.account = account
        super().__init__(
            _("This account is connected already, as “%(name)s”. Reconnect that one instead.") % {"name": account.name}
        )


class AnotherAccount(AccountError):
    """The credentials work, and belong to another remote account."""

    def __init__(self, account: ConnectedAccount, *, label: str) -> None:
        super().__init__(
            _(
                "These settings lead to another account, “%(other)s”. “%(name)s” can only be connected to the "
                "account that it was made for; connect the other one as a new account."
            )
            % {"other": label, "name": account.name}
        )


def explained(error: ConnectorError) -> SettingsRefused:
    """An error of a connector as a person is told it on the connect page."""
    if isinstance(error, SettingsInvalid):
        return SettingsRefused(error.errors)
    sentence = next((text() for kind, text in _SENTENCES if isinstance(error, kind)), None)
    return SettingsRefused(" ".join(part for part in (sentence, str(error)) if part))


# Functions, since the language is the reader's and not that of the moment of importing.
_SENTENCES = (
    (SignInAgain, lambda: _("The app does not accept these credentials.")),
    (PermissionLost, lambda: _("These credentials may not do what is needed.")),
    (RateLimited, lambda: _("The app takes no more requests at the moment; try again later.")),
    (Retry, lambda: _("The app could not be reached; try again later.")),
    (ConnectorBroken, lambda: _("The app answered something unexpected: perhaps it is not this app.")),
)
