"""When an app refuses most of what it is sent, the rest of the run is held off, and some of it is tried later (9.4).

Judged for each side apart, over its latest answers. Records that only lack one field's value do not count, nor do
those that failed before: what is systematic is meant. Half open means that a few records are sent to see how the
app takes them; then all goes on, or all waits longer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from ..core.mapping import Side
from ..models import OperationState, RunPhase, Sync
from ..models.sync import Attention
from . import brake
from .context import Slice
from .lease import fenced

WINDOW = 200
"""Older answers than so many count for less and less."""
PROBE = 5
FIRST_WAIT = timedelta(minutes=10)
LONGEST_WAIT = timedelta(days=1)


class Circuit:
    """One for both sides of a slice. What it decides is stored with the sync."""

    def __init__(self, work: Slice) -> None:
        self.work = work
        self._probing: set[Side] = set()

    def holds_off(self, side: Side) -> bool:
        """Nothing is to be sent there now. Begins a probe where its time has come."""
        entry = self._entry(side)
        if entry is None or side in self._probing:
            return False
        if datetime.fromisoformat(entry["until"]) > self.work.clock.now():
            return True
        self._probing.add(side)
        self._forget_counts(side)
        return False

    def is_probing(self, side: Side) -> bool:
        """A few records are to be under way by themselves, until it is clear how the app takes them."""
        return side in self._probing

    def packet_size(self, side: Side, usual: int) -> int:
        return min(usual, PROBE) if side in self._probing else usual

    def judge(self, side: Side) -> None:
        """After each packet: open it, or close it after a probe that went well."""
        good, bad = (self.work.progress.get(_name(what, side), 0) for what in ("taken", "failed"))
        if side in self._probing:
            if good + bad:
                self._probing.discard(side)
                if _is_most(bad, good + bad):
                    self._open(side, good, bad)
                else:
                    self._close(side)
        elif bad >= settings.CIRCUIT_AT_LEAST and _is_most(bad, good + bad):
            self._open(side, good, bad)
        elif good + bad > WINDOW:
            for what in ("taken", "failed"):
                self.work.progress[_name(what, side)] = self.work.progress.get(_name(what, side), 0) // 2

    def _open(self, side: Side, good: int, bad: int) -> None:
        trips = (self._entry(side) or {"trips": 0})["trips"] + 1
        wait = min(FIRST_WAIT * 2 ** min(trips - 1, 10), LONGEST_WAIT)
        until = self.work.clock.now() + wait
        self._store({side.value: {"until": until.isoformat(), "trips": trips, "bad": bad, "all": good + bad}})
        self._forget_counts(side)

    def _close(self, side: Side) -> None:
        self._store({}, without=side)

    def _store(self, changed: dict[str, Any], *, without: Side | None = None) -> None:
        sync = self.work.sync
        sync.circuit = {s: e for s, e in (sync.circuit | changed).items() if without is None or s != without.value}
        with fenced(self.work.held):
            Sync.objects.filter(pk=sync.pk).update(circuit=sync.circuit)

    def _entry(self, side: Side) -> dict[str, Any] | None:
        return self.work.sync.circuit.get(side.value)

    def _forget_counts(self, side: Side) -> None:
        for what in ("taken", "failed"):
            self.work.progress[_name(what, side)] = 0


def _is_most(bad: int, answers: int) -> bool:
    return bad * 100 > settings.CIRCUIT_PERCENT * answers


def count(work: Slice, side: Side, *, taken: bool) -> None:
    """One more answer of an app to a whole record."""
    work.count(_name("taken" if taken else "failed", side))


def next_probe(work: Slice) -> datetime | None:
    """When the first of what is held off is tried again; None where nothing is."""
    waiting = [
        datetime.fromisoformat(entry["until"])
        for side, entry in work.sync.circuit.items()
        if brake.of_sync(work.sync).filter(state=OperationState.PLANNED, side=side).exists()
    ]
    return min(waiting, default=None)


def tell(work: Slice) -> None:
    """People are told what is held off, why, and until when. Within `fenced`."""
    sentences = []
    for side, entry in work.sync.circuit.items():
        stream = work.streams[Side(side)]
        refused = brake.of_sync(work.sync).filter(state=OperationState.REFUSED, side=side).order_by("-pk").first()
        text = _(
            "“%(account)s” refused %(bad)s of the last %(all)s records that it was sent (“%(why)s”). The rest waits; "
            "some of it is tried again at %(time)s."
        )
        sentences.append(
            text
            % {
                "account": stream.object.account.name,
                "bad": entry["bad"],
                "all": entry["all"],
                "why": (refused.message or refused.error) if refused is not None else "",
                "time": date_format(datetime.fromisoformat(entry["until"]), "TIME_FORMAT"),
            }
        )
    Sync.objects.filter(pk=work.sync.pk).update(attention=Attention.REFUSED, attention_reason=" ".join(sentences))
    work.show(RunPhase.APPLYING)


def _name(what: str, side: Side) -> str:
    return f"{what}_{side.value}"
