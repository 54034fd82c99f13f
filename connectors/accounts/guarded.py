"""A client whose every failure is a ConnectorError: what else a connector raises is its defect."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ..budget import LONGEST_WAIT, Budget, Lane
from ..contract import Client, ConnectorError, Identity, ObjectMeaning, Outcome, Page, Record, Resource, Write
from ..models import ConnectedAccount
from .session import budget_of, connector_of, open_client, open_secrets, telling_defects

BUSY = 0.5
"""Seconds for which whoever begins calls may have other things to do: so many turns are reserved ahead."""
GUESS = 0.25
"""Seconds that a call takes, before the first has been measured."""
WEIGHT = 0.2
"""Of the latest call, in what calls take on the average."""


@contextmanager
def open_guarded(account: ConnectedAccount, *, lane: Lane = Lane.FRESH) -> Iterator[GuardedClient]:
    """As `open_client`; defects of the connector are logged without secrets, and told as ConnectorBroken."""
    budget, most = budget_of(account, lane=lane), connector_of(account).manifest.at_once
    with open_client(account, budget=budget) as client:
        yield GuardedClient(client, account, open_secrets(account), budget, most)


class GuardedClient:
    """A `Client` around another one, which says how many calls are worth having under way."""

    def __init__(
        self, client: Client, account: ConnectedAccount, secrets: Mapping[str, str], budget: Budget, most: int
    ) -> None:
        self._client, self._account, self._secrets = client, account, secrets
        self._budget, self._most = budget, most
        self._takes = GUESS

    @property
    def width(self) -> int:
        """Calls that may be under way at a time: as many as keep the budget used (Little's law), no more than the
        connector calls safe."""
        rate = self._budget.rate
        if rate is None or self._most == 1:
            return self._most
        return max(1, min(self._most, math.ceil(rate.per_second * (self._takes + BUSY)) + 1))

    @property
    def patience(self) -> float:
        """Seconds that a call may wait for its turn before it is sent."""
        return LONGEST_WAIT if self._budget.rate is not None else 0.0

    def expect(self) -> None:
        """A call is about to be begun in another thread: its turn is reserved now, as far as that can be."""
        self._budget.expect()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        began, waited = time.monotonic(), self._budget.waited
        try:
            with telling_defects(self._account.app, self._secrets):
                yield
        except ConnectorError as error:
            error.account = self._account.pk
            raise
        finally:
            took = time.monotonic() - began - (self._budget.waited - waited)
            self._takes += WEIGHT * (max(0.0, took) - self._takes)

    def identify(self) -> Identity:
        with self._asking():
            return self._client.identify()

    def resources(self) -> Sequence[Resource]:
        with self._asking():
            return self._client.resources()

    def interpret(self, resource: Resource, meaning: ObjectMeaning) -> Resource:
        with self._asking():
            return self._client.interpret(resource, meaning)

    def read(self, resource: Resource, cursor: str | None) -> Page:
        with self._asking():
            return self._client.read(resource, cursor)

    def get(self, resource: Resource, ids: Sequence[str]) -> Sequence[Record]:
        with self._asking():
            return self._client.get(resource, ids)

    def find(self, resource: Resource, keys: Sequence[str]) -> Mapping[str, Record]:
        with self._asking():
            return self._client.find(resource, keys)

    def write(self, resource: Resource, writes: Sequence[Write]) -> Sequence[Outcome]:
        with self._asking():
            return self._client.write(resource, writes)

    def close(self) -> None:
        """Whoever opened the client closes it."""
