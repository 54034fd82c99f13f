"""What differs between two linked records and stays so, each with its reason (rules 2.3 and 3.8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from connectors.contract import Resource, Values

from . import queries, words
from .core.mapping import FieldMapping, Side
from .core.plan import Rules
from .models import RecordLink, RemoteRecord, Sync
from .showing import ends_of, labels_of, text_of


@dataclass(frozen=True, slots=True)
class Difference:
    """One mapping of a record whose two sides are not equal, on purpose."""

    mapping: str
    label_a: str
    label_b: str
    value_a: str
    value_b: str
    reason: str
    why: str
    """The reason in words."""


@dataclass(frozen=True, slots=True)
class Differing:
    """A record with what differs."""

    link: RecordLink
    differences: tuple[Difference, ...]


def differing_links(sync: Sync) -> QuerySet[RecordLink]:
    """Linked records of which something was left different, the oldest first."""
    found = RecordLink.objects.filter(pair_id=sync.pair_id, closed_at=None, a_id__isnull=False, b_id__isnull=False)
    return found.exclude(notes={}).order_by("pk")


def differences_of(sync: Sync, links: Sequence[RecordLink], resources: Mapping[Side, Resource]) -> list[Differing]:
    """Of these links; one query a side. Mappings that are off now are left out."""
    rules = Rules(queries.shown_settings(sync), resources[Side.A], resources[Side.B])
    names = {side: end.name for side, end in ends_of(sync).items()}
    records = {side: _values_of(sync, side, links) for side in Side}
    found = []
    for link in links:
        noted = {strand: rules.mapping_of_strand(strand) for strand in link.notes}
        reasons = {m.id: (m, link.notes[strand]) for strand, m in noted.items() if m is not None}
        found.append(
            Differing(
                link,
                tuple(
                    _difference(mapping, reason, link, rules, records, names) for mapping, reason in reasons.values()
                ),
            )
        )
    return found


def _values_of(sync: Sync, side: Side, links: Sequence[RecordLink]) -> dict[str, Values]:
    ids = [link.end(side) for link in links]
    rows = RemoteRecord.objects.filter(stream=sync.pair.stream(side), remote_id__in=ids, gone=False)
    return dict(rows.values_list("remote_id", "values"))


def _difference(
    mapping: FieldMapping,
    reason: str,
    link: RecordLink,
    rules: Rules,
    records: Mapping[Side, Mapping[str, Values]],
    names: Mapping[Side, str],
) -> Difference:
    shown = {}
    for side in Side:
        values, resource = records[side].get(str(link.end(side)), {}), rules.resources[side]
        texts = (text_of(values.get(name), resource.field(name)) for name in mapping.fields(side))
        shown[side] = " ".join(text for text in texts if text)
    return Difference(
        mapping=mapping.id,
        label_a=labels_of(mapping.a, rules.resources[Side.A]),
        label_b=labels_of(mapping.b, rules.resources[Side.B]),
        value_a=shown[Side.A],
        value_b=shown[Side.B],
        reason=reason,
        why=words.reason_text(reason, by=names[Side.A], to=names[Side.B]),
    )
