"""Answers of apps that came before the leases were taken: a slice goes on with them, and asks for nothing twice."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType

from connectors.accounts import GuardedClient
from connectors.contract import ConnectorError, Page, Resource

from ..core.mapping import Side


@dataclass(frozen=True, slots=True)
class Answer:
    """What a stream answered from a checkpoint, or the error that it raised."""

    cursor: str
    resource: Resource
    """The object as it was understood when it was asked."""
    asked: datetime
    said: Page | ConnectorError

    def to(self, cursor: str, resource: Resource) -> bool:
        """True if it answers just this question."""
        return self.cursor == cursor and self.resource == resource

    @property
    def page(self) -> Page:
        """Raises what the client raised."""
        if isinstance(self.said, ConnectorError):
            raise self.said
        return self.said


class Ahead:
    """Answers, and the clients that gave them. Whoever leaves its block closes those that nobody took over."""

    def __init__(
        self, clients: Mapping[Side, GuardedClient], opened: ExitStack, answers: Mapping[Side, Answer]
    ) -> None:
        self.answers = dict(answers)
        self._clients: Mapping[Side, GuardedClient] | None = clients
        self._opened = opened

    def __enter__(self) -> Ahead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def hand_over(self, stack: ExitStack) -> Mapping[Side, GuardedClient] | None:
        """The clients, once: from then on the stack closes them, and errors that leave it pass through them."""
        clients, self._clients = self._clients, None
        if clients is not None:
            stack.push(self._opened.pop_all())
        return clients
