"""What has to hold whenever a trial is at rest (rules 2.1, 3.8, 5.8 to 5.10, 8.1, 9.1 and 10.4)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from connectors.contract import Idempotency, Values
from syncengine import services
from syncengine.core.filters import Filters
from syncengine.core.lens import Lens
from syncengine.core.mapping import Side, WriteMode
from syncengine.core.match import emails_of
from syncengine.core.plan import Rules
from syncengine.core.scope import judge_scope
from syncengine.models import Operation, OperationState, RecordLink, Sync

from .apps import TEXTS, token
from .office import REMOVALS
from .reasons import (
    is_braked_rightly,
    is_left_out_rightly,
    is_noted_rightly,
    is_paused_rightly,
    last_end_of_holds,
    sending,
)
from .trial import LISTED_ANEW, LOOKED_AT, UNKNOWN, Amiss, App, Trial, Typed

FURTHER_RUNS = 10


def require(condition: object, what: str) -> None:
    if not condition:
        raise Amiss(what)


def judge(trial: Trial) -> None:
    """Everything, at rest. Raises Amiss; forgets what was typed before."""
    seen = [Seen(trial, sync) for sync in trial.syncs]
    for one in seen:
        one.operations_ended()
        one.states_add_up()
        for link in one.links:
            one.state_has_its_reason(link)
            one.differences_have_their_reasons(link)
            one.notes_have_their_reasons(link)
    _nothing_deleted(trial, seen)
    _nothing_twice(trial)
    _nothing_resurrected(trial)
    _nothing_lost(trial, seen)
    trial.checks += sum(len(one.links) for one in seen)
    _forget(trial, seen)


def judge_stillness(trial: Trial) -> None:
    """Ten further runs of each sync write nothing (rule 3.8), whether they list everything or ask for changes."""
    _let_holds_end(trial)
    before = trial.writes
    for number in range(FURTHER_RUNS):
        trial.round(LISTED_ANEW if number % 3 == 0 else LOOKED_AT)
    require(trial.writes == before, f"{trial.writes - before} writes although nothing had changed")


def _let_holds_end(trial: Trial) -> None:
    """Whatever is held until a time goes on then (rule 9.5), so that it does not in the middle of the further runs."""
    if (last := last_end_of_holds(trial)) > trial.now:
        trial.now = last
        trial.come_to_rest()
        judge(trial)


class Seen:
    """One sync at rest, with the records that its apps hold."""

    def __init__(self, trial: Trial, sync: Sync) -> None:
        sync.refresh_from_db()
        self.trial, self.sync = trial, sync
        self.apps = trial.ends(sync)
        self.links = list(RecordLink.objects.filter(pair=sync.pair, closed_at=None).order_by("pk"))
        resources = services.resources_of(sync)
        self.rules = Rules(sync.settings, resources[Side.A], resources[Side.B])

    def __str__(self) -> str:
        return " ↔ ".join(app.name for app in self.apps.values())

    def held(self, link: RecordLink, side: Side) -> Values | None:
        """What the app really holds; None where the record is not there."""
        record = self.apps[side].people.held(link.end(side) or "")
        if record is None:
            return None
        hidden = {f.name: None for f in self.apps[side].people.resource.fields if not f.tells_blank}
        return {**hidden, **record.values}

    def operations_ended(self) -> None:
        left = Operation.objects.filter(
            run__sync=self.sync, state__in=[OperationState.PLANNED, OperationState.SENDING]
        ).values_list("pk", "state", "kind", "side", "remote_id")
        require(not left, f"{self}: operations that never ended: {list(left)}")

    def states_add_up(self) -> None:
        for side, app in self.apps.items():
            ends = [end for link in self.links if (end := link.end(side)) is not None]
            twice = [end for end, times in Counter(ends).items() if times > 1]
            require(not twice, f"{self}: in several links: {twice}")
            missing = set(app.people.rows) - set(ends)
            require(not missing, f"{self}: {app.name} has records without any state: {sorted(missing)}")
        counts = Counter(link.state for link in self.links)
        counts += Counter(f"failing:{link.cause}" for link in self.links if link.state == "failing")
        require(dict(counts) == self.sync.counts, f"{self}: counted {self.sync.counts}, there are {dict(counts)}")

    def _name(self, link: RecordLink) -> str:
        return f"{self} {link.a_id} ↔ {link.b_id} ({link.state} {link.cause})"

    def state_has_its_reason(self, link: RecordLink) -> None:
        held = {side: self.held(link, side) for side in Side}
        gone = {side: link.end(side) is not None and held[side] is None for side in Side}
        name, settings = self._name(link), self.sync.settings
        require(link.state != "waiting", f"{name}: still waiting: {link.detail}")
        if link.state == "in_sync":
            require(link.is_whole and not any(gone.values()), f"{name}: not both are there")
        if link.state == "excluded" and link.cause in ("no_email", "invalid_email"):
            present = [(self.apps[s].people.resource, values) for s in Side if (values := held[s]) is not None]
            require(
                judge_scope(settings, *[*present, None][:2]) is not None,  # type: ignore[arg-type]
                f"{name}: left out, although somebody has {[emails_of(v, r) for r, v in present]}",
            )
        if link.state == "excluded":
            require(is_left_out_rightly(self, link, held), f"{name}: that is not so: {held} {link.detail}")
        if link.state == "in_sync" and settings.filters != Filters():
            require(sending(self, link, held), f"{name}: no filter lets it pass: {held}")
        if link.state == "paused":
            require(is_paused_rightly(link, self.trial.now), f"{name}: it is not paused until {link.paused_until}")
        if link.state == "failing":
            self._failing_has_its_reason(link, name, gone, held)

    def _failing_has_its_reason(
        self, link: RecordLink, name: str, gone: dict[Side, bool], held: dict[Side, Values | None]
    ) -> None:
        if link.cause in ("deleted_in_a", "deleted_in_b"):
            require(gone[Side(link.cause[-1])], f"{name}: it is there")
        elif link.cause == "ambiguous":
            require(self._is_tangled(held), f"{name}: there is nothing to doubt: {link.candidates}")
        elif link.cause == "in_doubt":
            apps = [self.apps[side] for side in Side if link.end(side) is None]
            knows = any(app.people.resource.idempotency is not Idempotency.NONE for app in apps)
            require(not knows, f"{name}: the app could have told")
            self.trial.tangled |= {str(values["code"]) for values in held.values() if values}
        elif link.cause == "brake":
            require(is_braked_rightly(link), f"{name}: nothing is held")
        else:
            require(link.parked or link.detail, f"{name}: nothing says why")

    def _is_tangled(self, held: dict[Side, Values | None]) -> bool:
        codes = {str(values.get("code")) for values in held.values() if values}
        made = self.trial.made
        return bool(codes & self.trial.tangled) or any(
            sum(n for (_, c), n in made.items() if c == code) > 1 for code in codes
        )

    def takes_part(self, link: RecordLink) -> bool:
        """Are values carried between these two?"""
        there = all(link.end(side) in app.people.rows for side, app in self.apps.items())
        of_a_field = link.state == "failing" and link.cause in {one["reason"] for one in link.parked.values()}
        return there and (link.state == "in_sync" or of_a_field)

    def differences_have_their_reasons(self, link: RecordLink) -> None:
        a, b = self.held(link, Side.A), self.held(link, Side.B)
        if not self.takes_part(link) or a is None or b is None:
            return
        looks = {Side.A: self.rules.looks(Side.A, a), Side.B: self.rules.looks(Side.B, b)}
        for strand in looks[Side.A]:
            x, y = looks[Side.A][strand], looks[Side.B][strand]
            if x == y or strand in link.notes or strand in link.parked or strand.endswith(".primary"):
                continue
            lens = self._lens(strand)
            if lens.mapping.id == "stage" and a["stage"] == b["stage"]:
                continue  # An option that one of them has no more, and both records still hold.
            hidden = any(looks[s][strand] is None and not lens.tells_blank[s] for s in Side)
            require(hidden, f"{self._name(link)}: {lens.mapping.id}: {x!r} and {y!r} differ, and nothing says why")

    def notes_have_their_reasons(self, link: RecordLink) -> None:
        held = {side: self.held(link, side) for side in Side}
        if self.takes_part(link):
            for strand, reason in link.notes.items():
                if strand in link.parked:
                    continue  # That comes first.
                good = is_noted_rightly(self, link, reason, held, self.trial.now)
                require(good, f"{self._name(link)}: {strand} is not {reason}: {link.pins} {link.parked} {held}")

    def is_open(self, link: RecordLink, name: str) -> bool:
        """Is what was typed into this field still to be carried, once something allows it?"""
        if not self.takes_part(link):
            return True
        lens = next((lens for lens in self.rules.lenses if lens.mapping.id == name), None)
        strand = lens.strand("") if lens is not None else ""
        return strand in link.parked or link.notes.get(strand) in ("filtered", "pinned")

    def _lens(self, strand: str) -> Lens:
        return next(lens for lens in self.rules.lenses if strand.startswith(lens.strand("")))

    def carries(self, link: RecordLink, name: str, to: Side) -> bool:
        """Is whatever is typed into this field on the other side carried to this one?"""
        lens = next((lens for lens in self.rules.lenses if lens.mapping.id == name), None)
        if lens is None or not self.takes_part(link):
            return False
        strand = lens.strand("")
        free = strand not in link.notes and strand not in link.parked
        return free and lens.direction.allows(to) and lens.mapping.mode is WriteMode.OVERWRITE


# --- Over all syncs -----------------------------------------------------------------------------------------


def _nothing_twice(trial: Trial) -> None:
    """The engine makes at most one copy of each record that people made elsewhere (rules 5.8 and 10.4), and one more
    for each that was removed and that they asked for (rule 8.2), or that was gone before the answer was known."""
    for (app, code), made in trial.created.items():
        elsewhere = sum(n for (other, c), n in trial.made.items() if c == code and other != app)
        most = max(elsewhere, 1) + trial.wished[(app, code)] + trial.vanished[(app, code)]
        require(made <= most, f"{app} got {made} copies of {code}, of whom people made {elsewhere}")


def _nothing_resurrected(trial: Trial) -> None:
    """What people removed is not made again (rule 8.1)."""
    for (sync, app, code), made_before in trial.deleted.items():
        again = trial.copies[(sync, app, code)] - made_before
        require(again <= 0 or code in trial.tangled, f"{code} was removed in {app}, and made again")


Row = tuple[str, str]
"""(app, id)"""


def _nothing_lost(trial: Trial, seen: Iterable[Seen]) -> None:
    """What a person typed is there, and where it was the only edit, everywhere (rules 3.2 to 3.4)."""
    linked: dict[Row, set[Row]] = defaultdict(set)
    ways: dict[str, dict[Row, set[Row]]] = {name: defaultdict(set) for name in TEXTS}
    for one in seen:
        for link in one.links:
            rows = {side: (one.apps[side].name, end) for side in Side if (end := link.end(side)) is not None}
            if len(rows) < 2:
                continue
            for side in Side:
                linked[rows[side]].add(rows[side.other])
                for name in TEXTS:
                    if one.carries(link, name, side):
                        ways[name][rows[side.other]].add(rows[side])
    for (app_name, id_, name), edit in trial.typed.items():
        app = trial.app(app_name)
        if name not in TEXTS or name in trial.unsure or id_ not in app.people.rows or edit.value == UNKNOWN:
            continue
        others = {other for other in _reach((app_name, id_), linked) if (*other, name) in trial.typed}
        if not others:
            _check_edit(trial, app, id_, name, edit.value, ways[name])


def _check_edit(trial: Trial, app: App, id_: str, name: str, value: Any, ways: dict[Row, set[Row]]) -> None:
    """Nobody else has typed into this field of this person, in any app."""
    now = token(app.people.rows[id_].values.get(name))
    if now != token(value) and any(_echoed(trial, there, name, now) for there in _reach((app.name, id_), ways)):
        return
    require(now == token(value), f"{app.name} {id_}: {name} {value!r} was overwritten by {now!r}")
    if now is not None:  # A blank is carried or kept, as is chosen: `differences_have_their_reasons`.
        for there in _reach((app.name, id_), ways):
            if not _silently_dropped(trial, there, name, now):
                arrived = token(trial.app(there[0]).people.rows[there[1]].values.get(name))
                require(arrived == now, f"{app.name} {id_}: {name} {value!r} was lost: {there} has {arrived!r}")


def _echoed(trial: Trial, row: Row, name: str, now: str | None) -> bool:
    """It made something else of what was sent, and told so late that it looked like an edit of its own."""
    people, sent = trial.app(row[0]).people, trial.sent.get((*row, name))
    changes = sent is not None and people.rewrite({name: sent})[name] != sent
    return changes and not people.answers and bool(people.lag) and token(sent) == now


def _silently_dropped(trial: Trial, row: Row, name: str, now: str | None) -> bool:
    """It was sent, the app keeps no such value, and it does not tell that the field is blank: nobody can know."""
    people = trial.app(row[0]).people
    sent, field = trial.sent.get((*row, name)), people.resource.field(name)
    assert field is not None
    drops = sent is not None and people.rewrite({name: sent})[name] is None
    return drops and not field.tells_blank and token(sent) == now


def _reach(row: Row, ways: dict[Row, set[Row]]) -> set[Row]:
    found: set[Row] = set()
    left = [row]
    while left:
        for other in ways.get(left.pop(), ()):
            if other not in found and other != row:
                found.add(other)
                left.append(other)
    return found


def _nothing_deleted(trial: Trial, seen: Iterable[Seen]) -> None:
    """The engine removes what people removed on the other side, or what it made and they had undone (rule 8.3)."""
    for app_name, id_ in trial.taken:
        good = False
        for one in seen:
            for side, app in one.apps.items():
                if app.name != app_name:
                    continue
                removals = Operation.objects.filter(
                    run__sync=one.sync, side=side.value, remote_id=id_, kind__in=REMOVALS
                ).exclude(sent_at=None)
                for op in removals.select_related("link", "run__version"):
                    assert op.link is not None
                    if op.undoes:
                        good |= op.run.decided_at is not None
                        continue
                    other = one.apps[side.other]
                    allowed = op.run.version.load().deletions.get(side) == op.kind
                    good |= allowed and _is_gone(trial, other, op.link.end(side.other) or "")
        require(good, f"{app_name} {id_} was removed, and nobody wanted that")
    trial.taken.clear()


def _is_gone(trial: Trial, app: App, id_: str) -> bool:
    """Removed by people, or by the engine for their sake; one that was merged is what it was merged into, but where
    the app tells nothing of merges: there it cannot be told from one that was deleted."""
    removal = app.people.removals.get(id_)
    if removal is not None and removal.into is not None and app.people.resource.merges:
        return _is_gone(trial, app, removal.into)
    return (app.name, id_) in trial.gone or removal is not None


def _forget(trial: Trial, seen: Iterable[Seen]) -> None:
    """What was typed has arrived; but not what waits until something allows it."""
    waiting: set[tuple[str, str, str]] = set()
    for one in seen:
        for link in one.links:
            for side in Side:
                if (end := link.end(side)) is not None:
                    names = [name for name in TEXTS if one.is_open(link, name)]
                    waiting |= {(one.apps[side].name, end, name) for name in names}
    trial.typed = {key: edit for key, edit in trial.typed.items() if key in waiting and _stands(trial, key, edit)}
    trial.unsure.clear()
    trial.history_changed.clear()
    trial.rested_at = trial.number()


def _stands(trial: Trial, key: tuple[str, str, str], edit: Typed) -> bool:
    """Is it still there, or did something else win?"""
    app_name, id_, name = key
    row = trial.app(app_name).people.rows.get(id_)
    return row is not None and (edit.value == UNKNOWN or token(row.values.get(name)) == token(edit.value))
