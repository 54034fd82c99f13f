"""The record that is missing on one side, made of the other side's values (rules 4.4, 4.7 and 5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connectors.contract import Refusal, Resource, Values, WriteKind

from .baselines import Planned, list_key
from .convert import Unfit
from .drafts import CreationRefused, LinkMemory, LinkPlan, Parked
from .halves import BLANK, Carried, ManyFields
from .lens import Lens
from .mapping import FieldMapping, Side
from .merge import Reason
from .references import ManyReferences, NotCarried, Obstacle
from .rules import Rules
from .sheet import Sheet
from .values import Key, blank


def plan_creation(
    rules: Rules, target: Side, source: Values, memory: LinkMemory | None = None
) -> LinkPlan | CreationRefused:
    """The record that is missing on side `target`, made of the other side's values (rules 4.4 and 4.7).

    `memory` tells which values the target refused before: the record is made without them (rule 4.5).
    """
    parked = memory.parked if memory is not None else {}
    sheet = Sheet(rules, {target.other: source, target: {}})
    for lens in rules.lenses:
        read = lens.look(target.other, source)
        if read is None or not lens.direction.allows(target):
            continue
        seen = _related_only(sheet, lens, target.other, read, source)
        for element in ("",) if lens.is_set else lens.elements:
            _carry_over(sheet, lens, element, target, seen[element], parked)
        if lens.is_set and lens.strand("") in sheet.strands[target]:
            first = seen[ManyFields.PRIMARY].key
            sheet.strands[target][lens.strand(ManyFields.PRIMARY)] = _created(target, first)
    for mapping in rules.settings.mappings:
        _fill_defaults(sheet, mapping, target)
    missing = _missing_required(rules.resources[target], sheet.now[target])
    if missing is not None:
        return _waiting_for(sheet, target, missing)
    draft = sheet.draft(target, WriteKind.CREATE)
    if draft is None:
        refused = CreationRefused(Refusal.MISSING_REQUIRED, "None of the mapped fields has a value.")
        return _waiting_for(sheet, target, refused)
    return sheet.plan([draft])


def _waiting_for(sheet: Sheet, target: Side, refused: CreationRefused) -> CreationRefused:
    """A record that cannot be without its association waits for it, as long as there is something to wait for."""
    concerned = [
        one
        for one in sheet.pending
        if refused.field is None or refused.field in sheet.rules.fields_of(one.mapping, target)
    ]
    waits = any(one.obstacle is Obstacle.WAITING for one in concerned)
    return replace(refused, pending=tuple(sheet.pending), waits=waits)


def _related_only(
    sheet: Sheet, lens: Lens, side: Side, seen: Mapping[str, Carried], source: Values
) -> Mapping[str, Carried]:
    """Of a list of references, those that can be carried now; the others wait (rule 7.2)."""
    half = lens.halves[side]
    if not isinstance(half, ManyReferences):
        return seen
    for association in half.not_carried(source):
        sheet.wait(lens.mapping, association)
    elements = half.elements_against(source, None)
    first = next(iter(elements), None)
    return {
        "": Carried(list_key(elements), list(elements.values())),
        ManyFields.PRIMARY: Carried(first, elements[first]) if first else BLANK,
    }


def _carry_over(
    sheet: Sheet, lens: Lens, element: str, target: Side, seen: Carried, parked: Mapping[str, Parked]
) -> None:
    if seen.key is None:
        return
    strand = lens.strand(element)
    planned = _created(target, seen.key)
    if sheet.is_parked(strand, parked.get(strand), planned.a, planned.b):
        return
    try:
        changed = lens.halves[target].put(element, seen.value, sheet.now[target], None)
    except NotCarried as missing:
        sheet.wait(lens.mapping, missing.association)
        return
    except Unfit as unfit:
        sheet.park(strand, unfit, planned.a, planned.b)
        return
    sheet.write(lens, target, strand, changed, planned, "5.1", Reason.CREATED)


def _created(target: Side, source: Key) -> Planned:
    return Planned(None, source, source) if target is Side.A else Planned(source, None, source)


def _fill_defaults(sheet: Sheet, mapping: FieldMapping, target: Side) -> None:
    """Constants and defaults fill a blank on creation only (rule 4.4)."""
    default = mapping.defaults.get(target)
    if not mapping.enabled or blank(default) or any(one.mapping == mapping.id for one in sheet.pending):
        return
    for name in mapping.fields(target)[:1]:
        if blank(sheet.now[target].get(name)):
            sheet.now[target][name] = default
            sheet.causes[target][name] = (mapping.id, "4.4", Reason.DEFAULT)
            _remember_default(sheet, mapping, target)


def _remember_default(sheet: Sheet, mapping: FieldMapping, target: Side) -> None:
    """The side that the record came from stays blank, and the difference is known: a default goes nowhere else."""
    lens = sheet.rules.lens_of(mapping)
    if lens is None:
        return
    shown = lens.look(target, {**dict.fromkeys(lens.field_names(target)), **sheet.now[target]}) or {}
    for element, carried in shown.items():
        strand = lens.strand(element)
        if carried.key is not None and strand not in sheet.strands[target] and strand not in sheet.parked:
            sheet.strands[target][strand] = Planned(None, None, carried.key)
            sheet.notes[strand] = Reason.DEFAULT


def _missing_required(resource: Resource, values: Values) -> CreationRefused | None:
    for f in resource.fields:
        if f.required and not f.read_only and blank(values.get(f.name)):
            message = f"“{f.label}” is required in {resource.label}, and there is no value for it."
            return CreationRefused(Refusal.MISSING_REQUIRED, message, f.name)
    return None
