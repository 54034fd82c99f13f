"""An app in memory, far away: its accounts live in the process of the test and are asked over HTTP by the workers.

So workers may be killed, and what reached the app is counted where it arrived. A plugin like any other: the workers
find it by its entry point.
"""

from __future__ import annotations

import os
import pickle
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.contract import (
    Environment,
    Identity,
    ObjectMeaning,
    Outcome,
    Page,
    Record,
    Resource,
    Retry,
    Setting,
    SettingKind,
    Write,
    interpret,
)
from connectors.testing.memory import MANIFEST

NAME = "far"


class FarClient:
    """Hands each question over, with the number of the process that asks."""

    def __init__(self, settings: Mapping[str, str], env: Environment) -> None:
        self._settings, self._env = settings, env

    def identify(self) -> Identity:
        return self._ask("identify")  # type: ignore[no-any-return]

    def resources(self) -> Sequence[Resource]:
        return self._ask("resources")  # type: ignore[no-any-return]

    def interpret(self, resource: Resource, meaning: ObjectMeaning) -> Resource:
        return interpret(resource, meaning)

    def read(self, resource: Resource, cursor: str | None) -> Page:
        return self._ask("read", resource, cursor)  # type: ignore[no-any-return]

    def get(self, resource: Resource, ids: Sequence[str]) -> Sequence[Record]:
        return self._ask("get", resource, list(ids))  # type: ignore[no-any-return]

    def find(self, resource: Resource, keys: Sequence[str]) -> Mapping[str, Record]:
        return self._ask("find", resource, list(keys))  # type: ignore[no-any-return]

    def write(self, resource: Resource, writes: Sequence[Write]) -> Sequence[Outcome]:
        return self._ask("write", resource, list(writes))  # type: ignore[no-any-return]

    def close(self) -> None:
        """Nothing is held between two questions."""

    def _ask(self, method: str, *args: Any) -> Any:
        self._env.take()
        question = pickle.dumps((self._settings["account"], os.getpid(), method, args))
        try:
            with urllib.request.urlopen(self._settings["address"], question, timeout=30) as answer:
                good, found = pickle.load(answer)
        except OSError as error:
            raise Retry("The far end does not answer.") from error
        if not good:
            raise found
        return found


class FarConnector:
    manifest = replace(
        MANIFEST,
        name=NAME,
        label="Far",
        settings=(
            Setting("account", "Account"),
            Setting("address", "Address"),
            Setting("password", "Password", SettingKind.SECRET),
        ),
    )

    def connect(self, settings: Mapping[str, str], env: Environment) -> FarClient:
        return FarClient(settings, env)


connector = FarConnector()
