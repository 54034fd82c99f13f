"""An app that lives in memory, complete and as hostile as one likes: a far end for tests of the engine.

`MemoryApp` is one remote account. A test edits it as people do (`app["contacts"].add(...)`), lets it fail
(`app.fail_next(...)`) and counts what was asked of it (`app.calls`). `MemoryClient` is the client for it, and
`MemoryConnector` the connector of a whole app with several such accounts. Pure Python: no network, no clock
of its own, the same every time. What the engine must never send raises `ContractViolation`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from datetime import UTC, datetime, timedelta
from typing import Any

from ..contract import (
    Environment,
    Field,
    FieldType,
    Identity,
    Kind,
    Manifest,
    MergeSignal,
    ObjectMeaning,
    Outcome,
    Page,
    Record,
    Resource,
    Setting,
    SettingKind,
    SettingsInvalid,
    SignInAgain,
    Write,
    WriteKind,
    interpret,
)
from .environment import OpenEnvironment
from .memory_object import ContractViolation, MemoryObject

__all__ = [
    "ContractViolation",
    "MemoryApp",
    "MemoryClient",
    "MemoryConnector",
    "MemoryObject",
    "Ticks",
    "companies",
    "contacts",
    "memory_object",
]

ALL_WRITES = frozenset(WriteKind)


class Ticks:
    """A clock that stands still until it is told to go on."""

    def __init__(self, start: str = "2026-01-01T00:00:00Z") -> None:
        self._now = datetime.fromisoformat(start)

    def __call__(self) -> str:
        return self._now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def go_on(self, seconds: float = 1) -> None:
        self._now += timedelta(seconds=seconds)


@dataclass(slots=True)
class Fault:
    """The next `times` calls of `method` raise `error`."""

    method: str
    error: BaseException
    times: int = 1
    effect: int | None = 0
    """Of a write: how many of its items take effect before the error; None: all of them (the answer is lost)."""


class MemoryApp:
    """One remote account with its objects."""

    def __init__(
        self,
        *objects: MemoryObject,
        identity: str = "acme",
        label: str = "Acme",
        password: str = "open sesame",
        clock: Callable[[], str] | None = None,
    ) -> None:
        self.identity = Identity(id=identity, label=label)
        self.password = password
        self.clock = clock or Ticks()
        self.objects: dict[str, MemoryObject] = {}
        self.calls: Counter[str] = Counter()
        """Calls by method ("read", "write", …), and of writes by kind too ("create", "update", …)."""
        self.sent: list[Write] = []
        """Every single write that reached the app, in order, failed calls too."""
        self._faults: list[Fault] = []
        self.one_at_a_time = threading.RLock()
        for one in objects:
            self.offer(one)

    def __getitem__(self, name: str) -> MemoryObject:
        return self.objects[name]

    def offer(self, one: MemoryObject) -> None:
        one.clock = self.clock
        self.objects[one.resource.name] = one

    def fail_next(self, method: str, error: BaseException, *, times: int = 1, effect: int | None = 0) -> None:
        """Let the next calls of a method of the client ("*": of any; "create": of this kind of writing) fail.

        See `Fault`.
        """
        self._faults.append(Fault(method=method, error=error, times=times, effect=effect))

    def stop_failing(self) -> None:
        self._faults.clear()

    @contextmanager
    def stale_reads(self) -> Iterator[None]:
        """Reads show the present state for as long as the block runs, whatever is written meanwhile."""
        for one in self.objects.values():
            one.freeze()
        try:
            yield
        finally:
            for one in self.objects.values():
                one.thaw()

    def count(self, method: str, kind: str = "") -> Fault | None:
        """Count a call (`kind`: of what it writes); answers the fault that it meets, if any."""
        with self.one_at_a_time:
            self.calls[method] += 1
            fault = next((one for one in self._faults if one.method in (method, kind, "*")), None)
            if fault:
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
            return fault


class MemoryClient:
    """A `Client` for a `MemoryApp`."""

    def __init__(self, app: MemoryApp, env: Environment | None = None, *, password: str | None = None) -> None:
        self.app = app
        self.env = env or OpenEnvironment()
        self.closed = False
        self._password = app.password if password is None else password

    def identify(self) -> Identity:
        self._ask("identify")
        return self.app.identity

    def resources(self) -> Sequence[Resource]:
        self._ask("resources")
        return tuple(one.resource for one in self.app.objects.values())

    def interpret(self, resource: Resource, meaning: ObjectMeaning) -> Resource:
        return interpret(resource, meaning)

    def read(self, resource: Resource, cursor: str | None) -> Page:
        self._ask("read")
        with self.app.one_at_a_time:
            return self._object(resource).page(cursor)

    def get(self, resource: Resource, ids: Sequence[str]) -> Sequence[Record]:
        if len(ids) > resource.get_batch:
            raise ContractViolation(f"get() of {len(ids)} ids; at most {resource.get_batch} are taken")
        self._ask("get")
        with self.app.one_at_a_time:
            return self._object(resource).get(ids)

    def find(self, resource: Resource, keys: Sequence[str]) -> Mapping[str, Record]:
        self._ask("find")
        return self._object(resource).find(keys)

    def write(self, resource: Resource, writes: Sequence[Write]) -> Sequence[Outcome]:
        target = self._object(resource)
        target.refuse_violations(writes)
        self._sign_in()
        self.env.take()
        with self.app.one_at_a_time:
            self.app.sent.extend(writes)
            self.app.calls[writes[0].kind] += len(writes)
            fault = self.app.count("write", writes[0].kind)
            outcomes = target.write(writes[: fault.effect] if fault else writes)
        if fault:
            raise fault.error
        return outcomes

    def close(self) -> None:
        self.closed = True

    def _ask(self, method: str) -> None:
        self._sign_in()
        self.env.take()
        fault = self.app.count(method)
        if fault:
            raise fault.error

    def _sign_in(self) -> None:
        if self.closed:
            raise ContractViolation("the client is closed")
        if self._password != self.app.password:
            raise SignInAgain("Wrong password.")

    def _object(self, resource: Resource) -> MemoryObject:
        return self.app.objects[resource.name]


class MemoryConnector:
    """The connector of an app with several accounts, told apart by their identities."""

    def __init__(self, *apps: MemoryApp, **facts: Any) -> None:
        """`facts` stand in the manifest instead of the usual ones."""
        self.apps = {app.identity.id: app for app in apps}
        self.manifest = replace(MANIFEST, **facts)

    def connect(self, settings: Mapping[str, str], env: Environment) -> MemoryClient:
        app = self.apps.get(settings["account"])
        if app is None:
            raise SettingsInvalid({"account": "There is no such account."})
        return MemoryClient(app, env, password=settings["password"])


MANIFEST = Manifest(
    name="memory",
    label="Memory",
    summary="Keeps people and companies in memory, until the process ends.",
    category="Contacts",
    kinds=(Kind.CONTACT, Kind.COMPANY),
    icon="brain",
    settings=(
        Setting("account", "Account", help="The name of the account."),
        Setting("password", "Password", SettingKind.SECRET),
    ),
)


def contacts(**changes: Any) -> MemoryObject:
    """Persons with the usual fields; attributes of `Resource` and of `MemoryObject` may be changed."""
    fields = (
        Field("first", "First name", FieldType.TEXT, canonical="first_name"),
        Field("last", "Last name", FieldType.TEXT, canonical="last_name"),
        Field("mail", "E-mail", FieldType.EMAIL, canonical="email"),
        Field("phone", "Phone", FieldType.PHONE, canonical="phone"),
        Field("job", "Job title", FieldType.TEXT, canonical="job_title", max_length=40),
        Field("company", "Company", FieldType.TEXT, canonical="company"),
        Field("tags", "Tags", FieldType.MULTI_CHOICE, canonical="tags"),
        Field("notes", "Notes", FieldType.LONG_TEXT, canonical="notes"),
    )
    return _object(Resource("contacts", "Contacts", fields, kind=Kind.CONTACT, writes=ALL_WRITES), changes)


def companies(**changes: Any) -> MemoryObject:
    fields = (
        Field("name", "Name", FieldType.TEXT, canonical="name", required=True),
        Field("domain", "Domain", FieldType.TEXT, canonical="domain"),
        Field("city", "City", FieldType.TEXT, canonical="city"),
        Field("phone", "Phone", FieldType.PHONE, canonical="phone"),
    )
    return _object(Resource("companies", "Companies", fields, kind=Kind.COMPANY, writes=ALL_WRITES), changes)


def memory_object(name: str, fields: tuple[Field, ...], kind: Kind | None, **changes: Any) -> MemoryObject:
    """An object of these fields that takes every write."""
    label = name.replace("_", " ").capitalize()
    return _object(Resource(name, label, fields, kind=kind, writes=ALL_WRITES), changes)


def _object(resource: Resource, changes: Mapping[str, Any]) -> MemoryObject:
    declared = {one.name for one in dataclass_fields(Resource)}
    habits = {name: value for name, value in changes.items() if name not in declared}
    facts = {name: value for name, value in changes.items() if name in declared}
    if facts.get("tombstones"):
        facts.setdefault("merges", frozenset({MergeSignal.FEED}))
    return MemoryObject(resource=replace(resource, **facts), **habits)
