"""A far end for benchmarks with several worker processes: each account is a file of changes on this machine.

Records are those of `tests.bench.far_end`, made when they are asked for; a change, by people or by a write, is a line
at the end of the file, with the time at which it was made. So each process sees what the others wrote, at the price of
a short read, and how long an edit took from one account to the other can be told from the two files.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from connectors.contract import (
    Environment,
    Idempotency,
    Identity,
    Kind,
    Manifest,
    NotFound,
    ObjectMeaning,
    Outcome,
    Page,
    ReadStrategy,
    Record,
    Resource,
    Setting,
    VersionMismatch,
    Write,
    WriteKind,
    Written,
    interpret,
)
from tests.bench.far_end import MAPPED, OTHERS, text_of

NAME = "shared"
PLACE = "SYNCSITE_BENCH_ACCOUNTS"
"""Environment variable: the directory of the accounts."""
PAGE = 500
RESOURCE = replace(
    Resource("contacts", "Contacts", MAPPED + OTHERS, kind=Kind.CONTACT, writes=frozenset(WriteKind)),
    read=ReadStrategy.DELTA,
    tombstones=True,
    notices=True,
    idempotency=Idempotency.KEY,
    lock=True,
    batch=dict.fromkeys(WriteKind, 100),
    get_batch=100,
)


class SharedAccount:
    """One account, as one process sees it. `identity` ends in the number of its records: "w3-left0.1000"."""

    def __init__(self, directory: Path, identity: str) -> None:
        self.identity = identity
        self.records = int(identity.rpartition(".")[2])
        self.path = directory / identity
        self._offset = 0
        self._changes: list[int] = []
        self._now: dict[int, tuple[int, dict[str, Any]]] = {}
        """Number → (version, what was changed)."""
        self._made: dict[str, int] = {}

    def edit(self, number: int, **values: Any) -> float:
        """A person edits a record. The time of it."""
        with self._appending() as file:
            return self._append(file, number, values)

    def read(self, cursor: str | None) -> Page:
        self._look()
        what, _, rest = (cursor or f"all:0:{len(self._changes)}").partition(":")
        if what == "all":
            start, _, since = rest.partition(":")
            end = min(int(start) + PAGE, self._total)
            more = end < self._total
            records = tuple(self.record(n) for n in range(int(start), end))
            return Page(records, f"all:{end}:{since}" if more else f"since:{since}", more=more, listing=True)
        part = self._changes[int(rest) : int(rest) + PAGE]
        at = int(rest) + len(part)
        records = tuple(self.record(n) for n in dict.fromkeys(part))
        return Page(records, f"since:{at}", more=at < len(self._changes))

    def get(self, ids: Sequence[str]) -> list[Record]:
        self._look()
        return [self.record(int(id_)) for id_ in ids if int(id_) < self._total]

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        with self._appending() as file:
            return [self._write(file, one) for one in writes]

    def record(self, number: int) -> Record:
        version, changed = self._now.get(number, (0, {}))
        values = json.loads(text_of(number)) if number < self.records else {f.name: None for f in RESOURCE.fields}
        values.pop("id", None), values.pop("version", None)
        return Record(str(number), {**values, **changed}, version=str(version))

    @property
    def _total(self) -> int:
        return self.records + len(self._made)

    def _write(self, file: Any, write: Write) -> Outcome:
        if write.kind is WriteKind.CREATE:
            number = self._made.get(str(write.key), self._total)
        elif write.kind is WriteKind.UPDATE and write.id is not None:
            number = int(write.id)
        else:
            return NotFound()
        if write.version is not None and write.version != self.record(number).version:
            return VersionMismatch()
        self._append(file, number, dict(write.values), key=write.key if number >= self.records else None)
        return Written(str(number), self.record(number))

    @contextmanager
    def _appending(self) -> Iterator[Any]:
        with self.path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._look()
            yield file

    def _append(self, file: Any, number: int, values: Mapping[str, Any], key: str | None = None) -> float:
        at = time.time()
        file.write(json.dumps({"n": number, "at": at, "values": values, "key": key}).encode() + b"\n")
        file.flush()
        self._look()
        return at

    def _look(self) -> None:
        """Take up what was added to the file since."""
        try:
            if os.stat(self.path).st_size == self._offset:
                return
        except FileNotFoundError:
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            added = file.read()
        added = added[: added.rfind(b"\n") + 1]
        self._offset += len(added)
        for line in added.splitlines():
            change = json.loads(line)
            number = change["n"]
            if change["key"]:
                self._made[change["key"]] = number
            version, changed = self._now.get(number, (0, {}))
            self._now[number] = (version + 1, {**changed, **change["values"]})
            self._changes.append(number)


@cache
def account(identity: str) -> SharedAccount:
    return SharedAccount(Path(os.environ[PLACE]), identity)


class SharedClient:
    def __init__(self, app: SharedAccount, env: Environment) -> None:
        self.app, self.env = app, env

    def identify(self) -> Identity:
        return Identity(id=self.app.identity, label=self.app.identity)

    def resources(self) -> Sequence[Resource]:
        return (RESOURCE,)

    def interpret(self, resource: Resource, meaning: ObjectMeaning) -> Resource:
        return interpret(resource, meaning)

    def read(self, resource: Resource, cursor: str | None) -> Page:
        self.env.take()
        return self.app.read(cursor)

    def get(self, resource: Resource, ids: Sequence[str]) -> Sequence[Record]:
        self.env.take()
        return self.app.get(ids)

    def find(self, resource: Resource, keys: Sequence[str]) -> Mapping[str, Record]:
        return {}

    def write(self, resource: Resource, writes: Sequence[Write]) -> Sequence[Outcome]:
        self.env.take()
        return self.app.write(writes)

    def close(self) -> None:
        """Nothing is held between two questions."""


class SharedConnector:
    manifest = Manifest(
        name=NAME,
        label="Shared",
        summary="Contacts for benchmarks.",
        category="Contacts",
        kinds=(Kind.CONTACT,),
        settings=(Setting("account", "Account"),),
    )

    def connect(self, settings: Mapping[str, str], env: Environment) -> SharedClient:
        return SharedClient(account(settings["account"]), env)


connector = SharedConnector()
