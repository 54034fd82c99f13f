"""One seed: two or three hostile apps, a sync or two between them, people at work, and everything that can go wrong.

Time, ids, chance and the order of everything come from the seed, so that it repeats exactly. The engine is the real
one, on a real database, in a transaction that is rolled back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias
from unittest import mock
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q

from connectors import accounts, registry
from connectors.accounts.session import refuse_in_transaction
from connectors.contract import Environment, Outcome, Value, Values, Write, WriteKind, Written
from connectors.models import AccountState, ConnectedAccount
from connectors.testing.hostile import HostileObject
from connectors.testing.memory import MemoryApp, MemoryClient, MemoryConnector
from connectors.testing.memory_object import Row
from syncengine import services
from syncengine.core.brake import Thresholds
from syncengine.core.mapping import Direction, Matching, Side, SyncSettings
from syncengine.core.pace import Pace
from syncengine.models import Lease, RecordLink, Stream, Sync, SyncRun, SyncState
from syncengine.run.clock import Clock
from syncengine.run.preview import run_preview_slice
from syncengine.run.runner import Next, run_slice
from tenants.context import current_workspace

from .apps import Traits, drawn_mappings, hostile_people
from .fate import Fate, FatefulClient, Killed
from .office import REMOVALS, Office, drawn_features, with_features

if TYPE_CHECKING:
    from .people import Steps

Interruption: TypeAlias = "Callable[[App, Sync], None]"
STEPS, PARTS = 66, 3
"""Steps of people, machines and syncs; so often in between all comes to rest, and is judged."""
ROUNDS = 12
"""So often all syncs may go round, ten minutes apart, before they have to be at rest."""
SLICES = 40
LISTED_ANEW, LOOKED_AT = timedelta(minutes=11), timedelta(minutes=3)
"""So long after the last time all is listed anew; only asked for changes."""
UNKNOWN = "?"
"""What was typed into a field where a person decided otherwise."""


class Amiss(AssertionError):
    """Something is not as it has to be."""


@dataclass(eq=False)
class App:
    """One remote account of a trial."""

    name: str
    app: MemoryApp
    people: HostileObject
    traits: Traits


class FatefulConnector(MemoryConnector):
    """Its clients are ruled by the fate of the worker who opened them."""

    trial: Trial

    def connect(self, settings: Mapping[str, str], env: Environment) -> MemoryClient:
        refuse_in_transaction()
        client = FatefulClient(self.apps[settings["account"]], env, password=settings["password"])
        fate = self.trial.fate
        client.fate = lambda: fate
        return client


@dataclass
class Typed:
    """What was last typed into one field of one record since the last rest, and when."""

    at: int
    value: Value


class Trial:
    """A world made from a seed. `apps`, `syncs` and `now` are all there is; `log` tells what happened."""

    def __init__(self, seed: int, features: Collection[str] | None = None) -> None:
        """`features`: of the engine (`office.FEATURES`); None: as the seed draws them."""
        self.seed = seed
        self.features = drawn_features(seed) if features is None else frozenset(features)
        self.dice = Random(seed)
        self.choice = Random(f"choices of {seed}")
        """Of whatever has to do with the features."""
        self.office = Office(self)
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.log: list[str] = []
        self.fate: Fate | None = None
        self.apps: list[App] = []
        self.syncs: list[Sync] = []
        self.due: dict[int, datetime] = {}
        self.quiet: dict[int, bool] = {}
        self.writes = 0
        """Writes of the engine that had an effect."""
        self.created: Counter[tuple[str, str]] = Counter()
        """(app, code of a person) → records that the engine made."""
        self.sent: dict[tuple[str, str, str], Value] = {}
        """(app, record, field) → what the engine last put there, whatever the app made of it."""
        self.engines: set[tuple[str, str]] = set()
        """(app, record) that the engine made."""
        self.made: Counter[tuple[str, str]] = Counter()
        """(app, code of a person) → records that people made."""
        self.wished: Counter[tuple[str, str]] = Counter()
        """(app, code of a person) → records removed there that people asked to have made again (rule 8.2)."""
        self.vanished: Counter[tuple[str, str]] = Counter()
        """(app, code of a person) → copies that people removed before the engine knew that it had made them."""
        self.typed: dict[tuple[str, str, str], Typed] = {}
        """(app, record, field) → what was typed there since the last rest."""
        self.copies: Counter[tuple[int, str, str]] = Counter()
        """(sync, app, code of a person) → records that it made."""
        self.deleted: dict[tuple[int, str, str], int] = {}
        """(sync, app, code of a person) → how many it had made when people removed one."""
        self.tangled: set[str] = set()
        """Persons of whom somebody made a riddle: two records in one app, changed addresses, merges."""
        self.gone: set[tuple[str, str]] = set()
        """(app, record) that people have ever removed, merges left out."""
        self.taken: list[tuple[str, str]] = []
        """(app, record) that the engine has removed since the last rest."""
        self.parted: set[tuple[int, str | None, str | None]] = set()
        """(sync, a, b) that a person said are not the same."""
        self.history_changed: set[int] = set()
        """Syncs of which it was chosen since the last rest which records take part."""
        self.previews: dict[int, datetime] = {}
        """Previews that are being made, and when they are due."""
        self.unsure: set[str] = set()
        """Mappings whose settings were changed since the last rest."""
        self.has_rested = False
        self.rested_at = 0
        """What happened up to this number happened before the last rest."""
        self.kill_in: int | None = None
        """After so many instants the next worker dies."""
        self.steps = 0
        self.checks = 0
        self._ids = 0
        self._step = 0
        self._interruption: tuple[App, str, Interruption] | None = None
        self._later: list[tuple[int, Callable[[], None]]] = []
        self._at_work: list[Sync] = []

    # --- The world ------------------------------------------------------------------------------------------

    @contextmanager
    def world(self) -> Iterator[Trial]:
        """Everything is set up and switched on in this block; afterwards nothing of it is left."""
        around = transaction.atomic()
        around._from_testcase = True  # type: ignore[attr-defined]  # apps may be asked within it
        with ExitStack() as stack:
            stack.enter_context(mock.patch("django.utils.timezone.now", self.tick))
            stack.enter_context(around)
            try:
                _begin_counting_anew()
                self._set_up(stack)
                yield self
            finally:
                transaction.set_rollback(True)

    def _set_up(self, stack: ExitStack) -> None:
        dice = self.dice
        names = ["left", "right", "third"][: dice.choice([2, 2, 3])]
        kinds = ["one", dice.choice(["one", "two"]), dice.choice(["one", "two", "three"])]
        connectors: dict[str, FatefulConnector] = {}
        objects = {}
        for name, kind in zip(names, kinds, strict=False):
            app = self._app(name)
            connector = connectors.get(kind)
            if connector is None:
                connector = connectors[kind] = FatefulConnector(name=kind, label=kind.title())
                connector.trial = self
                stack.enter_context(registry.installed(connector))
            connector.apps[name] = app.app
            account = accounts.connect(
                app=kind, name=name, values={"account": name, "password": app.app.password}, actor="harness"
            )
            objects[name] = account.objects_offered.get(name="people")
        workspace = current_workspace()
        workspace.country, workspace.time_zone = "DE", "Europe/Berlin"
        ends = [names[:2]] + ([dice.sample(names[1:], 2)] if len(names) > 2 else [])
        for a, b in ends:
            resources = [self.app(name).people.resource for name in (a, b)]
            drawn = SyncSettings(
                kind=resources[0].kind,
                direction=dice.choice([Direction.TWO_WAY] * 4 + list(Direction)),
                winner=dice.choice(list(Side)),
                mappings=drawn_mappings(dice, *resources),
                matching=Matching(),
                email_only=dice.random() < 0.7,
                pass_on=dice.random() < 0.7,
                brake=Thresholds(changes=10_000, clears=10_000),  # Nobody is there to answer it.
            )
            settings = with_features(drawn, self.features, self.choice, dict(zip(Side, resources, strict=True)))
            sync = services.create_sync(object_a=objects[a], object_b=objects[b], actor="harness", settings=settings)
            self.syncs.append(sync)
            self.history_changed.add(sync.pk)
            self.say(f"sync {a} ↔ {b}: {settings}")

    def _app(self, name: str) -> App:
        people, traits = hostile_people(self.dice, lambda: self.now)
        if self.features:
            people.resource = replace(people.resource, writes=people.resource.writes | self._removals())
        grain = self.dice.choice([1, 1, 10, 60])
        people.make_id = lambda number: f"{name[0]}{number}"
        people.wrote = lambda write, before, outcome: self._wrote(app, write, before, outcome)
        people.reacted = lambda id_, values: self.note_typed(app, id_, values)
        app = App(name, MemoryApp(people, identity=name, label=name, clock=lambda: self._stamp(grain)), people, traits)
        self.apps.append(app)
        self.say(f"{name}: {traits}")
        return app

    def _removals(self) -> frozenset[WriteKind]:
        return frozenset(self.choice.choice([REMOVALS, REMOVALS, REMOVALS[:1], REMOVALS[1:]]))

    def _stamp(self, grain: int) -> str:
        """The app's own clock, which may be coarse: many records share a time."""
        seconds = int(self.now.timestamp()) // grain * grain
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def app(self, name: str) -> App:
        return next(app for app in self.apps if app.name == name)

    def ends(self, sync: Sync) -> dict[Side, App]:
        return {side: self.app(sync.pair.stream(side).object.account.name) for side in Side}

    def say(self, what: str) -> None:
        self.log.append(f"{self.now:%H:%M:%S} {what}")

    # --- Time and ids ---------------------------------------------------------------------------------------

    def tick(self) -> datetime:
        """Time goes on a little with each look at it."""
        self.now += timedelta(milliseconds=10)
        return self.now

    def new_id(self) -> UUID:
        self._ids += 1
        return UUID(int=self._ids)

    def number(self) -> int:
        """Of what happens: grows."""
        self._step += 1
        return self._step

    # --- What people do -------------------------------------------------------------------------------------

    def note_typed(self, app: App, id_: str, values: Values) -> None:
        """Somebody, or the app itself, has put these into a record: as it holds them now."""
        held = app.people.rows[id_].values
        for name in values:
            self.typed[(app.name, id_, name)] = Typed(self.number(), held.get(name))
        self.say(f"  {app.name} {id_} now {dict(values)}")

    def decided(self, sync: Sync, a: str | None, b: str | None, changes: Iterable[Mapping[str, Any]]) -> None:
        """A person had these fields of two records left, or put back, as they were."""
        for side, id_ in ((Side.A, a), (Side.B, b)):
            for change in changes:
                if id_ is not None and change["field"]:
                    self.typed[(self.ends(sync)[side].name, id_, change["field"])] = Typed(self.number(), UNKNOWN)

    def removed(self, app: App, id_: str, *, merged: bool = False) -> None:
        """A person is about to remove this record."""
        self.say(f"  {app.name} {id_} removed")
        if not merged:
            self.gone.add((app.name, id_))
        linked = RecordLink.objects.filter(Q(a_id=id_) | Q(b_id=id_), a_id__isnull=False, b_id__isnull=False)
        if (app.name, id_) in self.engines and not linked.exists():
            self.vanished[(app.name, self.code_of(app, id_))] += 1
        self._note_linked(app, id_)

    def _note_linked(self, app: App, id_: str) -> None:
        """Only where it was the same as another one: else that one is copied as if this had never been."""
        linked = RecordLink.objects.filter(closed_at=None, a_id__isnull=False, b_id__isnull=False)
        for pair in linked.filter(Q(a_id=id_) | Q(b_id=id_)).values_list("pair_id", flat=True):
            sync = next(sync for sync in self.syncs if sync.pair_id == pair)
            key = (sync.pk, app.name, self.code_of(app, id_))
            self.deleted.setdefault(key, self.copies[key])

    def code_of(self, app: App, id_: str) -> str:
        row = app.people.rows.get(id_) or app.people.removals[id_].row
        return str(row.values.get("code"))

    # --- What the engine does -------------------------------------------------------------------------------

    def _wrote(self, app: App, write: Write, before: Row | None, outcome: Outcome) -> None:
        self.say(f"  {app.name} ← {write.kind} {write.id or ''} {dict(write.values)}: {_short(outcome)}")
        if not isinstance(outcome, Written):
            return
        self.writes += 1
        if write.kind in REMOVALS:
            self.taken.append((app.name, outcome.id))
            self._note_linked(app, outcome.id)
            return
        self._refuse_if_held_still(app, write)
        for name in write.values:
            edit = self.typed.get((app.name, outcome.id, name))
            if edit is not None and edit.at <= self.rested_at:
                del self.typed[(app.name, outcome.id, name)]  # It waited for one sync, and another one went on.
        self.sent.update({(app.name, outcome.id, name): value for name, value in write.values.items()})
        if write.kind is WriteKind.CREATE and (app.name, outcome.id) not in self.engines:
            # Else the app knew the key, and made nothing.
            self.engines.add((app.name, outcome.id))
            code = self.code_of(app, outcome.id)
            self.created[(app.name, code)] += 1
            self.copies[(self._at_work[-1].pk, app.name, code)] += 1

    def _refuse_if_held_still(self, app: App, write: Write) -> None:
        """Nothing is written to what a person paused or pinned (rule 9.5). Raises Amiss."""
        if "held still" not in self.features or write.id is None:
            return
        sync = self._at_work[-1]
        side = next(side for side, one in self.ends(sync).items() if one is app)
        link = RecordLink.objects.filter(pair=sync.pair, closed_at=None, **{f"{side.value}_id": write.id}).first()
        if link is None:
            return
        until = {name: datetime.fromisoformat(at) for name, at in link.pins.get(side.value, {}).items()}
        pinned = [name for name in write.values if name in until and until[name] > self.now]
        paused = link.paused and (link.paused_until is None or link.paused_until > self.now)
        if paused or pinned:
            raise Amiss(f"{app.name} {write.id} was written to, though it was held still: {paused} {pinned}")

    def slice(self, sync: Sync, *, kill_at: int | None = None) -> Next | None:
        """One slice of a sync, which may be the last of its worker. None: it was killed."""
        found = self._worker(sync, f"slice of {sync.pk}", lambda: run_slice(sync.pk, self._clock()), kill_at)
        if found is not None:
            self.due[sync.pk] = found.at or self.now + timedelta(days=1)  # Not before somebody turns it on again.
        return found

    def preview_slice(self, pk: int, *, kill_at: int | None = None) -> Next | None:
        """The same of a preview."""
        run = SyncRun.objects.select_related("sync").filter(pk=pk).first()
        if run is None:
            del self.previews[pk]  # The draft that it showed is gone.
            return None
        sync = run.sync
        found = self._worker(sync, f"slice of preview {pk}", lambda: run_preview_slice(pk, self._clock()), kill_at)
        if found is not None and (found.at is None or found.quiet):
            del self.previews[pk]
        elif found is not None and found.at is not None:
            self.previews[pk] = found.at
        return found

    def _clock(self) -> Clock:
        return Clock(now=self.tick, new_id=self.new_id)

    def _worker(self, sync: Sync, label: str, work: Callable[[], Next], kill_at: int | None) -> Next | None:
        outer, self.fate = self.fate, Fate(kill_at, called=self.called)
        found: Next | None = None
        self._at_work.append(sync)
        try:
            with self.fate.rules():
                found = work()
        finally:
            fate, self.fate = self.fate, outer
            self._at_work.pop()
        self.say(f"{label}: {fate.instants} instants, {'killed' if fate.dead else found}")
        if fate.violations:
            raise Amiss(f"no app takes this: {fate.violations}")
        if fate.dead and self.dice.random() < 0.5:
            # Seen at once by whoever watches over the workers of its machine (`lease.free_dead`).
            Lease.objects.exclude(holder="").update(holder="", deaths=F("deaths") + 1)
        return found

    def called(self, name: str, app: MemoryApp) -> None:
        """A call of an app begins, or (with "!") was answered: others may act meanwhile."""
        if self._interruption is None:
            return
        where, call, act = self._interruption
        if where.app is app and call == name:
            self._interruption = None
            act(where, self._at_work[-1])

    def die(self, app: App, sync: Sync) -> None:
        """The worker is killed within a call."""
        assert self.fate is not None
        self.fate.dead = True
        raise Killed

    def interrupt(self, app: App, call: str, act: Interruption) -> None:
        """Have this happen in the middle of the next call of this kind."""
        self._interruption = (app, call, act)

    def work(self) -> None:
        """Whoever is due first has a slice."""
        self.now += timedelta(seconds=self.dice.choice([0, 1, 5, 30, 70]))
        if "deaths" in self.features and self.kill_in is None and self.choice.random() < 0.5:
            self.kill_in = self.choice.randrange(1, 40)
        for pk, due in sorted(self.previews.items()):
            if due <= self.now:
                kill_at, self.kill_in = self.kill_in, None
                self.preview_slice(pk, kill_at=kill_at)
                return
        for sync in sorted(self.syncs, key=lambda sync: (self.due[sync.pk], sync.pk)):
            if self.due[sync.pk] <= self.now:
                kill_at, self.kill_in = self.kill_in, None
                self.slice(sync, kill_at=kill_at)
                return

    def later(self, steps: int, act: Callable[[], None]) -> None:
        self._later.append((self.steps + steps, act))

    def resume(self, sync: Sync) -> None:
        """A sync that somebody stopped goes on."""
        sync = Sync.objects.get(pk=sync.pk)
        if sync.state == SyncState.PAUSED:
            self.again(services.resume, sync)
        elif sync.state == SyncState.OFF:
            self.again(services.start, sync)

    def again(self, act: Callable[..., Any], sync: Sync) -> None:
        try:
            act(sync, actor="harness")
            self.due[sync.pk] = self.now
        except services.SyncError as error:
            # An account has to be reconnected first: a person does.
            self.say(f"  not yet: {error}")
            ConnectedAccount.objects.update(state=AccountState.OK, state_reason="")
            act(Sync.objects.get(pk=sync.pk), actor="harness")
            self.due[sync.pk] = self.now

    # --- The whole of it ------------------------------------------------------------------------------------

    def run(self) -> Trial:
        """Set up, live through it, and judge. Raises Amiss."""
        from .people import Steps
        from .verdict import judge, judge_stillness

        with self.world():
            steps = Steps(self)
            steps.populate(self.dice.randrange(30, 40))
            self.now += timedelta(minutes=1)  # By now the apps show all of them.
            for sync in self.syncs:
                self.office.start(sync)
            for app in self.dice.sample(self.apps, self.dice.choice([0, 1, 2])):
                steps.trouble_with_writes(app)
            for part in range(PARTS):
                self._live(steps, STEPS // PARTS)
                self.come_to_rest()
                judge(self)
                self.has_rested = True
                self.say(f"at rest, part {part}")
            judge_stillness(self)
        return self

    def _live(self, steps: Steps, count: int) -> None:
        for _ in range(count):
            self.steps += 1
            for at, act in [one for one in self._later if one[0] <= self.steps]:
                self._later.remove((at, act))
                act()
            act = steps.fault if self.steps % 7 == 0 else steps.draw()
            self.now += timedelta(seconds=self.dice.choice([0, 0, 0, 1, 20]))
            self.say(act.__name__)
            act()

    # --- Rest -----------------------------------------------------------------------------------------------

    def come_to_rest(self) -> None:
        """No more faults: everything is read, written and listed once more, until nothing moves."""
        self._interruption, self.kill_in = None, None
        for _, act in self._later:
            act()
        self._later = []
        for app in self.apps:
            app.app.stop_failing()
            app.people.lies.clear()
        self.office.open_for_rest()
        for _ in range(ROUNDS):
            before = self.writes
            self.round()
            if self.writes == before:
                return
        raise Amiss(f"still writing after {ROUNDS} rounds")

    def round(self, after: timedelta = LISTED_ANEW) -> None:
        """All syncs until they are quiet, so long after the last time, and no sooner than each stream is due."""
        paces = [Pace.from_json(pace) for pace in Stream.objects.values_list("pace", flat=True)]
        longest = max((pace.seconds for pace in paces if pace is not None), default=0)
        self.now += max(after, timedelta(seconds=longest + 1))
        self.quiet = {}
        for sync in self.syncs:
            self.due[sync.pk] = self.now
        for _ in range(SLICES):
            restless = [sync for sync in self.syncs if not self.quiet.get(sync.pk)]
            if not restless:
                return
            sync = min(restless, key=lambda sync: (self.due[sync.pk], sync.pk))
            self.now = max(self.now, self.due[sync.pk])
            found = self.slice(sync)
            # One that is due at once has ended a pass that began before all of this.
            if found is not None and found.quiet and found.at is not None and found.at > self.now:
                self.quiet[sync.pk] = True
        reasons = [Sync.objects.get(pk=sync.pk).attention_reason for sync in self.syncs]
        raise Amiss(f"the syncs do not come to rest: {reasons}")


def _begin_counting_anew() -> None:
    """The same keys of rows in every trial, whatever was there before."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1000, false) FROM pg_sequences "
            "WHERE schemaname = current_schema()"
        )


def _short(outcome: Outcome) -> str:
    text = type(outcome).__name__
    detail = getattr(outcome, "id", None) or getattr(outcome, "message", "")
    return f"{text} {detail}"
