"""Two apps in memory, connected to a real workspace: what the tests of the engine's runs start from."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from connectors import accounts, registry
from connectors.accounts.session import refuse_in_transaction
from connectors.contract import Environment
from connectors.models import ConnectedAccount
from connectors.testing.memory import MemoryApp, MemoryClient, MemoryConnector, MemoryObject, contacts
from syncengine import services
from syncengine.models import Operation, RecordLink, Stream, Sync, SyncRun
from syncengine.run.clock import Clock
from syncengine.run.runner import Next, run_slice
from tenants import due
from tenants.models import Workspace


class WatchedClient(MemoryClient):
    """Fails where it is asked inside a database transaction, or in a thread that has opened a connection."""

    def _sign_in(self) -> None:
        refuse_in_transaction()
        if threading.current_thread().name.startswith("lane"):
            assert connection.connection is None
        super()._sign_in()


class WatchedConnector(MemoryConnector):
    def connect(self, settings: Mapping[str, str], env: Environment) -> MemoryClient:
        refuse_in_transaction()
        app = self.apps[settings["account"]]
        return WatchedClient(app, env, password=settings["password"])


@dataclass
class World:
    """Two apps of other makers, a sync between them, and a clock that the test moves."""

    left: MemoryApp
    right: MemoryApp
    installed: ExitStack
    connectors: dict[str, WatchedConnector] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Of the manifests of their apps."""
    sync: Sync = field(init=False)
    now: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    @property
    def a(self) -> MemoryObject:
        return self.left["contacts"]

    @property
    def b(self) -> MemoryObject:
        return self.right["contacts"]

    def tick(self) -> datetime:
        """Time goes on a little with each look at it."""
        self.now += timedelta(milliseconds=10)
        return self.now

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def slice(self, **clock: Any) -> Next:
        found = run_slice(self.sync.pk, Clock(now=self.tick, **clock))
        due.done(services.DUE_KIND, self.sync.pk, found.at, looked_at=found.looked_at)
        return found

    def rest(self, *, limit: int = 30) -> None:
        """Slices, each when it is due, until one finds nothing left to do."""
        for _ in range(limit):
            found = self.slice()
            if found.quiet:
                return
            assert found.at is not None, "the sync is not on"
            self.now = max(self.now, found.at)
        raise AssertionError("the sync does not come to rest")

    def settings(self, **changes: Any) -> None:
        """Change the active settings and make a pass over all records."""
        services.change_settings(self.sync, replace(self.sync.settings, **changes), actor="test")
        self.sync.refresh_from_db()

    def mapping(self, canonical: str, **changes: Any) -> None:
        """Change the mapping of a field of side A, named by its canonical name."""
        field_ = self.a.resource.canonical(canonical)
        assert field_ is not None
        mappings = self.sync.settings.mappings
        assert any(m.a == (field_.name,) for m in mappings)
        self.settings(mappings=tuple(replace(m, **changes) if m.a == (field_.name,) else m for m in mappings))

    @property
    def writes(self) -> int:
        return len(self.left.sent) + len(self.right.sent)

    def beside(self, sync: Sync) -> World:
        """The same world, seen from another sync."""
        other = copy(self)
        other.sync = sync
        return other

    def streams(self) -> list[Stream]:
        """That of side A, then that of side B."""
        return [Stream.objects.get(pk=pk) for pk in (self.sync.pair.stream_a_id, self.sync.pair.stream_b_id)]

    def link(self, *, a: str | None = None, b: str | None = None) -> RecordLink:
        ends = {name: value for name, value in (("a_id", a), ("b_id", b)) if value is not None}
        return RecordLink.objects.get(pair=self.sync.pair, closed_at=None, **ends)

    def open_links(self) -> list[RecordLink]:
        return list(RecordLink.objects.filter(pair=self.sync.pair, closed_at=None).order_by("pk"))

    def links(self, cause: str) -> list[RecordLink]:
        return [link for link in self.open_links() if link.cause == cause]

    def rests(self) -> None:
        """Quiescence (rule 3.8): two more looks plan nothing, write nothing and leave no run behind."""
        before = (self.writes, SyncRun.objects.count(), Operation.objects.count())
        for _ in range(2):
            self.wait(minutes=1)
            self.rest()
        assert (self.writes, SyncRun.objects.count(), Operation.objects.count()) == before
        self.adds_up()

    def adds_up(self) -> None:
        """Each record is in exactly one state (rule 9.1), and the counts that are kept are those of the rows."""
        links = self.open_links()
        for side, one in (("a", self.a), ("b", self.b)):
            ends = [end for link in links if (end := getattr(link, f"{side}_id")) is not None]
            assert len(ends) == len(set(ends)) and set(one.rows) <= set(ends), side
        counts = Counter(link.state for link in links)
        counts += Counter(f"failing:{link.cause}" for link in links if link.state == "failing")
        assert self.states() == dict(counts)

    def states(self) -> dict[str, int]:
        self.sync.refresh_from_db()
        return self.sync.counts


MakeWorld = Callable[..., World]


@pytest.fixture(autouse=True)
def every_minute(settings: Any) -> None:
    """However long a world was quiet, a minute later both sides are looked at again."""
    settings.POLL_LONGEST = 60


@pytest.fixture
def make_world(workspace: Workspace) -> Iterator[MakeWorld]:
    """`make_world(left=MemoryObject, right=MemoryObject, **settings)`: connected, set up and switched on."""
    installed = ExitStack()

    def make(
        left: MemoryObject | None = None,
        right: MemoryObject | None = None,
        right_app: str = "memory",
        facts: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> World:
        world = World(
            MemoryApp(left or contacts(), identity="left", label="Left"),
            MemoryApp(right or contacts(), identity="right", label="Right"),
            installed,
            facts=facts or {},
        )
        objects = [
            connect_app(world, app, name).objects_offered.get(name="contacts")
            for app, name in ((world.left, "memory"), (world.right, right_app))
        ]
        chosen = replace(services.proposed_settings(*objects), **settings)
        world.sync = services.create_sync(object_a=objects[0], object_b=objects[1], actor="test", settings=chosen)
        services.start(world.sync, actor="test")
        return world

    with installed:
        yield make


def connect_app(world: World, app: MemoryApp, name: str = "memory") -> ConnectedAccount:
    """An account of the app of this name, which is installed if it is not."""
    connector = world.connectors.get(name)
    if connector is None:
        connector = world.connectors[name] = WatchedConnector(name=name, label=name.title(), **world.facts)
        world.installed.enter_context(registry.installed(connector))
    connector.apps[app.identity.id] = app
    return accounts.connect(
        app=name,
        name=app.identity.label,
        values={"account": app.identity.id, "password": app.password},
        actor="test",
    )
