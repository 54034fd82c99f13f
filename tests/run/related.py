"""Several objects of one account pair, each with its sync: what the tests of associations start from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.models import ConnectedAccount
from connectors.testing.memory import MemoryApp, MemoryObject
from connectors.testing.memory_related import ref
from syncengine import services
from syncengine.models import RecordLink, Sync
from syncengine.run.clock import Clock
from syncengine.run.runner import Next, run_slice

from .conftest import World, connect_app


@dataclass
class Accounts:
    """Two accounts with any objects, syncs between them, and one clock."""

    left: MemoryApp
    right: MemoryApp
    world: World
    accounts: tuple[ConnectedAccount, ConnectedAccount] = field(init=False)
    syncs: dict[str, Sync] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def tick(self) -> datetime:
        self.now += timedelta(milliseconds=10)
        return self.now

    def sync(
        self,
        name: str,
        other: str = "",
        *,
        start: bool = True,
        flipped: bool = False,
        alike: bool = False,
        **settings: Any,
    ) -> Sync:
        """A sync of the objects of this name, called by it."""
        a = self.accounts[0].objects_offered.get(name=name)
        b = self.accounts[1].objects_offered.get(name=other or name)
        if flipped:
            a, b = b, a
        chosen = replace(services.proposed_settings(a, b), **settings)
        made = services.create_sync(object_a=a, object_b=b, actor="test", settings=chosen, alike=alike)
        self.syncs[name] = made
        if start:
            services.start(made, actor="test")
        return made

    def slice(self, name: str, **clock: Any) -> Next:
        return run_slice(self.syncs[name].pk, Clock(now=self.tick, **clock))

    def rest(self, *names: str, limit: int = 60) -> None:
        """Slices of these syncs (all, if none is named) by turns until none has anything left to do."""
        for _ in range(limit):
            found = [self.slice(name) for name in names or self.syncs]
            if all(one.quiet or one.at is None for one in found) and not self.is_called(names):
                return
            soon = [one.at for one in found if one.at is not None and not one.quiet]
            self.now = max([self.now, *soon[:1]])
        raise AssertionError("the syncs do not come to rest")

    def is_called(self, names: Iterable[str] = ()) -> bool:
        pairs = [self.syncs[name].pair_id for name in names or self.syncs]
        return RecordLink.objects.filter(pair__in=pairs, replan=True, closed_at=None).exists()

    def rests(self) -> None:
        """Nothing more is written by two further looks at everything."""
        before = self.writes
        for _ in range(2):
            self.now += timedelta(minutes=1)
            self.rest()
        assert self.writes == before

    @property
    def writes(self) -> int:
        return len(self.left.sent) + len(self.right.sent)

    def link(self, name: str, *, a: str | None = None, b: str | None = None) -> RecordLink:
        ends = {end: value for end, value in (("a_id", a), ("b_id", b)) if value is not None}
        return RecordLink.objects.get(pair=self.syncs[name].pair, closed_at=None, **ends)

    def other(self, name: str, a: str) -> str:
        """The id on side B of what is linked with this."""
        end = self.link(name, a=a).b_id
        assert end is not None
        return end


MakeAccounts = Callable[..., Accounts]


def make(world: World, *objects: tuple[MemoryObject, MemoryObject]) -> Accounts:
    for left, right in objects:
        world.left.offer(left)
        world.right.offer(right)
    made = Accounts(world.left, world.right, world)
    made.accounts = (connect_app(world, world.left), connect_app(world, world.right, "other"))
    return made


def new_world(installed: ExitStack) -> World:
    return World(MemoryApp(identity="left", label="Left"), MemoryApp(identity="right", label="Right"), installed)


def ids(value: Any) -> list[str]:
    """What a field refers to."""
    return [one["id"] for one in (value if isinstance(value, list) else [value]) if one]


__all__ = ["Accounts", "MakeAccounts", "ids", "make", "new_world", "ref"]
