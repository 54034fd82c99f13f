"""A workspace that has been syncing for a while: two accounts, a sync with records in every state, its history.

Rows as the engine leaves them, made without running it: pages and API only show them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from connectors import accounts, registry
from connectors.models import AccountObject, ConnectedAccount
from connectors.testing.memory import MemoryApp, MemoryConnector, companies, contacts
from syncengine import services
from syncengine.core.mapping import Side
from syncengine.core.plan import Rules
from syncengine.core.storable import storable_print
from syncengine.models import (
    Operation,
    OperationState,
    RecordLink,
    RemoteRecord,
    RunKind,
    RunPhase,
    RunState,
    SettingsVersion,
    Stream,
    Sync,
    SyncRun,
    SyncState,
    VersionState,
)

ACTOR = "ann@example.com"
FAILURES = {
    "ambiguous": "Two records match.",
    "deleted_in_b": "",
    "invalid_value": "Property values were not valid: [{“phone”: “not a number”}]",
}


@dataclass
class World:
    """What was made."""

    book: ConnectedAccount
    sales: ConnectedAccount
    sync: Sync
    links: dict[str, RecordLink] = field(default_factory=dict)
    """By state, or by cause for failing ones."""
    run: SyncRun | None = None

    def object(self, account: ConnectedAccount, name: str = "contacts") -> AccountObject:
        return account.objects_offered.get(name=name)


@contextmanager
def apps(name: str = "People") -> Iterator[None]:
    """Three remote accounts of one app are in the catalogue."""
    known = [
        MemoryApp(contacts(), companies(), identity=identity, label=identity.title())
        for identity in ("book", "sales", "third")
    ]
    with registry.installed(MemoryConnector(*known, name="people", label=name, icon="contact-round")):
        yield


def connect(identity: str, name: str) -> ConnectedAccount:
    values = {"account": identity, "password": "open sesame"}
    return accounts.connect(app="people", name=name, values=values, actor=ACTOR)


def two_accounts(*, text: str = "") -> tuple[ConnectedAccount, ConnectedAccount]:
    book, sales = connect("book", f"Address book{text}"), connect("sales", f"Sales{text}")
    accounts.set_home(book, actor=ACTOR)
    return book, sales


def world(*, text: str = "") -> World:
    """`text` stands in every name, label, value and message that comes from outside."""
    book, sales = two_accounts(text=text)
    made = World(book, sales, services.create_sync(object_a=_contacts(book), object_b=_contacts(sales), actor=ACTOR))
    if text:
        _rename_fields(made, text)
    _turn_on(made)
    made.run = _run(made, RunKind.CHANGES, finished=True)
    _in_sync(made, text)
    for cause, detail in FAILURES.items():
        made.links[cause] = _link(made, f"Failing {cause}{text}", state="failing", cause=cause, detail=detail + text)
    _ambiguous(made, text)
    made.links["excluded"] = _link(
        made, f"Nobody{text}", state="excluded", cause="invalid_email", detail=f"nobody@{text}"
    )
    made.links["waiting"] = _link(made, f"Waiting{text}", state="waiting")
    made.links["paused"] = _link(made, f"Paused{text}", state="paused", paused=True)
    made.sync.counts = {"in_sync": 1204, "failing": 3, "excluded": 1, "waiting": 1, "paused": 1}
    made.sync.counts |= {f"failing:{cause}": 1 for cause in FAILURES}
    made.sync.save()
    return made


def running(made: World, **progress: int) -> SyncRun:
    """A run under way."""
    run = _run(made, RunKind.FIRST, finished=False)
    run.phase = RunPhase.APPLYING
    run.progress = {"read_a": 500, "read_b": 600, "planned": 400, "done": 100, "refused": 2} | progress
    run.save()
    return run


def many_links(made: World, number: int, *, prefix: str = "m", **fields: Any) -> None:
    RecordLink.objects.bulk_create(
        RecordLink(pair=made.sync.pair, a_id=f"{prefix}{n}", b_id=f"{prefix}{n}", label=f"Person {n:05}", **fields)
        for n in range(number)
    )


def operation(made: World, link: RecordLink, changes: list[dict[str, Any]], **fields: Any) -> Operation:
    now = timezone.now()
    values: dict[str, Any] = {
        "run": made.run,
        "side": "b",
        "kind": "update",
        "remote_id": link.b_id,
        "state": OperationState.DONE,
        "planned_at": now,
        "sent_at": now,
        "ended_at": now,
        "key": uuid.uuid4(),
    }
    return Operation.objects.create(link=link, changes=changes, **(values | fields))


def _contacts(account: ConnectedAccount) -> AccountObject:
    return account.objects_offered.get(name="contacts")


def _rename_fields(made: World, text: str) -> None:
    for account in (made.book, made.sales):
        obj = _contacts(account)
        obj.label += text
        obj.resource["label"] += text
        for one in obj.resource["fields"]:
            one["label"] += text
        obj.save()
    made.sync = Sync.objects.get(pk=made.sync.pk)


def _turn_on(made: World) -> None:
    version = SettingsVersion.objects.get(sync=made.sync)
    version.state = VersionState.ACTIVE
    version.save()
    made.sync.active, made.sync.state = version, SyncState.ON
    made.sync.initial_done, made.sync.last_run_at = True, timezone.now() - timedelta(seconds=20)
    made.sync.save()


def _run(made: World, kind: RunKind, *, finished: bool) -> SyncRun:
    now = timezone.now()
    return SyncRun.objects.create(
        sync=made.sync,
        version=made.sync.active,
        kind=kind,
        started_by=ACTOR,
        started_at=now - timedelta(minutes=2),
        finished_at=now - timedelta(minutes=1) if finished else None,
        state=RunState.DONE if finished else RunState.RUNNING,
        phase=RunPhase.DONE if finished else RunPhase.READING,
        progress={"read_a": 10, "read_b": 12, "linked": 3, "created": 4, "changed": 5} if finished else {},
    )


def _link(made: World, label: str, **fields: Any) -> RecordLink:
    number = RecordLink.objects.count() + 1
    values = {"pair": made.sync.pair, "a_id": f"a{number}", "b_id": f"b{number}", "label": label, "made_by": "matched"}
    return RecordLink.objects.create(**(values | fields))


def remote(stream: Stream, remote_id: str, label: str, values: dict[str, Any]) -> RemoteRecord:
    return RemoteRecord.objects.create(
        stream=stream,
        remote_id=remote_id,
        fingerprint=storable_print(values)[1],
        values=values,
        label=label,
        asked_at=timezone.now(),
        first_seq=1,
        seq=1,
    )


def _in_sync(made: World, text: str) -> None:
    """A record with a difference that is noted, a field that is parked, and a reason for each value."""
    link = _link(made, f"Ada Lovelace{text}", state="in_sync", changed_at=timezone.now())
    shared = {"first": f"Ada{text}", "last": "Lovelace", "mail": "ada@example.com", "company": None, "tags": ["a"]}
    here = shared | {"phone": "+44 20 7946 0018", "job": f"Analyst{text}", "notes": None}
    there = shared | {"phone": "020 79460018", "job": None, "notes": f"Met in June{text}"}
    remote(made.sync.pair.stream_a, link.a_id, link.label, here)
    remote(made.sync.pair.stream_b, link.b_id, link.label, there)
    resources = services.resources_of(made.sync)
    rules = Rules(made.sync.settings, resources[Side.A], resources[Side.B])
    strands = {lens.mapping.id: lens.strand("") for lens in rules.lenses}
    link.notes = {strands["notes"]: "clear_kept"}
    link.parked = {strands["job_title"]: {"reason": "too_long", "message": f"Too long{text}", "a": "x", "b": None}}
    link.provenance = {
        "first_name": {
            "side": "a",
            "at": "2026-01-05T10:00:00Z",
            "run": made.run.pk if made.run else None,
            "rule": "3.2",
            "reason": "only_one_changed",
            "before": f"Augusta{text}",
        }
    }
    link.save()
    made.links["in_sync"] = link
    change = {"field": "first", "before": f"Augusta{text}", "after": f"Ada{text}", "mapping": "first_name"}
    operation(made, link, [change | {"rule": "3.2", "reason": "only_one_changed"}])


def _ambiguous(made: World, text: str) -> None:
    link = made.links["ambiguous"]
    link.b_id, link.candidates = None, ["twin-1", "twin-2"]
    link.save()
    for one in link.candidates:
        remote(made.sync.pair.stream_b, one, f"Twin{text}", {"first": "Twin"})
