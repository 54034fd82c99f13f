"""A sync's settings, made ready for its two resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from copy import copy

from connectors.contract import Resource, Values

from .compat import NoWay, Unpaired
from .filters import FilterMode
from .judging import Judge
from .lens import Lens, Plain, grind
from .mapping import Direction, FieldMapping, Side, SyncSettings, fingerprint
from .merge import Policy
from .references import Tables, Targets
from .values import Key, Locale


class Rules:
    """A sync's settings, made ready for its two resources."""

    def __init__(self, settings: SyncSettings, a: Resource, b: Resource) -> None:
        self.settings = settings
        self.resources: Mapping[Side, Resource] = {Side.A: a, Side.B: b}
        self.locale = Locale(settings.country, settings.zone)
        self.judges: Mapping[Side, Judge] = {
            Side.A: Judge(settings.filters.a, a, self.locale),
            Side.B: Judge(settings.filters.b, b, self.locale),
        }
        """Of the filter of each side."""
        self.lets_all_pass = settings.filters.mode is FilterMode.OWN and all(
            judge.passes_all for judge in self.judges.values()
        )
        """No record is ever held back by a filter."""
        self.lenses: list[Lens] = []
        self.unusable: dict[str, str] = {}
        """Mapping id → why it carries nothing now."""
        self.broken: dict[str, str] = {}
        """Those of them that carried something when they were chosen: what the accounts offer has changed."""
        self.constants: list[FieldMapping] = []
        for mapping in settings.mappings:
            self._add(mapping)
        self.former: Mapping[str, Sequence[Lens]] = {}
        """Mapping id → earlier forms of it, the youngest first (`remembering`)."""
        self.policies = {lens.mapping.id: self._policy(lens) for lens in self.lenses}
        self._index()

    def _index(self) -> None:
        self.ways: list[tuple[Lens, Plain | None]] = [(lens, lens.plain()) for lens in self.lenses]
        """Each lens, with the short way through it where there is one."""
        self._looks = {
            side: [
                (
                    lens,
                    {e: lens.strand(e) for e in lens.elements},
                    None if plain is None else (plain.a, plain.key_a) if side is Side.A else (plain.b, plain.key_b),
                )
                for lens, plain in self.ways
            ]
            for side in Side
        }
        self._lens_of_strand = {lens.strand(e): lens for lens in self.lenses for e in lens.elements}
        self.lenses_by_mapping = {lens.mapping.id: lens for lens in self.lenses}

    def _add(self, mapping: FieldMapping) -> None:
        if not mapping.enabled:
            return
        if not mapping.a or not mapping.b:
            self.constants.append(mapping)
            return
        lens = grind(mapping, self.settings.direction, self.resources[Side.A], self.resources[Side.B], self.locale)
        if isinstance(lens, Unpaired):
            self.unusable[mapping.id] = lens.reason
            if not isinstance(lens, NoWay):
                self.broken[mapping.id] = lens.reason
        else:
            self.lenses.append(lens)

    def knowing(self, tables: Tables) -> Rules:
        """The same rules, with what is known of the targets of references (rule 7.1). Without, none is carried."""
        if not self.targets:
            return self
        known = copy(self)
        known.lenses = [
            lens if lens.targets is None else lens.knowing(tables.get(lens.targets, {})) for lens in self.lenses
        ]
        known._index()
        return known

    def remembering(self, older: Iterable[SyncSettings]) -> Rules:
        """The same rules, with the earlier forms that mappings had in these settings (rule 4.6)."""
        found: dict[str, list[Lens]] = {}
        for settings in older:
            locale = Locale(settings.country, settings.zone)
            for mapping in settings.mappings:
                now = self.lenses_by_mapping.get(mapping.id)
                if now is None or now.targets is not None or not mapping.a or not mapping.b:
                    continue
                lens = grind(mapping, Direction.TWO_WAY, self.resources[Side.A], self.resources[Side.B], locale)
                known = {now.fingerprint, *(one.fingerprint for one in found.get(mapping.id, ()))}
                if isinstance(lens, Lens) and lens.fingerprint not in known:
                    found.setdefault(mapping.id, []).append(lens)
        if not found:
            return self
        known_rules = copy(self)
        known_rules.former = found
        return known_rules

    @property
    def targets(self) -> frozenset[Targets]:
        """What the associations of this sync point to."""
        return frozenset(lens.targets for lens in self.lenses if lens.targets is not None)

    def _policy(self, lens: Lens) -> Policy:
        mapping = lens.mapping
        return Policy(
            lens.direction, mapping.winner or self.settings.winner, mapping.clears, mapping.mode, lens.tells_blank
        )

    def looks(self, side: Side, values: Values, only: Set[str] | None = None) -> dict[str, Key]:
        """Strand → key of everything that this record carries; what was not read is left out. `only`: at least of
        these strands."""
        keys: dict[str, Key] = {}
        for lens, strands, plain in self._looks[side]:
            if only is not None and only.isdisjoint(strands.values()):
                continue
            if plain is not None:
                name, key_at = plain
                if name in values:
                    keys[strands[""]] = key_at(values[name])
                continue
            for element, carried in (lens.look(side, values) or {}).items():
                keys[strands[element]] = carried.key
        return keys

    def strands_of_field(self, side: Side, name: str) -> list[str]:
        """Strands that write this field of this side."""
        return [s for s, lens in self._lens_of_strand.items() if name in lens.field_names(side)]

    def definition_of(self, strand: str) -> str:
        """What the fields of this strand take, as a fingerprint; blank for one that is nobody's."""
        lens = self._lens_of_strand.get(strand)
        return lens.definition if lens is not None else ""

    @property
    def definitions(self) -> str:
        """The same of all fields."""
        return fingerprint([lens.definition for lens in self.lenses])

    def reference_fields(self) -> dict[Side, list[tuple[Targets, str]]]:
        """Fields of each side that hold associations, with what they point to."""
        found: dict[Side, list[tuple[Targets, str]]] = {side: [] for side in Side}
        for lens in self.lenses:
            if lens.targets is not None:
                for side in Side:
                    found[side] += [(lens.targets, name) for name in lens.field_names(side)]
        return found

    def fields_of(self, mapping: str, side: Side) -> tuple[str, ...]:
        """Fields of this side that the mapping of this id writes."""
        lens = self.lenses_by_mapping.get(mapping)
        return lens.field_names(side) if lens else ()

    def target(self, mapping: FieldMapping, side: Side) -> str:
        """The resource that an association of this side points to."""
        lens = self.lenses_by_mapping[mapping.id]
        assert lens.targets is not None
        return lens.targets.of(side)

    def lens_of(self, mapping: FieldMapping) -> Lens | None:
        """None for a constant, and for a mapping that carries nothing now."""
        return self.lenses_by_mapping.get(mapping.id)

    def mapping_of_strand(self, strand: str) -> FieldMapping | None:
        lens = self._lens_of_strand.get(strand)
        return lens.mapping if lens else None
