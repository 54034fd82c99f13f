"""The field mappings of a sync as the settings page shows them, and what may be mapped to what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from connectors.contract import Field, Resource

from .. import words
from ..core.compat import Unpaired, pairing
from ..core.lens import grind
from ..core.mapping import Direction, FieldMapping, Side, SyncSettings, Transform
from ..core.transforms import pairing_of
from ..core.values import Locale
from ..showing import labels_of, text_of


@dataclass(frozen=True, slots=True)
class MappingRow:
    """One mapping in the table."""

    mapping: FieldMapping
    label_a: str
    label_b: str
    effective: Direction | None
    """The way that values go now; None: no way at all."""
    choices: tuple[tuple[str, str], ...]
    """(direction, words) to choose from; empty where there is nothing to choose."""
    reason: str
    """Why there is nothing to choose, or why the mapping carries nothing."""
    usable: bool
    locked: bool
    """A custom mapping that the plan does not include."""
    error: str = ""
    note: str = ""
    """Of an association: what people have to know of it."""

    @property
    def icon(self) -> str:
        return words.ARROWS[self.effective] if self.effective else "x"

    @property
    def direction(self) -> str:
        """The choice that is in effect, among those that the fields allow."""
        offered = {value for value, _label in self.choices}
        wanted = self.mapping.direction.value
        return wanted if wanted in offered else (self.effective or self.mapping.direction).value

    @property
    def transform(self) -> str:
        """What happens on the way, where somebody named it."""
        known = self.mapping.transform
        return str(words.TRANSFORMS[known]) if known is not Transform.NONE else ""

    @property
    def rules(self) -> str:
        """In a few words, what is special about it."""
        parts = [words.CLEARS[self.mapping.clears], words.MODES[self.mapping.mode]]
        return " · ".join(str(part) for part in parts)


def rows_of(
    settings: SyncSettings,
    resources: Mapping[Side, Resource],
    names: Mapping[Side, str],
    *,
    may_customise: bool,
    errors: Mapping[str, str],
) -> list[MappingRow]:
    """All mappings of the settings, those with two sides; a constant has nothing to choose."""
    return [
        _row(mapping, settings, resources, names, may_customise=may_customise, error=errors.get(mapping.id, ""))
        for mapping in settings.mappings
        if mapping.a and mapping.b
    ]


@dataclass(frozen=True, slots=True)
class ConstantRow:
    """A value for new records, in the table."""

    mapping: FieldMapping
    label_a: str
    label_b: str
    value: str
    error: str


def constants_of(
    settings: SyncSettings, resources: Mapping[Side, Resource], *, errors: Mapping[str, str]
) -> list[ConstantRow]:
    """Mappings that have fields on one side only (rule 4.4)."""
    found = []
    for mapping in settings.mappings:
        side = Side.A if mapping.a else Side.B
        names = mapping.fields(side)
        if (mapping.a and mapping.b) or not names:
            continue
        value = text_of(mapping.defaults.get(side), resources[side].field(names[0]))
        labels = {s: labels_of(mapping.fields(s), resources[s]) for s in Side}
        found.append(ConstantRow(mapping, labels[Side.A], labels[Side.B], value, errors.get(mapping.id, "")))
    return found


def _row(
    mapping: FieldMapping,
    settings: SyncSettings,
    resources: Mapping[Side, Resource],
    names: Mapping[Side, str],
    *,
    may_customise: bool,
    error: str,
) -> MappingRow:
    a, b = resources[Side.A], resources[Side.B]
    widest = grind(
        replace(mapping, direction=Direction.TWO_WAY),
        Direction.TWO_WAY,
        a,
        b,
        Locale(settings.country, settings.zone),
    )
    if isinstance(widest, Unpaired):
        allowed, effective, reason = None, None, widest.reason
    else:
        allowed = widest.direction.narrowed(settings.direction)
        effective = allowed.narrowed(mapping.direction) if allowed else None
        reason = _why_narrow(mapping, widest.direction, settings, a, b)
    ways = [d for d in Direction if allowed is not None and d.narrowed(allowed) is d]
    choices = tuple((d.value, words.direction_text(d, names[Side.A], names[Side.B])) for d in ways)
    return MappingRow(
        mapping=mapping,
        label_a=labels_of(mapping.a, a),
        label_b=labels_of(mapping.b, b),
        effective=effective,
        choices=choices if len(choices) > 1 else (),
        reason=reason,
        usable=effective is not None,
        locked=mapping.needs_plan and not may_customise,
        error=error,
    )


def _why_narrow(mapping: FieldMapping, widest: Direction, settings: SyncSettings, a: Resource, b: Resource) -> str:
    """Why values do not go both ways, if they do not."""
    if widest is not Direction.TWO_WAY:
        return _pair_reason(mapping, a, b) or _("One of its fields is read-only.")
    if settings.direction is not Direction.TWO_WAY:
        return _("As the whole sync.")
    return ""


def _pair_reason(mapping: FieldMapping, a: Resource, b: Resource) -> str:
    field_a, field_b = a.field(mapping.a[0]), b.field(mapping.b[0])
    if len(mapping.a) + len(mapping.b) > 2 or field_a is None or field_b is None:
        return ""
    found = pairing_of(field_a, field_b, mapping)
    return found.reason


# --- A new mapping ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offer:
    """A field of side B that a field of side A could be mapped to, or not."""

    field: Field
    transform: Transform = Transform.NONE
    direction: Direction | None = None
    """None: they cannot be mapped."""
    reason: str = ""

    @property
    def value(self) -> str:
        """For a form: field and transform."""
        return f"{self.transform.value}:{self.field.name}"

    @property
    def icon(self) -> str:
        return words.ARROWS[self.direction] if self.direction else "x"


def offers(field: Field, other: Resource, settings: SyncSettings) -> list[Offer]:
    """Every field of side B against this one of side A; where text can be read back, both ways of doing it."""
    found: list[Offer] = []
    for candidate in other.fields:
        plain = _offer(field, candidate, Transform.NONE, settings)
        found.append(plain)
        parsed = _offer(field, candidate, Transform.PARSE, settings)
        if plain.direction is not None and parsed.direction not in (None, plain.direction):
            found.append(replace(parsed, reason=_("The text is read back; what does not fit is refused.")))
    return found


def _offer(field: Field, candidate: Field, transform: Transform, settings: SyncSettings) -> Offer:
    found = pairing(field, candidate, transform)
    if isinstance(found, Unpaired):
        return Offer(candidate, transform, None, found.reason)
    direction = found.direction.narrowed(settings.direction)
    if direction is None:
        return Offer(candidate, transform, None, _("The sync's direction leaves no way between them."))
    taken = _written_already(settings, field.name, candidate.name, direction)
    if taken:
        return Offer(candidate, transform, None, taken)
    return Offer(candidate, transform, direction, found.reason)


def _written_already(settings: SyncSettings, a: str, b: str, direction: Direction) -> str:
    """Rule 4.3: a field is written by one active mapping only."""
    active = [m for m in settings.mappings if m.enabled]
    if any(a in m.a and b in m.b for m in active):
        return _("They are mapped already.")
    if direction.allows(Side.B) and _writes(active, settings, Side.B, b):
        return _("It is written by another mapping already.")
    if direction.allows(Side.A) and _writes(active, settings, Side.A, a):
        return _("The field of the first side is written by another mapping already.")
    return ""


def _writes(mappings: Iterable[FieldMapping], settings: SyncSettings, side: Side, name: str) -> bool:
    for mapping in mappings:
        way = mapping.direction.narrowed(settings.direction)
        if way is not None and way.allows(side) and name in mapping.fields(side):
            return True
    return False
