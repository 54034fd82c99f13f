"""Errors of a whole call, grouped by what to do next. What concerns one record of a batch is an `Outcome`."""

from __future__ import annotations


class ConnectorError(Exception):
    """Base. The message is for people: the app's own words where there are any, never a secret."""

    account: int | None = None
    """Which account it came from, where several are asked at once. Set by the site."""


class Retry(ConnectorError):
    """Passing: time-out, connection lost, 5xx. A write may or may not have happened."""


class RateLimited(ConnectorError):
    """Too fast. Nothing happened."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after
        """Seconds to wait, where the app said so."""


class QuotaUsedUp(RateLimited):
    """The requests of a whole day are used up; `after`: until a new day begins, or there is room again."""


class SignInAgain(ConnectorError):
    """The credentials are refused: a person has to reconnect."""


class PermissionLost(ConnectorError):
    """Signed in, but not allowed to do this."""


class CursorExpired(ConnectorError):
    """The checkpoint is no longer taken: the engine starts a complete pass. Never a sign of deletions."""


class ResourceGone(ConnectorError):
    """The object itself (table, address book) is not there. Never a sign of deletions."""


class ConnectorBroken(ConnectorError):
    """The app answered something that the connector does not understand: a defect, or not the app at all."""


class SettingsInvalid(ConnectorError):
    """What a person typed to connect does not work.

    `errors` is field name → sentence; the empty name is the form as a whole.
    """

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors
