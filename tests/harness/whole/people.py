"""What people, apps and machines do in a trial, one step at a time, as the seed's dice have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

from connectors.contract import (
    ConnectorBroken,
    Field,
    FieldType,
    PermissionLost,
    RateLimited,
    ReadStrategy,
    Retry,
    SignInAgain,
)
from syncengine.models import Sync

from .apps import STAGES, TEXTS, typed
from .trial import App, Trial

NAMES = ("Ann", "Bob", "Zoë", "Li")


class Steps:
    """Draws and does the steps of one trial."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.dice: Random = trial.dice
        self.office = trial.office
        self._persons = 0

    # --- People ---------------------------------------------------------------------------------------------

    def populate(self, count: int) -> None:
        """People whom the apps know before anything is synced; some are in several."""
        while sum(len(app.people.rows) for app in self.trial.apps) < count:
            self.add_person()

    def add_person(self) -> None:
        """A new person, in one app or in several; now and then twice in one."""
        dice, code = self.dice, self._new_code()
        mail = dice.choices([f"{code}@x.de", None, "nobody"], [16, 3, 1])[0]
        apps = dice.sample(self.trial.apps, dice.choices([1, 2], [3, 1])[0])
        for app in apps:
            self._add(app, code, mail)
        if dice.random() < 0.04:
            self._add(apps[0], code, mail)
            self.trial.tangled.add(code)
        if mail is None and len(apps) > 1:
            self.trial.tangled.add(code)  # Nothing tells that they are the same.

    def _new_code(self) -> str:
        self._persons += 1
        return f"c{self._persons}"

    def _add(self, app: App, code: str, mail: str | None) -> None:
        dice, split = self.dice, app.people.resource.field("first") is not None
        first, last = dice.choice(NAMES), f"Lee{code}"
        values: dict[str, Any] = {
            "code": code,
            **({"first": first, "last": last} if split else {"full": f"{first} {last}"}),
        }
        address = mail.upper() if mail and dice.random() < 0.2 else mail
        values["mail"] = address if split or address is None else [address]
        for name in (*TEXTS, "score", "stage", "phone", "tags"):
            if dice.random() < 0.5:
                values[name] = self._typed(app, name)
        id_ = app.people.add(values)
        self.trial.made[(app.name, code)] += 1
        self.trial.note_typed(app, id_, values)

    def _typed(self, app: App, name: str) -> Any:
        return typed(self._field(app, name), self.trial.number(), self.dice)

    def _field(self, app: App, name: str) -> Field:
        found = app.people.resource.field(name)
        assert found is not None
        return found

    def _some_record(self, app: App | None = None) -> tuple[App, str] | None:
        app = app or self.dice.choice(self.trial.apps)
        ids = list(app.people.rows)
        return (app, self.dice.choice(ids)) if ids else None

    def edit(self, app: App | None = None) -> None:
        chosen = self._some_record(app)
        if chosen is None:
            return
        app, id_ = chosen
        names = self.dice.sample([*TEXTS, *TEXTS, "score", "stage", "phone", "tags"], self.dice.choice([1, 1, 2]))
        values = {name: self._typed(app, name) for name in names}
        if self.dice.random() < 0.15:
            values = dict.fromkeys(values)
        self._edit(app, id_, values)

    def edit_both(self) -> None:
        """The same field of the same person in two apps, to different values."""
        app, other = self.dice.sample(self.trial.apps, 2)
        by_code = {row.values["code"]: id_ for id_, row in other.people.rows.items()}
        shared = [(id_, by_code[c]) for id_, row in app.people.rows.items() if (c := row.values["code"]) in by_code]
        if shared:
            (mine, theirs), name = self.dice.choice(shared), self.dice.choice(TEXTS)
            self._edit(app, mine, {name: self._typed(app, name)})
            self._edit(other, theirs, {name: self._typed(other, name)})

    def _edit(self, app: App, id_: str, values: dict[str, Any]) -> None:
        app.people.edit(id_, values)
        self.trial.note_typed(app, id_, values)

    def reformat(self) -> None:
        """A change of form alone."""
        chosen = self._some_record()
        if chosen is None:
            return
        app, id_ = chosen
        held = app.people.rows[id_].values
        mail, phone, tags = (held.get(name) for name in ("mail", "phone", "tags"))
        values = self.dice.choice(
            [
                {"mail": mail.swapcase() if isinstance(mail, str) else mail and [m.swapcase() for m in mail]},
                {"phone": phone and phone.replace(" ", "")},
                {"tags": tags and tags[:1] + tags[:0:-1]},
            ]
        )
        app.people.edit(id_, values)

    def change_address(self) -> None:
        chosen = self._some_record()
        if chosen is None:
            return
        app, id_ = chosen
        code, number = self.trial.code_of(app, id_), self.trial.number()
        mail = self.dice.choice([f"{code}.{number}@x.de", f"{code}.{number}@x.de", None])
        many = self._field(app, "mail").multi_valued
        self._edit(app, id_, {"mail": [mail] if many and mail else mail})
        self.trial.tangled.add(code)

    def remove(self) -> None:
        chosen = self._some_record()
        if chosen is not None:
            app, id_ = chosen
            self.trial.removed(app, id_)
            app.people.remove(id_)

    def restore(self) -> None:
        app = self.dice.choice(self.trial.apps)
        bin_ = [id_ for id_, removal in app.people.removals.items() if removal.into is None]
        if bin_:
            id_ = self.dice.choice(bin_)
            app.people.restore(id_)
            self.trial.say(f"  {app.name} {id_} restored")
            self.trial.tangled.add(self.trial.code_of(app, id_))

    def merge(self) -> None:
        app = self.dice.choice(self.trial.apps)
        if len(app.people.rows) < 2:
            return
        gone, into = self.dice.sample(list(app.people.rows), 2)
        self.trial.tangled |= {self.trial.code_of(app, gone), self.trial.code_of(app, into)}
        self.trial.removed(app, gone, merged=True)
        app.people.merge(gone, into=into)
        self.trial.say(f"  {app.name} {gone} merged into {into}")

    # --- What goes wrong ------------------------------------------------------------------------------------

    def fault(self) -> None:
        app = self.dice.choice(self.trial.apps)
        what = self.dice.choice(
            [
                self._lost_answer,
                self._lost_answer,
                self._no_answer,
                self._too_fast,
                self._sign_in,
                self._broken,
                self._expired,
                self._lying,
                self._option_gone,
                self._kill,
                self._kill,
                self._kill,
                self._freeze,
                self._meanwhile,
                self._meanwhile,
            ]
        )
        self.trial.say(f"fault: {what.__name__} of {app.name}")
        what(app)

    def trouble_with_writes(self, app: App) -> None:
        """For a first run, in which most creations are sent."""
        what = self.dice.choice([self._lost_answer, self._lost_answer, self._kill])
        self.trial.say(f"fault: {what.__name__} of {app.name}")
        what(app)

    def _lost_answer(self, app: App) -> None:
        """A write happens, wholly or in part, and nobody hears of it."""
        effect = None if app.people.resource.atomic or self.dice.random() < 0.5 else self.dice.randrange(1, 4)
        error = self.dice.choice([Retry("Time-out."), ConnectorBroken("What is this?")])
        app.app.fail_next(self.dice.choice(["write", "create"]), error, effect=effect)

    def _no_answer(self, app: App) -> None:
        """Nothing happens, and nobody hears of it."""
        method = self.dice.choice(["write", "read", "get", "find", "*"])
        app.app.fail_next(method, Retry("Connection lost."), times=self.dice.choice([1, 2, 5]))

    def _too_fast(self, app: App) -> None:
        after = self.dice.choice([None, 1.0, 40.0])
        app.app.fail_next(self.dice.choice(["write", "read", "*"]), RateLimited("Too fast.", after=after))

    def _sign_in(self, app: App) -> None:
        """Credentials or scopes revoked, for a while."""
        error = self.dice.choice([SignInAgain("Who are you?"), PermissionLost("You may not.")])
        app.app.fail_next(self.dice.choice(["write", "read", "*"]), error, times=self.dice.choice([1, 2]))

    def _broken(self, app: App) -> None:
        app.app.fail_next(self.dice.choice(["read", "get", "*"]), ConnectorBroken("<html>Log in</html>"))

    def _expired(self, app: App) -> None:
        app.people.expire_cursors()

    def _lying(self, app: App) -> None:
        """Its next listing is empty, or ends early. One that tells deletions lists only once, and would have lied
        for ever."""
        if app.people.resource.read is ReadStrategy.LISTING and self.trial.has_rested:
            app.people.lie(self.dice.choice(["empty", "cut"]))
        else:
            app.people.expire_cursors()

    def _option_gone(self, app: App) -> None:
        """An option of a choice is no more: who has it keeps it, and nobody else gets it."""
        people = app.people
        fields = tuple(
            replace(f, options=tuple(o for o in f.options if o.value != STAGES[-1]))
            if f.type is FieldType.CHOICE
            else f
            for f in people.resource.fields
        )
        people.resource = replace(people.resource, fields=fields)

    def _kill(self, app: App) -> None:
        """The next worker dies at some instant; another one comes when its lease has ended, or at once."""
        if self.dice.random() < 0.5:
            self.trial.interrupt(app, self.dice.choice(["write", "write!"]), self.trial.die)
        else:
            self.trial.kill_in = self.dice.choice([self.dice.randrange(1, 12), self.dice.randrange(1, 60)])

    def _freeze(self, app: App) -> None:
        """A worker stands still within a call until another one has taken over and done its work."""
        self.trial.interrupt(app, self.dice.choice(["read", "get", "write", "read!", "write!"]), self._frozen)

    def _frozen(self, app: App, sync: Sync) -> None:
        self.trial.say("  the worker freezes")
        self.trial.now += timedelta(seconds=61)
        self.trial.slice(sync)

    def _meanwhile(self, app: App) -> None:
        """People type while the engine is at work. Where no lock tells, not between its look and its write."""
        names = ["read", "read!", "get!", "write!"] if app.people.resource.lock and app.people.answers else ["read"]
        times = self.dice.randrange(1, 4)

        def type_on(app: App, sync: Sync) -> None:
            self.trial.say("  meanwhile")
            for _ in range(times):
                self.edit(app)

        self.trial.interrupt(app, self.dice.choice(names), type_on)

    # --- All of it ------------------------------------------------------------------------------------------

    def draw(self) -> Callable[[], None]:
        kinds = [
            (self.edit, 8),
            (self.edit_both, 3),
            (self.reformat, 2),
            (self.add_person, 4),
            (self.change_address, 1),
            (self.remove, 1.5),
            (self.restore, 0.7),
            (self.merge, 0.5),
            (self.office.administrate, 1),
            (self.fault, 6),
            (self.trial.work, 14),
            *([(self.office.use_features, 4)] if self.trial.features - {"deaths"} else []),
        ]
        return self.dice.choices([what for what, _ in kinds], [weight for _, weight in kinds])[0]
