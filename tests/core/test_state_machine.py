"""Two apps, a sync between them, and anything that people, apps and machines may do to it, in any order.

After whatever happened the sync comes to rest (rule 3.8): a second pass plans nothing, and both sides are equal or
differ for a recorded reason. On the way no edit that only one side made is lost, no record is made twice (10.4), no
deletion is passed on or undone (8.1), and nothing is written against a direction (2.1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from connectors.contract import Field, Idempotency, Kind, Refusal, Refused, Resource, Values, WriteKind
from connectors.testing.memory import MemoryApp, MemoryObject
from syncengine.core.lens import Lens
from syncengine.core.mapping import (
    ClearPolicy,
    Direction,
    FieldMapping,
    Side,
    SyncSettings,
    Transform,
    WriteMode,
)
from syncengine.core.merge import Reason
from syncengine.core.scope import judge_scope
from syncengine.core.values import Key, decimal_of, plain

from .build import ALL_WRITES, A, B, T, field
from .driver import Driver, Link, Stopped

FIELDS: dict[Side, tuple[Field, ...]] = {
    A: (
        field("first", canonical="first_name"),
        field("last", canonical="last_name"),
        field("mail", T.EMAIL, "email"),
        field("phone", T.PHONE),
        field("job", max_length=12),
        field("score", T.NUMBER),
        field("born", T.DATE),
        field("tags", multi_valued=True),
        field("note", T.LONG_TEXT),
        field("code"),
        field("origin", read_only=True),
    ),
    B: (
        field("full", canonical="full_name"),
        field("mails", T.EMAIL, "email", multi_valued=True),
        field("phone", T.PHONE),
        field("job"),
        field("score", T.INTEGER),
        field("born", T.DATETIME),
        field("tags", multi_valued=True),
        field("note", tells_blank=False),
        field("code"),
        field("origin"),
    ),
}
NAMES = [("Ann", "Lee"), ("Bob", "Lee"), ("Ann", "van Dam"), ("Zoë", None), (None, "Lee")]
MAILS = ["ann@x.de", "ANN@x.de", "bob@x.de", "eve@x.de", "info@x.de", "nobody"]
VALUES: dict[str, list[Any]] = {
    "first": ["Ann", "Bob", "Zoë", None],
    "last": ["Lee", "van Dam", None],
    "full": ["Ann Lee", "Bob Lee", "Ann van Dam", "Lee, Ann", "Zoë", None],
    "mail": [*MAILS, None],
    "mails": [["ann@x.de"], ["bob@x.de", "ann@x.de"], ["eve@x.de"], ["info@x.de", "bob@x.de"], [], None],
    "phone": ["+49 30 1234567", "030 1234567", "+49301234567", "112", "ask Bob", None],
    "job": ["Boss", " boss ", "Head of everything", "bad", "Clerk", None],
    "score": ["1", "1.5", "2.5", "100", None],
    "born": ["2000-02-29", "2026-03-29", None],
    "tags": [["x"], ["x", "y"], ["y", "x"], ["z", "X"], ["y", "z", "w"], [], None],
    "note": ["hello", "hello world, at length", "line\nline", None],
    "code": ["c1", "c2", "c3", None],
    "origin": ["web", "fair", None],
}
SPECIAL: dict[tuple[Side, str], list[Any]] = {
    (B, "score"): [1, 2, 3, 100, None],
    (B, "born"): ["2000-02-28T23:00:00Z", "2026-03-29T10:00:00Z", None],
    (B, "job"): ["Boss", " boss ", "Head of everything", "Clerk", None],  # B takes no bad job from people either.
}


# --- Apps with habits ---------------------------------------------------------------------------------------

Rewrite = Callable[[Values], Values]


def on_texts(change: Callable[[str], str]) -> Rewrite:
    names = {"job", "note", "first", "last", "full"}
    return lambda values: {n: change(v) if n in names and isinstance(v, str) else v for n, v in values.items()}


def rounding(values: Values) -> Values:
    score = values.get("score")
    number = decimal_of(score) if isinstance(score, str) else None
    return values if number is None else {**values, "score": plain(round(number))}


def sorting(values: Values) -> Values:
    return {n: sorted({e.lower() for e in v}) or None if n == "tags" and v else v for n, v in values.items()}


def deaf(values: Values) -> Values:
    """Answers that all is well, and keeps no notes."""
    return {**values, "note": None}


HABITS: dict[str, Rewrite] = {
    "none": lambda values: values,
    "cuts": on_texts(lambda text: text[:8]),
    "lower case": on_texts(str.lower),
    "strips": on_texts(str.strip),
    "rounds": rounding,
    "writes phones its own way": lambda values: {
        n: v.replace(" ", "-") if n == "phone" and v else v for n, v in values.items()
    },
    "sorts tags": sorting,
    "deaf": deaf,
    "blank is empty": lambda values: {n: "" if v is None and n in ("job", "code") else v for n, v in values.items()},
}


def picky(values: Values) -> Refused | None:
    if str(values.get("job") or "").strip().lower() == "bad":
        return Refused(Refusal.APP_RULE, "We do not take bad jobs.", field="job")
    return None


def app_of(side: Side, data: st.DataObject) -> MemoryApp:
    resource = Resource(
        "people",
        "People",
        FIELDS[side],
        kind=Kind.CONTACT,
        writes=ALL_WRITES,
        idempotency=data.draw(st.sampled_from(Idempotency), f"{side} tells creations by"),
        lock=data.draw(st.booleans(), f"{side} locks"),
    )
    people = MemoryObject(
        resource,
        rewrite=HABITS[data.draw(st.sampled_from(sorted(HABITS)), f"{side} habit")],
        answers=data.draw(st.booleans(), f"{side} answers with the record"),
        make_id=lambda number: f"{side.value}{number}",
    )
    if side is B:
        people.refuse = picky
    return MemoryApp(people)


def settings_from(data: st.DataObject) -> SyncSettings:
    clears = st.sampled_from(ClearPolicy)
    return SyncSettings(
        kind=Kind.CONTACT,
        direction=data.draw(st.sampled_from([Direction.TWO_WAY, Direction.TWO_WAY, *Direction]), "direction"),
        winner=data.draw(st.sampled_from(Side), "winner"),
        email_only=data.draw(st.booleans(), "e-mail only"),
        country="DE",
        zone="Europe/Berlin",
        mappings=(
            FieldMapping("name", ("first", "last"), ("full",), transform=Transform.NAME),
            FieldMapping("mail", ("mail",), ("mails",), clears=data.draw(clears, "clear mail")),
            FieldMapping("phone", ("phone",), ("phone",), winner=data.draw(st.sampled_from(Side), "winner of phone")),
            FieldMapping("job", ("job",), ("job",), clears=data.draw(clears, "clear job"), defaults={B: "Guest"}),
            FieldMapping("score", ("score",), ("score",)),
            FieldMapping("born", ("born",), ("born",), clears=data.draw(clears, "clear born")),
            FieldMapping("tags", ("tags",), ("tags",), clears=data.draw(clears, "clear tags")),
            FieldMapping("note", ("note",), ("note",), mode=data.draw(st.sampled_from(WriteMode), "mode of note")),
            FieldMapping("code", ("code",), ("code",), Direction.A_TO_B),
            FieldMapping("origin", ("origin",), ("origin",)),
        ),
    )


# --- The machine --------------------------------------------------------------------------------------------


class TwoApps(RuleBasedStateMachine):
    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.apps = {side: app_of(side, data) for side in Side}
        self.people = {side: app["people"] for side, app in self.apps.items()}
        self.settings = settings_from(data)
        self.driver = Driver(self.settings, self.apps[A], self.apps[B], "people")
        self.at_rest: dict[tuple[str | None, ...], dict[Side, dict[str, Key]]] = {}
        """Both ends of a link → what its records looked like at the last rest."""
        self.typed: dict[tuple[Side, str, str], tuple[int, Values]] = {}
        """(side, id, field) → when a person last typed there since the last rest, and what the record then was."""
        self.edits = 0
        self.blurred: set[tuple[Side, str, str]] = set()
        """Fields that were blank in between, which may be remembered (3.6), or that somebody typed into while a write
        of ours to them was in doubt: nobody can tell who was last."""
        self.was_whole: set[tuple[Side, str]] = set()
        self.seen_creations = 0
        self.parked: set[str] = set()
        """Strands that were parked somewhere at the last rest: they were never compared."""
        for number in range(2):
            for side in data.draw(st.sampled_from([(A,), (B,), (A, B)]), "who has the person"):
                more = {n: self._value(data, side, n) for n in ("job", "note", "phone", "tags")}
                self._add(side, "Ann", "Lee", f"p{number}@x.de", more)
        self.come_to_rest()

    # What people do

    def _value(self, data: st.DataObject, side: Side, name: str) -> Any:
        return data.draw(st.sampled_from(SPECIAL.get((side, name), VALUES[name])), f"{side}.{name}")

    def _record(self, data: st.DataObject, side: Side) -> str | None:
        """A record that people may touch. One whose creation is in doubt has hardly been seen yet."""
        doubtful = {op.key for op in self.driver.operations}
        ids = sorted(id_ for id_, row in self.people[side].rows.items() if row.key not in doubtful)
        return data.draw(st.sampled_from(ids), f"record of {side}") if ids else None

    @rule(data=st.data(), side=st.sampled_from(Side))
    def somebody_is_added(self, data: st.DataObject, side: Side) -> None:
        first, last = data.draw(st.sampled_from(NAMES), "name")
        mail = data.draw(st.sampled_from([*MAILS, None]), "mail")
        values = {n: self._value(data, side, n) for n in ("phone", "job", "tags", "code") if data.draw(st.booleans())}
        self._add(side, first, last, mail, values)

    @rule(name=st.sampled_from(NAMES), mail=st.sampled_from(MAILS))
    def the_same_person_is_added_to_both(self, name: tuple[str | None, str | None], mail: str) -> None:
        for side in Side:
            self._add(side, *name, mail, {})

    def _add(self, side: Side, first: str | None, last: str | None, mail: str | None, more: Values) -> None:
        if side is A:
            self.people[A].add({"first": first, "last": last, "mail": mail, **more})
        else:
            full = " ".join(part for part in (first, last) if part)
            self.people[B].add({"full": full, "mails": [mail] if mail else None, **more})

    @rule(data=st.data(), side=st.sampled_from(Side))
    def somebody_is_edited(self, data: st.DataObject, side: Side) -> None:
        id_ = self._record(data, side)
        if id_ is not None:
            name = data.draw(st.sampled_from([f.name for f in FIELDS[side]]), "field")
            self._type(side, id_, name, self._value(data, side, name))

    def _type(self, side: Side, id_: str, name: str, value: Any) -> None:
        before = self.driver.rules.looks(side, self._held(side, id_))
        self.people[side].edit(id_, {name: value})
        if self.driver.rules.looks(side, self._held(side, id_)) == before:
            if (side, id_, name) in self.typed:
                self.typed[(side, id_, name)] = self.typed[(side, id_, name)][0], self._held(side, id_)
            return  # A change of form alone is no change (3.1).
        if not value:
            self.blurred.add((side, id_, name))
        for op in self.driver.operations:
            if (op.draft.side, op.link.ends[side]) == (side, id_) and name in op.draft.values:
                self.blurred.add((side, id_, name))
        self.edits += 1
        self.typed[(side, id_, name)] = self.edits, self._held(side, id_)

    def _held(self, side: Side, id_: str) -> Values:
        """All fields of a record, as its app holds them now."""
        values = self.people[side].values(id_)
        return {f.name: values.get(f.name) for f in FIELDS[side]}

    @rule(data=st.data(), side=st.sampled_from(Side))
    def somebody_is_deleted(self, data: st.DataObject, side: Side) -> None:
        id_ = self._record(data, side)
        if id_ is not None:
            self.people[side].remove(id_)

    @rule(data=st.data(), side=st.sampled_from(Side))
    def somebody_comes_back(self, data: st.DataObject, side: Side) -> None:
        binned = sorted(self.people[side].removals)
        if binned:
            self.people[side].restore(data.draw(st.sampled_from(binned), "record"))

    # What machines do

    @rule(data=st.data())
    def a_pass_while_somebody_types(self, data: st.DataObject) -> None:
        """On either side, in a field that is just about to be written or was just read."""

        def type_() -> None:
            updates = [op for op in self.driver.operations if op.draft.kind is WriteKind.UPDATE]
            if updates:
                op = updates[data.draw(st.integers(0, len(updates) - 1), "operation")]
                side = data.draw(st.sampled_from(Side), "side")
                mapping = data.draw(st.sampled_from([c.mapping for c in op.draft.changes]), "mapping")
                (lens,) = (lens for lens in self.driver.rules.lenses if lens.mapping.id == mapping)
                name = data.draw(st.sampled_from(lens.field_names(side)), "field")
                self._type(side, op.link.ends[side] or "", name, self._value(data, side, name))

        self._run(before_writing=type_)

    @rule(data=st.data(), side=st.sampled_from(Side), took_effect=st.booleans())
    def an_edit_whose_write_is_never_answered(self, data: st.DataObject, side: Side, took_effect: bool) -> None:
        self.somebody_is_edited(data, side)
        self.a_pass_that_stops_at_a_write(side.other, 0, took_effect)

    @rule(side=st.sampled_from(Side), write=st.integers(0, 3), took_effect=st.booleans())
    def a_pass_that_stops_at_a_write(self, side: Side, write: int, took_effect: bool) -> None:
        app = self.apps[side]
        real, left = app.count, [write]

        def count(method: str, kind: str = "") -> Any:
            if method == "write":
                if left[0] == 0:
                    app.fail_next("write", Stopped(), effect=None if took_effect else 0)
                left[0] -= 1
            return real(method, kind)

        app.count = count  # type: ignore[method-assign]
        try:
            self._run()
        except Stopped:
            note(f"stopped: {len([op for op in self.driver.operations if op.sending])} in doubt")
            self.driver.stop()
        finally:
            app.count = real  # type: ignore[method-assign]
            app.stop_failing()

    def _run(self, **how: Any) -> int:
        before, there = set(self.was_whole), {side: self._mails(side) for side in Side}
        try:
            return self.driver.run(**how)
        finally:
            self.was_whole |= {
                (s, i) for k in self.driver.links if all(k.ends.values()) for s, i in k.ends.items() if i
            }
            for op in self.driver.creations[self.seen_creations :]:
                assert op.source not in before, "a record whose other end is gone was copied as if it were new (8.1)"
                made = self.driver.keys_of(op.draft.side, op.draft.values).emails
                assert not made & there[op.draft.side], "somebody with this address is there already (5.8, 5.9)"
            self.seen_creations = len(self.driver.creations)

    def _mails(self, side: Side) -> set[str]:
        return {e for row in self.people[side].rows.values() for e in self.driver.keys_of(side, row.values).emails}

    # What must hold

    @rule()
    def all_comes_to_rest(self) -> None:
        self.come_to_rest()

    def come_to_rest(self) -> None:
        for _ in range(6):
            if self._run() == 0:
                break
        writes = [len(app.sent) for app in self.apps.values()]
        assert self._run() == 0, "a second pass plans nothing (3.8)"
        assert [len(app.sent) for app in self.apps.values()] == writes
        for link in self.driver.links:
            self._check_in_step(link)
            self._check_edits(link)
        self.at_rest = {
            tuple(k.ends.values()): looks for k in self.driver.links if (looks := self._looks(k)) is not None
        }
        self.parked = {strand for link in self.driver.links for strand in link.parked}
        self.typed.clear()
        self.blurred.clear()

    def _values(self, link: Link) -> dict[Side, Values] | None:
        """Both records as the apps hold them; None where the pair takes no part."""
        if link.gone or not all(link.ends.values()):
            return None
        values = {side: self._held(side, link.ends[side] or "") for side in Side}
        resources = self.driver.resources
        outside = judge_scope(self.settings, *((resources[side], values[side]) for side in Side))
        return None if outside else values

    def _looks(self, link: Link) -> dict[Side, dict[str, Key]] | None:
        values = self._values(link)
        return None if values is None else {side: self.driver.rules.looks(side, values[side]) for side in Side}

    def _check_in_step(self, link: Link) -> None:
        looks = self._looks(link)
        for strand in looks[A] if looks else ():
            a, b = looks[A][strand], looks[B][strand]
            if a == b or strand in link.notes or strand in link.parked or strand.endswith(".primary"):
                continue
            lens = self._lens(strand)
            hidden = any(looks[side][strand] is None and not lens.tells_blank[side] for side in Side)
            assert hidden, f"{strand}: {a!r} and {b!r} differ, and nothing says why (3.8)"

    def _lens(self, strand: str) -> Lens:
        return next(lens for lens in self.driver.rules.lenses if strand.startswith(lens.strand("")))

    def _check_edits(self, link: Link) -> None:
        before, after, values = self.at_rest.get(tuple(link.ends.values())), self._looks(link), self._values(link)
        if before is None or after is None or values is None:
            return
        for lens in self.driver.rules.lenses:
            strand = lens.strand("")
            typed = {side: self._typed(link, side, lens) for side in Side}
            if strand in link.parked or strand in self.parked:
                continue
            if typed[A] and typed[B]:
                self._check_conflict(link, lens, before, after)
                continue
            for side in Side:
                if typed[side] and not lens.is_set:
                    left = {n: values[side][n] for n in typed[side]}
                    assert left == typed[side], f"what was typed in {link.ends[side]} was overwritten"
                    self._check_passed_on(link, lens, side, before, after)
                elif typed[side]:
                    self._check_list_passed_on(link, lens, side, before, after)
            if not typed[A] and not typed[B]:
                now, then = ({s: looks[s][strand] for s in Side} for looks in (after, before))
                assert now == then, f"{strand} of {list(link.ends.values())}: nobody changed {then} to {now}"

    def _typed(self, link: Link, side: Side, lens: Lens) -> dict[str, Any]:
        end = link.ends[side] or ""
        edits = {n: self.typed[(side, end, n)] for n in lens.field_names(side) if (side, end, n) in self.typed}
        return {n: values.get(n) for n, (_, values) in edits.items()}

    def _typed_last(self, link: Link, lens: Lens) -> tuple[Side, Values]:
        """The last edit of this mapping: where, and what the record then was."""
        edits = [
            (*self.typed[(side, end, name)], side)
            for side, end in link.ends.items()
            for name in lens.field_names(side)
            if (side, end, name) in self.typed
        ]
        _, values, side = max(edits, key=lambda edit: edit[0])
        return side, values

    def _check_conflict(self, link: Link, lens: Lens, before: Any, after: Any) -> None:
        """Both sides were edited. If the winner's edit came last, it stands on both, whatever passed in between."""
        strand, winner = lens.strand(""), lens.mapping.winner or self.settings.winner
        values = self._held(winner, link.ends[winner] or "")
        typed = self._typed(link, winner, lens)
        last, held = self._typed_last(link, lens)
        sent = self.driver.rules.looks(last, held)[strand]
        if (
            lens.is_set
            or any((winner, link.ends[winner], name) in self.blurred for name in typed)
            or sent in (None, before[winner][strand])
            or last is not winner
            or lens.mapping.mode is not WriteMode.OVERWRITE
            or lens.direction is not Direction.TWO_WAY
        ):
            return
        assert {n: values.get(n) for n in typed} == typed, "the winner's edit was overwritten"
        assert after[winner.other][strand] == sent or link.notes.get(strand) is Reason.REWRITTEN, (
            "the winner's edit was lost"
        )

    def _check_passed_on(self, link: Link, lens: Lens, side: Side, before: Any, after: Any) -> None:
        """One side was edited: the other has the value, or says why not (3.2, 3.6, 2.3)."""
        strand, other = lens.strand(""), side.other
        sent, was = after[side][strand], before[side][strand]
        if sent == was and after[other][strand] == before[other][strand]:
            return
        if not lens.direction.allows(other) or lens.mapping.mode is not WriteMode.OVERWRITE:
            return
        if sent is None and (lens.mapping.clears is ClearPolicy.KEEP or not lens.tells_blank[side]):
            assert after[other][strand] is not None or before[other][strand] is None or sent == was
            return
        arrived = after[other][strand] == sent or link.notes.get(strand) is Reason.REWRITTEN
        assert arrived, f"{lens.mapping.id}: {sent!r} of {side} was lost; there is {after[other][strand]!r}"

    def _check_list_passed_on(self, link: Link, lens: Lens, side: Side, before: Any, after: Any) -> None:
        strand, other = lens.strand(""), side.other
        if not lens.direction.allows(other) or link.notes.get(strand) is Reason.REWRITTEN:
            return
        kept = set(after[side][strand] or ())
        added = kept - set(before[side][strand] or ())
        removed = set(before[side][strand] or ()) - kept
        assert added <= set(after[other][strand] or ()), "an element was lost"
        if any((side, link.ends[side], name) in self.blurred for name in lens.field_names(side)):
            return
        if kept or lens.mapping.clears is ClearPolicy.CLEAR:
            assert not removed & set(after[other][strand] or ()), (
                f"removed in {link.ends[side]}, still there: {removed}"
            )

    @precondition(lambda self: hasattr(self, "driver"))
    @invariant()
    def nothing_is_written_against_a_direction(self) -> None:
        for side in Side:
            sent = self.apps[side].sent
            assert not sent or self.settings.direction.allows(side)
            assert {write.kind for write in sent} <= {WriteKind.CREATE, WriteKind.UPDATE}, "a deletion was passed on"
        assert not any("code" in write.values or "origin" in write.values for write in self.apps[A].sent)

    @precondition(lambda self: hasattr(self, "driver"))
    @invariant()
    def no_record_is_made_twice(self) -> None:
        for side in Side:
            people = self.people[side]
            there = {row.key for row in people.rows.values()} | {gone.row.key for gone in people.removals.values()}
            sources = {op.key: op.source for op in self.driver.creations if op.draft.side is side and op.key in there}
            twice = [source for source, times in Counter(sources.values()).items() if times > 1]
            assert not twice, f"made twice on side {side}: {twice}"

    @precondition(lambda self: hasattr(self, "driver"))
    @invariant()
    def one_record_stands_in_one_link(self) -> None:
        ends = Counter((s, i) for link in self.driver.links for s, i in link.ends.items() if i is not None)
        assert not [end for end, times in ends.items() if times > 1]

    def teardown(self) -> None:
        if hasattr(self, "driver"):
            self.come_to_rest()


TestTwoApps = TwoApps.TestCase
