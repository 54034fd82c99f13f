"""A far end for benchmarks: contacts of 20 fields and about 700 bytes of JSON, 12 of them mapped.

It lives in the process and sets no limits. Its records are made when they are asked for, so that a million of them
take no memory; each comes as JSON text and is decoded, as an app's answer is. What it costs is counted apart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from connectors import accounts, registry
from connectors.contract import (
    Environment,
    Field,
    FieldType,
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
    Write,
    WriteKind,
    Written,
    interpret,
)

MAPPED = (
    Field("first_name", "First name", FieldType.TEXT, canonical="first_name"),
    Field("last_name", "Last name", FieldType.TEXT, canonical="last_name"),
    Field("email", "E-mail", FieldType.EMAIL, canonical="email"),
    Field("phone", "Phone", FieldType.PHONE, canonical="phone"),
    Field("job_title", "Job title", FieldType.TEXT, canonical="job_title"),
    Field("company", "Company", FieldType.TEXT, canonical="company"),
    Field("street", "Street", FieldType.TEXT, canonical="street"),
    Field("city", "City", FieldType.TEXT, canonical="city"),
    Field("zip", "Postal code", FieldType.TEXT, canonical="zip"),
    Field("country", "Country", FieldType.TEXT, canonical="country"),
    Field("website", "Website", FieldType.URL, canonical="website"),
    Field("notes", "Notes", FieldType.LONG_TEXT, canonical="notes"),
)
OTHERS = (
    Field("legacy_number", "Legacy number", FieldType.TEXT),
    Field("source", "Source", FieldType.TEXT),
    Field("score", "Score", FieldType.INTEGER),
    Field("credit", "Credit", FieldType.NUMBER),
    Field("consent", "Consent", FieldType.BOOLEAN),
    Field("member_since", "Member since", FieldType.DATE),
    Field("last_seen", "Last seen", FieldType.DATETIME),
    Field("campaign", "Campaign", FieldType.TEXT),
)

TEMPLATE = (
    '{"id":"%(n)d","version":"%(v)d","first_name":"Adelheid","last_name":"Person %(n)d",'
    '"email":"person%(n)d@example.com","phone":"+49 30 %(phone)d","job_title":"Head of department %(m)d",'
    '"company":"Company %(m)d Ltd","street":"Long Street %(m)d","city":"Berlin","zip":"1%(m)04d","country":"Germany",'
    '"website":"https://www.example.com/people/%(n)d","notes":"Met at the fair of %(m)d; wants the catalogue '
    'and a call back, edit %(v)d.","legacy_number":"L-%(n)09d","source":"import of the old address book",'
    '"score":%(m)d,"credit":"%(m)d.50","consent":true,"member_since":"2021-03-04",'
    '"last_seen":"2026-01-31T09:30:00Z","campaign":"spring, summer and autumn catalogue"}'
)


def text_of(number: int, version: int = 0) -> str:
    """The record as the app would send it."""
    return TEMPLATE % {"n": number, "v": version, "m": number % 9973, "phone": 10_000_000 + number}


@dataclass(slots=True)
class Spent:
    """Seconds of CPU that the far end itself took, and what it was asked."""

    cpu: float = 0.0
    calls: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def counting(self, method: str) -> Iterator[None]:
        self.calls[method] = self.calls.get(method, 0) + 1
        began = time.thread_time()
        try:
            yield
        finally:
            self.cpu += time.thread_time() - began


class FarEnd:
    """One account: records 0 to `records`, those edited or written since the start apart."""

    def __init__(self, identity: str, records: int, *, page: int = 500, shift: int = 0, **facts: Any) -> None:
        self.identity = Identity(id=identity, label=identity.title())
        self.numbers = range(records)
        self.page = page
        self.shift = shift
        """Person n of this end is person n + shift of all: so two ends have some in common."""
        self.edited: dict[int, int] = {}
        """Number → version: what people edited here."""
        self.written: dict[int, tuple[int, dict[str, Any]]] = {}
        """Number → (version, values): what was written here, over what was there."""
        self.changes: list[int] = []
        """Numbers in the order of their changes."""
        self.spent = Spent()
        batch = dict.fromkeys(WriteKind, 100)
        usual: dict[str, Any] = {"idempotency": Idempotency.KEY, "lock": True, "batch": batch, "get_batch": 100}
        self.resource = replace(
            Resource("contacts", "Contacts", MAPPED + OTHERS, kind=Kind.CONTACT, writes=frozenset(WriteKind)),
            **{**usual, **facts},
        )
        self.made: dict[str, int] = {}
        """Key of a creation → number of the record that it made."""

    @property
    def total(self) -> int:
        return len(self.numbers) + len(self.made)

    def edit(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.edited[number] = self.edited.get(number, 0) + 1
            self.changes.append(number)

    def record(self, number: int) -> Record:
        version = self.edited.get(number, 0)
        values = json.loads(text_of(number + self.shift, version)) if number < self.numbers.stop else self._blank()
        values.pop("id", None), values.pop("version", None)
        if number in self.written:
            writes, changed = self.written[number]
            values.update(changed)
            version += writes
        return Record(str(number), values, version=str(version))

    def _blank(self) -> dict[str, Any]:
        return {f.name: None for f in self.resource.fields}

    def read(self, cursor: str | None) -> Page:
        """A pass over everything first; after it, where there is a feed of changes, what changed since."""
        what, _, rest = (cursor or f"all:0:{len(self.changes)}").partition(":")
        if what == "all":
            start, _, since = rest.partition(":")
            end = min(int(start) + self.page, self.total)
            more = end < self.total
            done = f"since:{since}" if self.resource.read is ReadStrategy.DELTA else ""
            records = tuple(self.record(number) for number in range(self.numbers.start + int(start), end))
            return Page(records, f"all:{end}:{since}" if more else done, more=more, listing=True)
        part = self.changes[int(rest) : int(rest) + self.page]
        at = int(rest) + len(part)
        records = tuple(self.record(number) for number in dict.fromkeys(part))
        return Page(records, f"since:{at}", more=at < len(self.changes))

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        return [self._write(one) for one in writes]

    def _write(self, write: Write) -> Outcome:
        if write.kind is WriteKind.CREATE:
            number = self.made.setdefault(str(write.key), self.total)
        elif write.kind is WriteKind.UPDATE and write.id is not None:
            number = int(write.id)
        else:
            return NotFound()
        writes, changed = self.written.get(number, (0, {}))
        self.written[number] = (writes + 1, {**changed, **write.values})
        self.changes.append(number)
        return Written(str(number), self.record(number))


class FarClient:
    def __init__(self, app: FarEnd, env: Environment) -> None:
        self.app, self.env = app, env

    def identify(self) -> Identity:
        return self.app.identity

    def resources(self) -> Sequence[Resource]:
        return (self.app.resource,)

    def interpret(self, resource: Resource, meaning: ObjectMeaning) -> Resource:
        return interpret(resource, meaning)

    def read(self, resource: Resource, cursor: str | None) -> Page:
        return self._asked("read", lambda: self.app.read(cursor))

    def get(self, resource: Resource, ids: Sequence[str]) -> Sequence[Record]:
        return self._asked("get", lambda: [self.app.record(int(id_)) for id_ in ids])

    def find(self, resource: Resource, keys: Sequence[str]) -> Mapping[str, Record]:
        return {}

    def write(self, resource: Resource, writes: Sequence[Write]) -> Sequence[Outcome]:
        return self._asked("write", lambda: self.app.write(writes))

    def close(self) -> None:
        pass

    def _asked(self, method: str, answer: Callable[[], Any]) -> Any:
        self.env.take()
        with self.app.spent.counting(method):
            return answer()


class FarConnector:
    """An app with several accounts in this process."""

    def __init__(self, *apps: FarEnd, name: str = "far", **facts: Any) -> None:
        self.apps = {app.identity.id: app for app in apps}
        self.manifest = Manifest(
            name=name,
            label=name.title(),
            summary="Contacts for benchmarks.",
            category="Contacts",
            kinds=(Kind.CONTACT,),
            settings=(Setting("account", "Account"),),
            **facts,
        )

    def connect(self, settings: Mapping[str, str], env: Environment) -> FarClient:
        return FarClient(self.apps[settings["account"]], env)


def connected(*apps: FarEnd, name: str = "far") -> list[Any]:
    """Accounts for these, in the current workspace, whose objects a sync may be made of."""
    from syncengine import services

    made = []
    for app in apps:
        account = accounts.connect(app=name, name="", values={"account": app.identity.id}, actor="bench")
        made.append(services.objects_to_sync(account)[0])
    return made


installed = registry.installed
