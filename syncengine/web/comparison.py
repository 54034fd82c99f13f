"""One record, both sides next to each other: what is mapped, whether it is equal, and where it came from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from django.utils.translation import gettext as _

from connectors.contract import Resource

from .. import queries, words
from ..core.lens import Carried, Lens
from ..core.mapping import FieldMapping, Side
from ..core.plan import Rules
from ..core.references import unmarked_sides
from ..core.values import Key, datetime_of
from ..core.why import Origin
from ..explaining import Why, whys_of
from ..models import RecordLink, RemoteRecord, Sync
from ..run.associations import Associations
from ..showing import End, ends_of, labels_of, text_of
from .associations import pending_of


@dataclass(frozen=True, slots=True)
class Pin:
    """A field to which nothing is written for now (rule 9.5)."""

    side: Side
    field: str
    account: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """One mapping of one record."""

    mapping: str
    fields: tuple[tuple[Side, str], ...]
    """What the sync may write, and a person may pin."""
    label_a: str
    label_b: str
    value_a: str
    value_b: str
    icon: str
    """The way that values go."""
    equal: bool | None
    """None: there is nothing to compare, since one side is missing or was not read."""
    notes: tuple[str, ...]
    """Why the two differ and stay so."""
    parked: tuple[str, ...]
    """What the app said when it refused the value."""
    whys: tuple[Why, ...] = ()
    """Where the values came from; nothing where both sides just were the same."""
    pinned: tuple[Pin, ...] = ()
    pending: tuple[str, ...] = ()
    """Associations that are not carried, with the reason."""


@dataclass(frozen=True, slots=True)
class ShownEnd:
    """One side of a record."""

    end: End
    remote_id: str | None
    record: RemoteRecord | None
    url: str
    """Its page in the app; blank where there is none."""

    @property
    def is_there(self) -> bool:
        return self.record is not None and not self.record.gone


@dataclass(frozen=True, slots=True)
class Comparison:
    a: ShownEnd
    b: ShownEnd
    rows: tuple[Row, ...]


def compare(sync: Sync, link: RecordLink, resources: Mapping[Side, Resource]) -> Comparison:
    settings = queries.shown_settings(sync)
    rules = Rules(settings, resources[Side.A], resources[Side.B])
    ends = {side: _end(sync, link, side, resources[side]) for side in Side}
    seen = {side: [end.record.values] for side, end in ends.items() if end.record is not None}
    rules = Associations(sync.pair, rules).knowing(seen)
    runs = {told.get("run") for told in link.provenance.values()}
    kept = set(sync.runs.filter(pk__in=runs - {None}).values_list("pk", flat=True))
    lenses = rules.lenses_by_mapping
    looks = {
        side: rules.looks(side, end.record.values)
        for side, end in ends.items()
        if end.record is not None and end.is_there
    }
    rows = tuple(
        _row(mapping, lenses.get(mapping.id), rules, link, ends, looks, kept)
        for mapping in settings.mappings
        if mapping.id in lenses or mapping.id in link.provenance
    )
    return Comparison(ends[Side.A], ends[Side.B], rows)


def _unmarked(lens: Lens | None, ends: Mapping[Side, ShownEnd], names: Mapping[Side, str]) -> list[str]:
    """Rule 7.3: a guess is said to be one."""
    records = {side: end.record.values for side, end in ends.items() if end.record is not None and end.is_there}
    sides = unmarked_sides(lens.halves, records) if lens else []
    return [str(words.NONE_MARKED) % {"here": names[side]} for side in sides]


def _end(sync: Sync, link: RecordLink, side: Side, resource: Resource) -> ShownEnd:
    stream, remote_id = sync.pair.stream(side), link.end(side)
    record = queries.remote_record(stream, remote_id)
    return ShownEnd(ends_of(sync)[side], remote_id, record, _page_of(resource, remote_id))


def _page_of(resource: Resource, remote_id: str | None) -> str:
    """Only web addresses: what a connector names is not trusted further than that."""
    url = resource.url or ""
    if remote_id is None or not url.startswith(("https://", "http://")):
        return ""
    return url.replace("{id}", quote(remote_id, safe=""))


def _row(
    mapping: FieldMapping,
    lens: Lens | None,
    rules: Rules,
    link: RecordLink,
    ends: Mapping[Side, ShownEnd],
    looks: Mapping[Side, Mapping[str, Key]],
    runs: Collection[int],
) -> Row:
    shown = {side: _values(mapping, side, rules, ends[side].record) for side in Side}
    strands = [lens.strand(element) for element in lens.elements] if lens else []
    noted = dict.fromkeys(link.notes[s] for s in strands if s in link.notes)
    names = {side: ends[side].end.name for side in Side}
    return Row(
        mapping=mapping.id,
        fields=tuple(
            (side, name) for side in Side if lens and lens.direction.allows(side) for name in mapping.fields(side)
        ),
        label_a=labels_of(mapping.a, rules.resources[Side.A]),
        label_b=labels_of(mapping.b, rules.resources[Side.B]),
        value_a=shown[Side.A],
        value_b=shown[Side.B],
        icon=words.ARROWS[lens.direction] if lens else "x",
        equal=_equal(lens, ends) if lens else None,
        notes=(
            *(words.reason_text(reason, by=names[Side.A], to=names[Side.B]) for reason in noted),
            *_unmarked(lens, ends, names),
        ),
        parked=tuple(dict.fromkeys(link.parked[s]["message"] for s in strands if s in link.parked)),
        pending=pending_of(link, mapping.id, {side: end.end for side, end in ends.items()}),
        whys=_to_tell(whys_of(mapping, lens, rules, link, looks, names), runs),
        pinned=_pins(mapping, link, names),
    )


def _to_tell(whys: tuple[Why, ...], runs: Collection[int]) -> tuple[Why, ...]:
    """What says the same as its other side is not said twice. `runs`: those that the journal still has; the link
    remembers for longer (rule 10.7)."""
    origins = {why.origin for why in whys}
    if origins == {Origin.FOUND}:
        return ()
    told = (why for why in whys if why.origin is not Origin.ENTERED or len(whys) == 1)
    return tuple(why if why.run in runs else replace(why, run=None) for why in told)


def _pins(mapping: FieldMapping, link: RecordLink, names: Mapping[Side, str]) -> tuple[Pin, ...]:
    return tuple(
        Pin(side, name, names[side], until)
        for side in Side
        for name in mapping.fields(side)
        if (until := datetime_of(link.pins.get(side.value, {}).get(name, ""))) is not None
    )


def _values(mapping: FieldMapping, side: Side, rules: Rules, record: RemoteRecord | None) -> str:
    if record is None or record.gone:
        return ""
    resource = rules.resources[side]
    texts = [text_of(record.values.get(name), resource.field(name)) for name in mapping.fields(side)]
    return " ".join(text for text in texts if text)


def _equal(lens: Lens, ends: Mapping[Side, ShownEnd]) -> bool | None:
    looks: list[Mapping[str, Carried]] = []
    for side in Side:
        record = ends[side].record
        seen = lens.look(side, record.values) if record is not None and not record.gone else None
        if seen is None:
            return None
        looks.append(seen)
    return all(looks[0][element].key == looks[1][element].key for element in lens.elements)


# --- Ambiguous records --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record of the other side that an ambiguous one could be the same as."""

    remote_id: str
    label: str
    account: str


def candidates_of(sync: Sync, links: Iterable[RecordLink]) -> dict[int, list[Candidate]]:
    """By link, with at most one query a side."""
    wanted = {side: [link for link in links if link.candidates and _other_side(link) is side] for side in Side}
    ends = ends_of(sync)
    found: dict[int, list[Candidate]] = {}
    for side, some in wanted.items():
        if not some:
            continue
        ids = [str(one) for link in some for one in link.candidates]
        labels = queries.remote_labels(sync.pair.stream(side), ids)
        for link in some:
            found[link.pk] = [
                Candidate(str(one), labels.get(str(one)) or _("(without a name)"), ends[side].name)
                for one in link.candidates
            ]
    return found


def _other_side(link: RecordLink) -> Side:
    """The side on which candidates stand: the one where the record has no end."""
    return Side.A if link.a_id is None else Side.B
