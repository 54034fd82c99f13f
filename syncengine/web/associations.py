"""Associations on the pages: which mappings carry none for now, and what a record waits for (section 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from connectors.contract import Kind, Resource

from .. import words
from ..core.mapping import Side, SyncSettings, Which
from ..core.rules import Rules
from ..models import RecordLink, Sync, SyncState
from ..run.associations import Counterpart, counterparts
from ..showing import End
from .mappings import MappingRow


def with_notes(
    rows: Sequence[MappingRow], sync: Sync, settings: SyncSettings, resources: Mapping[Side, Resource]
) -> list[MappingRow]:
    """The mappings of a settings page, those of associations with what people have to know of them."""
    rules = Rules(settings, resources[Side.A], resources[Side.B])
    if not rules.targets:
        return list(rows)
    found = counterparts(sync.pair, rules.targets)
    notes = {}
    for lens in rules.lenses:
        if lens.targets is not None:
            fields = [resources[side].field(lens.mapping.fields(side)[0]) for side in Side]
            several = all(field is not None and field.multi_valued for field in fields)
            notes[lens.mapping.id] = _note(found[lens.targets], lens.mapping.which, several=several)
    return [replace(row, note=notes.get(row.mapping.id, "")) for row in rows]


def _note(counterpart: Counterpart | None, which: Which, *, several: bool) -> str:
    if counterpart is None:
        return _("What it refers to is not synced between these accounts. It is not carried until it is.")
    if counterpart.sync.state != SyncState.ON:
        return _("The sync of the records that it refers to is not on: what is not linked yet is not carried.")
    if several and which is Which.PRIMARY:
        return _("Of several, only the primary one; where the app marks none, the first listed.")
    return ""


def is_by_hand(settings: SyncSettings, resources: Mapping[Side, Resource]) -> bool:
    """Invoices are associated with companies by hand where one of the apps cannot say that it can (rule 7.4)."""
    can = all(resources[side].canonical("company_ref") is not None for side in Side)
    return settings.kind is Kind.INVOICE and not can


def pending_of(link: RecordLink, mapping: str, ends: Mapping[Side, End]) -> tuple[str, ...]:
    """What is not carried of one mapping of a record, in sentences."""
    found = []
    for name, one in link.pending.items():
        if mapping in one["mappings"]:
            side = Side(one["side"])
            label = one["label"] or name.split("/", 2)[2]
            names = {"name": label, "here": ends[side].name, "there": ends[side.other].name}
            found.append(str(words.OBSTACLES[one["obstacle"]]) % names)
    return tuple(found)
