"""Where each value of a record came from, in words: for the record's page and the API (rule 11.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.contract import Resource, Value

from . import queries, words
from .core.lens import Lens
from .core.mapping import FieldMapping, Side
from .core.plan import Rules
from .core.values import Key, datetime_of
from .core.why import Origin, Told
from .core.why import explain as explain_mapping
from .models import RecordLink, Sync
from .run.associations import Associations
from .showing import ends_of, text_of


@dataclass(frozen=True, slots=True)
class Element:
    """One entry of a list that was brought over."""

    value: str
    account: str
    at: datetime | None
    run: int | None


@dataclass(frozen=True, slots=True)
class Why:
    """Where what one mapping carries on one side came from."""

    mapping: str
    side: Side
    origin: Origin
    account: str
    """Of this side."""
    by: str
    """The other one's name."""
    sentence: str
    """The origin in words."""
    at: datetime | None = None
    run: int | None = None
    rule: str = ""
    rule_title: str = ""
    reason: str = ""
    text: str = ""
    """The reason in words."""
    before: str = ""
    """What it replaced."""
    elements: tuple[Element, ...] = ()


def whys_of(
    mapping: FieldMapping,
    lens: Lens | None,
    rules: Rules,
    link: RecordLink,
    looks: Mapping[Side, Mapping[str, Key]],
    names: Mapping[Side, str],
) -> tuple[Why, ...]:
    """Of each side that holds something to tell of. `names`: of the accounts."""
    entry = link.provenance.get(mapping.id) or {}
    bases = {Side.A: link.baseline_a, Side.B: link.baseline_b}
    told = explain_mapping(lens, entry, looks, bases, link.notes)
    return tuple(_why(mapping, side, one, rules, link, names) for side, one in told.items())


def explain(sync: Sync, link: RecordLink, resources: Mapping[Side, Resource]) -> list[Why]:
    """Of every mapping of a record, both sides."""
    settings = queries.shown_settings(sync)
    records = {side: queries.remote_record(sync.pair.stream(side), link.end(side)) for side in Side}
    values = {side: r.values for side, r in records.items() if r is not None and not r.gone}
    rules = Rules(settings, resources[Side.A], resources[Side.B])
    rules = Associations(sync.pair, rules).knowing({side: [seen] for side, seen in values.items()})
    looks = {side: rules.looks(side, seen) for side, seen in values.items()}
    names = {side: end.name for side, end in ends_of(sync).items()}
    return [
        why
        for mapping in settings.mappings
        for why in whys_of(mapping, rules.lens_of(mapping), rules, link, looks, names)
    ]


def _why(
    mapping: FieldMapping, side: Side, told: Told, rules: Rules, link: RecordLink, names: Mapping[Side, str]
) -> Why:
    entry, here, there = told.entry, names[side], names[side.other]
    sentence = str(words.ORIGINS[told.origin]) % {"here": here, "there": there}
    if told.origin is Origin.FOUND:
        return Why(mapping.id, side, told.origin, here, there, sentence, at=link.created_at)
    if not entry:
        return Why(mapping.id, side, told.origin, here, there, sentence)
    by = Side(entry["side"]) if entry.get("side") in set(Side) else side.other
    rule, reason = str(entry.get("rule") or ""), str(entry.get("reason") or "")
    written = by is not side
    return Why(
        mapping.id,
        side,
        told.origin,
        here,
        there,
        sentence,
        at=datetime_of(str(entry.get("at") or "")),
        run=entry.get("run"),
        rule=rule,
        rule_title=words.rule_title(rule),
        reason=reason,
        text=words.reason_text(reason, by=names[by], to=names[by.other]),
        before=_before(entry, mapping, rules.resources[side], side) if written else "",
        elements=_elements(entry, names),
    )


def _before(entry: Mapping[str, Any], mapping: FieldMapping, resource: Resource, side: Side) -> str:
    """What was replaced; of several fields, each in turn."""
    replaced: Mapping[str, Value] = entry.get("fields") or dict.fromkeys(mapping.fields(side)[:1], entry.get("before"))
    texts = [text_of(value, resource.field(name)) for name, value in replaced.items()]
    return " ".join(text for text in texts if text)


def _elements(entry: Mapping[str, Any], names: Mapping[Side, str]) -> tuple[Element, ...]:
    return tuple(
        Element(key, names[Side(one["side"])], datetime_of(str(one.get("at") or "")), one.get("run"))
        for key, one in (entry.get("elements") or {}).items()
    )
