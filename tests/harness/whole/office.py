"""What people do at the settings of a trial: filters, history, deletions, pauses, pins, previews, undo, the brake.

A seed draws a few of these features; the dice of the features are others than those of the rest, so that a trial
without features is the same as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from connectors.contract import Resource, WriteKind
from syncengine import approvals, decisions, deleting, holding, previews, services, undoing
from syncengine.core.brake import Thresholds
from syncengine.core.filters import FieldCondition, Filter, FilterMode, Filters, Group, Joined, Leaving, Operator
from syncengine.core.mapping import ClearPolicy, Direction, History, Side, SyncSettings, WriteMode
from syncengine.models import LINK_CHANGE, Operation, RecordLink, RunState, Sync, SyncRun, SyncState, Wish
from syncengine.run import brake

from .apps import STAGES, TEXTS

if TYPE_CHECKING:
    from .trial import Trial

ACTOR = "harness"
FEATURES = ("filters", "history", "deletions", "held still", "previews", "undo", "brake", "decisions", "deaths")
"""Of the engine, but for the last: with it every other worker is killed at some instant."""
REMOVALS = (WriteKind.ARCHIVE, WriteKind.DELETE)


def drawn_features(seed: int) -> frozenset[str]:
    dice = Random(f"features of {seed}")
    return frozenset(dice.sample(FEATURES, dice.choice([0, 1, 1, 2, 2, 3])))


# --- Settings -----------------------------------------------------------------------------------------------


def with_features(
    settings: SyncSettings, features: frozenset[str], dice: Random, resources: Mapping[Side, Resource]
) -> SyncSettings:
    """The settings that a sync begins with."""
    if "filters" in features:
        settings = replace(settings, filters=drawn_filters(dice))
    if "history" in features and dice.random() < 0.6:
        settings = replace(settings, history=History.FROM_NOW)
    if "deletions" in features:
        settings = replace(settings, deletions=_drawn_deletions(settings, dice, resources))
    if "brake" in features:
        most = {"changes": dice.choice([2, 5, 10]), "clears": dice.choice([1, 3, 10_000])}
        settings = replace(settings, brake=Thresholds(**most, changes_percent=0, clears_percent=0))
    return settings


def _drawn_deletions(settings: SyncSettings, dice: Random, resources: Mapping[Side, Resource]) -> dict[Side, WriteKind]:
    sides = [side for side in Side if settings.direction.allows(side) and dice.random() < 0.7]
    return {side: dice.choice([kind for kind in REMOVALS if kind in resources[side].writes]) for side in sides}


def drawn_filters(dice: Random) -> Filters:
    return Filters(
        a=_drawn_filter(dice),
        b=_drawn_filter(dice) if dice.random() < 0.5 else Filter(),
        mode=dice.choice(list(FilterMode)),
        leaving=dice.choice(list(Leaving)),
    )


def _drawn_filter(dice: Random) -> Filter:
    groups = [
        Group(dice.choice(list(Joined)), tuple(_drawn_condition(dice) for _ in range(dice.choice([1, 1, 2]))))
        for _ in range(dice.choice([1, 1, 2]))
    ]
    return Filter(dice.choice(list(Joined)), tuple(groups))


def _drawn_condition(dice: Random) -> FieldCondition:
    """Most records pass most of these. All of it is known to `verdict.passes`, too."""
    text = dice.choice(TEXTS)
    return dice.choice(
        [
            FieldCondition("stage", Operator.IS_NOT, dice.choice(STAGES)),
            FieldCondition("stage", Operator.ONE_OF, tuple(dice.sample(STAGES, 3))),
            FieldCondition("stage", Operator.BLANK),
            FieldCondition(text, Operator.NOT_BLANK),
            FieldCondition(text, Operator.BLANK),
            FieldCondition(text, Operator.CONTAINS_NOT, "boss"),
            FieldCondition("phone", Operator.NOT_BLANK),
        ]
    )


# --- What people do -----------------------------------------------------------------------------------------


class Office:
    """Draws and does what people do with syncs, their records and their settings."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.dice = trial.dice

    def administrate(self) -> None:
        self._do([self._run_now, self._change_settings, self._pause, self._turn_off, self._retry])

    def use_features(self) -> None:
        acts: dict[str, list[Callable[[Sync], None]]] = {
            "filters": [self._refilter],
            "history": [self._change_history],
            "deletions": [self._change_deletions, self._pass_on, self._resync],
            "held still": [self._hold, self._hold, self._pin, self._pin, self._let_go],
            "previews": [self._begin_preview, self._begin_preview, self._decide_preview, self._decide_preview],
            "undo": [self._undo],
            "brake": [self._answer_brake, self._answer_brake, self._reopen],
            "decisions": [self._answer_ambiguous, self._answer_ambiguous, self._resync],
        }
        self._do(acts[self.dice.choice(sorted(self.trial.features & acts.keys()))])

    def _do(self, acts: list[Callable[[Sync], None]]) -> None:
        sync = self.dice.choice(self.trial.syncs)
        sync.refresh_from_db()
        what = self.dice.choice(acts)
        self.trial.say(f"person: {what.__name__} of {sync.pk}")
        if sync.active is None and what not in (self._begin_preview, self._decide_preview):
            return  # Its first preview is not decided yet.
        try:
            what(sync)
        except services.SyncError as error:
            self.trial.say(f"  refused: {error}")
        sync.refresh_from_db()

    def _at_once(self, sync: Sync) -> None:
        self.trial.due[sync.pk] = self.trial.now

    def _run_now(self, sync: Sync) -> None:
        services.run_now(sync, actor=ACTOR)
        self._at_once(sync)

    def _change_settings(self, sync: Sync) -> None:
        self._take_effect(sync, self._changed(sync))

    def _changed(self, sync: Sync) -> SyncSettings:
        settings = sync.settings
        number = self.dice.randrange(len(settings.mappings))
        mapping = settings.mappings[number]
        changes: dict[str, Any] = self.dice.choice(
            [
                {"clears": self.dice.choice(list(ClearPolicy))},
                {"winner": self.dice.choice(list(Side))},
                {"mode": self.dice.choice([WriteMode.OVERWRITE, *WriteMode])} if mapping.id in TEXTS else {},
            ]
        )
        self.trial.unsure.add(mapping.id)
        return settings.with_mappings(
            (*settings.mappings[:number], replace(mapping, **changes), *settings.mappings[number + 1 :])
        )

    def _take_effect(self, sync: Sync, settings: SyncSettings) -> None:
        services.change_settings(sync, settings, actor=ACTOR)
        self._at_once(sync)

    def _pause(self, sync: Sync) -> None:
        services.pause(sync, actor=ACTOR)
        self.trial.later(self.dice.randrange(1, 6), lambda: self.trial.resume(sync))

    def _turn_off(self, sync: Sync) -> None:
        services.turn_off(sync, actor=ACTOR)
        self.trial.later(self.dice.randrange(1, 6), lambda: self.trial.resume(sync))

    def _retry(self, sync: Sync) -> None:
        services.retry_all(sync)
        self._at_once(sync)

    # --- Filters, history, deletions ------------------------------------------------------------------------

    def _refilter(self, sync: Sync) -> None:
        chosen = self.dice.choice([drawn_filters(self.dice), drawn_filters(self.dice), Filters()])
        self.trial.say(f"  {chosen}")
        self._take_effect(sync, replace(sync.settings, filters=chosen))

    def _change_history(self, sync: Sync) -> None:
        other = History.ALL if sync.settings.history is History.FROM_NOW else History.FROM_NOW
        self._take_effect(sync, replace(sync.settings, history=other))
        self.trial.history_changed.add(sync.pk)

    def _change_deletions(self, sync: Sync) -> None:
        resources = {side: app.people.resource for side, app in self.trial.ends(sync).items()}
        deletions = _drawn_deletions(sync.settings, self.dice, resources)
        self._take_effect(sync, replace(sync.settings, deletions=deletions))

    def _pass_on(self, sync: Sync) -> None:
        """Deletions against which something spoke."""
        side = self.dice.choice(list(Side))
        records = list(deleting.deleted_in(sync, side).order_by("pk").values_list("pk", flat=True))
        deleting.pass_deletions_on(sync, side=side, records=records[:2], actor=ACTOR)
        self._at_once(sync)

    def _resync(self, sync: Sync) -> None:
        side = self.dice.choice(list(Side))
        self._riddle(sync, deleting.deleted_in(sync, side))
        lost = list(deleting.deleted_in(sync, side).exclude(wish=Wish.RESYNC))
        deleting.resync_deleted(sync, side=side, actor=ACTOR)
        ends = self.trial.ends(sync)
        for link in lost:
            code = self.trial.code_of(ends[side.other], link.end(side.other) or "")
            self.trial.wished[(ends[side].name, code)] += 1
        self._at_once(sync)

    def _riddle(self, sync: Sync, links: Iterable[RecordLink]) -> None:
        """What a person said of these may make or leave out a record."""
        for link in links:
            for side, app in self.trial.ends(sync).items():
                if (end := link.end(side)) is not None:
                    self.trial.tangled.add(self.trial.code_of(app, end))

    # --- Pauses and pins ------------------------------------------------------------------------------------

    def _some_links(self, sync: Sync, most: int) -> list[RecordLink]:
        links = list(RecordLink.objects.filter(pair=sync.pair, closed_at=None).order_by("pk"))
        return self.dice.sample(links, min(len(links), self.dice.randrange(1, most)))

    def _some_time(self) -> timedelta:
        return timedelta(minutes=self.dice.choice([1, 15, 60, 600]))

    def _hold(self, sync: Sync) -> None:
        until = self.dice.choice([None, self.trial.now + self._some_time()])
        links = self._some_links(sync, 5)
        holding.pause_records(sync, links, actor=ACTOR, until=until)
        self.trial.say(f"  {', '.join(f'{link.a_id} ↔ {link.b_id}' for link in links)} until {until}")
        self._at_once(sync)

    def _pin(self, sync: Sync) -> None:
        (link,) = self._some_links(sync, 2) or [None]
        if link is not None:
            side, until = self.dice.choice(list(Side)), self.trial.now + self._some_time()
            field = self.dice.choice([*TEXTS, "tags", "stage"])
            holding.pin_field(sync, link, side=side, field=field, until=until, actor=ACTOR)
            self.trial.say(f"  {field} of {side} of {link.a_id} ↔ {link.b_id} until {until}")
            self._at_once(sync)

    def _let_go(self, sync: Sync) -> None:
        links = RecordLink.objects.filter(pair=sync.pair, closed_at=None)
        held = [link for link in links.order_by("pk") if link.paused or link.pins]
        paused = [link for link in held if link.paused]
        if paused:
            holding.resume_records(sync, paused, actor=ACTOR)
        for link in held:
            for side, fields in link.pins.items():
                for field in fields:
                    holding.unpin_field(sync, link, side=Side(side), field=field, actor=ACTOR)
        self._at_once(sync)

    # --- Previews -------------------------------------------------------------------------------------------

    def _begin_preview(self, sync: Sync) -> None:
        settings = services.current_settings(sync)
        if sync.active is not None:
            settings = replace(self._changed(sync), email_only=self.dice.choice([True, False]))
        if self.dice.random() < 0.3:
            settings = replace(settings, direction=self.dice.choice([Direction.TWO_WAY, *Direction]), deletions={})
        services.save_settings(sync, settings, actor=ACTOR)
        run = previews.start(sync, actor=ACTOR)
        self.trial.previews[run.pk] = self.trial.now

    def _decide_preview(self, sync: Sync) -> None:
        run = previews.current(sync)
        if run is not None and run.state == RunState.DONE:
            self.decide(sync, run)
        elif run is None:
            self._begin_preview(sync)

    def decide(self, sync: Sync, run: SyncRun) -> None:
        """All of it, all but some, only some, none; or nothing is said, and it ends."""
        shown = list(previews.operations(run).order_by("pk"))
        how = self.dice.choice(["all", "but", "but", "only", "none", "discard"])
        some = self.dice.sample(shown, min(len(shown), self.dice.randrange(0, 8)))
        self.trial.say(f"  preview {run.pk} of {len(shown)}: {how} {[op.pk for op in some]}")
        if how == "discard":
            previews.discard(run, actor=ACTOR)
            return
        declined = {"all": [], "none": shown, "but": some}.get(how, [op for op in shown if op not in some])
        if how == "but":
            previews.mark(run, Operation.objects.filter(pk__in=[op.pk for op in some]), declined=True, actor=ACTOR)
        only = {"only": [op.pk for op in some], "none": []}.get(how)
        before = sync.settings if sync.active is not None else None
        previews.approve(run, actor=ACTOR, only=only)
        for op in declined:
            self.trial.decided(sync, op.a_id, op.b_id, op.changes)
            if op.kind == LINK_CHANGE:
                self.trial.parted.add((sync.pk, op.a_id, op.b_id))
        self.trial.unsure |= _other_mappings(before, run.version.load())
        self._at_once(sync)

    def start(self, sync: Sync) -> None:
        """A sync that was never started: by a preview, where the trial has some."""
        if "previews" in self.trial.features and self.trial.choice.random() < 0.5:
            run = previews.start(sync, actor=ACTOR)
            self.trial.previews[run.pk] = self.trial.now
        else:
            services.start(sync, actor=ACTOR)
        self._at_once(sync)

    def open_for_rest(self) -> None:
        """Whatever has to be answered before anything goes on."""
        for sync in self.trial.syncs:
            sync.refresh_from_db()
            if sync.state == SyncState.DRAFT:
                self.trial.say(f"person: starts {sync.pk}")
                self.trial.again(services.start, sync)

    # --- Undo -----------------------------------------------------------------------------------------------

    def _undo(self, sync: Sync) -> None:
        done = Operation.objects.filter(link__pair=sync.pair, state="done").exclude(kind=LINK_CHANGE).order_by("-pk")
        some = list(done.select_related("run", "link")[:20])
        if not some:
            return
        op = self.dice.choice(some)
        assert op.link is not None
        field = self.dice.choice(op.changes)["mapping"] if op.changes else ""
        target = self.dice.choice(
            [undoing.Target(run=op.run), undoing.Target(link=op.link), undoing.Target(link=op.link, mapping=field)]
        )
        run = undoing.preview(sync, target, actor=ACTOR)
        shown = list(run.operations.select_related("link").order_by("pk"))
        self.trial.say(f"  undo of {target}: {[(o.kind, o.side, o.remote_id, o.state) for o in shown]}")
        if self.dice.random() < 0.2:
            undoing.discard(run, actor=ACTOR)
            return
        undoing.approve(run, actor=ACTOR, delete=True)
        for op in shown:
            assert op.link is not None
            self.trial.decided(sync, op.link.a_id, op.link.b_id, op.changes)
        self._at_once(sync)

    # --- The brake ------------------------------------------------------------------------------------------

    def _answer_brake(self, sync: Sync) -> None:
        held = list(brake.held(sync).select_related("link").order_by("pk"))
        some = self.dice.sample(held, min(len(held), self.dice.randrange(1, 6)))
        only = self.dice.choice([None, [op.pk for op in some]])
        if self.dice.random() < 0.6:
            approvals.release(sync, actor=ACTOR, only=only)
        else:
            approvals.decline(sync, actor=ACTOR, only=only)
            for op in held if only is None else some:
                assert op.link is not None
                self.trial.decided(sync, op.link.a_id, op.link.b_id, op.changes)
        self._at_once(sync)

    def _reopen(self, sync: Sync) -> None:
        approvals.reopen(sync, actor=ACTOR)
        self._at_once(sync)

    # --- Decisions ------------------------------------------------------------------------------------------

    def _answer_ambiguous(self, sync: Sync) -> None:
        ambiguous = list(RecordLink.objects.filter(pair=sync.pair, closed_at=None, cause="ambiguous").order_by("pk"))
        self._riddle(sync, ambiguous)
        answer = self.dice.choice(list(decisions.Answer))
        self.trial.say(f"  {answer}: {[(link.a_id, link.b_id) for link in ambiguous]}")
        decisions.answer_ambiguous(sync, answer, actor=ACTOR)
        self._at_once(sync)


def _other_mappings(before: SyncSettings | None, after: SyncSettings) -> set[str]:
    """Those of which it depends on the moment what becomes of what was typed."""
    if before is None:
        return set()
    if before.direction is not after.direction:
        return {mapping.id for mapping in after.mappings}
    return {x.id for x, y in zip(before.mappings, after.mappings, strict=True) if x != y}
