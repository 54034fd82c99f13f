"""One record, both sides next to each other: what is mapped, whether it is equal, and where it came from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from connectors.contract import Resource, Value

from .. import queries, words
from ..core.lens import Carried, Lens
from ..core.mapping import FieldMapping, Side
from ..core.plan import Rules
from ..core.values import datetime_of
from ..models import RecordLink, RemoteRecord, Sync
from ..run.associations import Associations
from ..showing import End, ends_of, labels_of, text_of
from .associations import pending_of


@dataclass(frozen=True, slots=True)
class Why:
    """Where a value came from."""

    account: str
    at: datetime | None
    run: int | None
    rule: str
    rule_title: str
    text: str
    before: str
    """What it replaced."""


@dataclass(frozen=True, slots=True)
class Row:
    """One mapping of one record."""

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
    why: Why | None
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
    lenses = {lens.mapping.id: lens for lens in rules.lenses}
    runs = {told.get("run") for told in link.provenance.values()}
    kept = set(sync.runs.filter(pk__in=runs - {None}).values_list("pk", flat=True))
    rows = tuple(
        _row(mapping, lenses.get(mapping.id), rules, link, ends, kept)
        for mapping in settings.mappings
        if mapping.id in lenses or mapping.id in link.provenance
    )
    return Comparison(ends[Side.A], ends[Side.B], rows)


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
    runs: Collection[int],
) -> Row:
    shown = {side: _values(mapping, side, rules, ends[side].record) for side in Side}
    strands = [lens.strand(element) for element in lens.elements] if lens else []
    noted = dict.fromkeys(link.notes[s] for s in strands if s in link.notes)
    names = {side: ends[side].end.name for side in Side}
    return Row(
        label_a=labels_of(mapping.a, rules.resources[Side.A]),
        label_b=labels_of(mapping.b, rules.resources[Side.B]),
        value_a=shown[Side.A],
        value_b=shown[Side.B],
        icon=words.ARROWS[lens.direction] if lens else "x",
        equal=_equal(lens, ends) if lens else None,
        notes=tuple(words.reason_text(reason, by=names[Side.A], to=names[Side.B]) for reason in noted),
        parked=tuple(dict.fromkeys(link.parked[s]["message"] for s in strands if s in link.parked)),
        pending=pending_of(link, mapping.id, {side: end.end for side, end in ends.items()}),
        why=_why(link.provenance.get(mapping.id), mapping, rules, names, runs),
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


def _why(
    told: Mapping[str, Any] | None,
    mapping: FieldMapping,
    rules: Rules,
    names: Mapping[Side, str],
    runs: Collection[int],
) -> Why | None:
    """`runs`: those that the journal still has; the link remembers for longer (rule 10.7)."""
    if not told:
        return None
    by = Side(told["side"]) if told.get("side") in set(Side) else Side.A
    return Why(
        account=names[by],
        at=datetime_of(str(told.get("at") or "")),
        run=told["run"] if told.get("run") in runs else None,
        rule=str(told.get("rule") or ""),
        rule_title=words.rule_title(str(told.get("rule") or "")),
        text=words.reason_text(str(told.get("reason") or ""), by=names[by], to=names[by.other]),
        before=_before(told.get("before"), mapping, rules.resources[by.other], by.other),
    )


def _before(value: Value, mapping: FieldMapping, resource: Resource, side: Side) -> str:
    names = mapping.fields(side)
    return text_of(value, resource.field(names[0]) if names else None)


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
