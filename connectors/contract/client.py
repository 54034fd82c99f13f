"""What a connector implements: `Connector` (the code of an app) and `Client` (one signed-in account)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from .manifest import Manifest
from .records import Outcome, Page, Record, Write
from .resources import ObjectMeaning, Resource

API_VERSION = 1
"""The contract that this tree speaks. A plugin with another `Manifest.api_version` is listed as broken."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an account is, in the app's own terms."""

    id: str
    """Stays the same through reconnecting: portal id, organisation id, principal URL, host/port/database."""
    label: str
    """What a person would call it; the proposed name of the account."""


class Environment(Protocol):
    """What the site lends to a client. Injected, so that a test can stand in for all of it.

    It may be asked in every thread in which the client itself is asked.
    """

    allow_private_addresses: bool
    """Addresses that customers give may point into the operator's own network."""
    allow_files: bool
    """File paths that customers give may be opened."""

    def take(self, requests: int = 1) -> None:
        """Take from the account's rate budget, waiting as long as needed. Call it before each request.

        Raises RateLimited where the wait would be longer than a slice.
        """

    def slow_down(self, after: float | None) -> None:
        """The app said "too fast" (429): everyone who uses this account pauses for `after` seconds."""

    def remaining(self, requests: int, resets_after: float | None = None) -> None:
        """The app told with an answer how many requests of the day's quota are left, and in how many seconds a new
        day begins."""


class Client(Protocol):
    """One account of one app, alive for one run. Holds connections; stores nothing between runs."""

    def identify(self) -> Identity:
        """Ask the app who this is: the test of the credentials.

        Raises SignInAgain, SettingsInvalid, Retry.
        """

    def resources(self) -> Sequence[Resource]:
        """Everything that this account offers, custom objects and fields too, asked anew."""

    def interpret(self, resource: Resource, meaning: ObjectMeaning) -> Resource:
        """`resource` as a person understands it; `interpret` of this package does for most. A connector
        that reads otherwise because of it (a column that keeps the modified time) says so here."""

    def read(self, resource: Resource, cursor: str | None) -> Page:
        """One page. `None` starts a complete pass; else what the last page answered (`Page.cursor`).

        A pass is never cut silently: what cannot be read whole raises. Reads every field of `resource`.
        Raises CursorExpired, Retry, RateLimited, SignInAgain, PermissionLost, ResourceGone, ConnectorBroken.
        """

    def get(self, resource: Resource, ids: Sequence[str]) -> Sequence[Record]:
        """These records as they are now. An id that is missing from the answer *does not exist any more*;
        what could not be determined raises. Of one that was merged into another, the survivor, with the id that
        was asked for in `Record.merged`. No other records than these."""

    def find(self, resource: Resource, keys: Sequence[str]) -> Mapping[str, Record]:
        """`Write.key` → the record created with it (only for `Idempotency.STAMP`)."""

    def write(self, resource: Resource, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Carry out writes of one kind, at most `resource.batch_size(kind)`; an answer for each, in order.

        Raises for the whole call: Retry (nobody knows whether it happened), RateLimited, SignInAgain,
        PermissionLost, ConnectorBroken.
        """

    def close(self) -> None:
        """Give back connections. Never raises."""


class Connector(Protocol):
    """The code of one app. One instance for all accounts: it holds no state."""

    manifest: Manifest

    def connect(self, settings: Mapping[str, str], env: Environment) -> Client:
        """A client for what a person typed (`Manifest.settings`, secrets too). Opens nothing yet.

        Raises SettingsInvalid for what can be seen without asking the app.
        """
