"""How what an account offers has changed since it was last described. Pure; words for people at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _

from .contract import Field, Resource


class Drift(StrEnum):
    """What may happen to a field."""

    ADDED = "added"
    """Nothing follows from it."""
    REMOVED = "removed"
    RETYPED = "retyped"
    """Another type, or one value instead of several, or the other way round."""
    LOCKED = "locked"
    """It cannot be written any more."""
    REQUIRED = "required"
    """A record cannot be created without it any more."""
    OPTION_GONE = "option_gone"


@dataclass(frozen=True, slots=True)
class Difference:
    drift: Drift
    field: str
    """Its name."""
    label: str
    detail: str = ""
    """The new type, or the label of the option."""


def differences(before: Resource, after: Resource) -> tuple[Difference, ...]:
    """What has changed for whoever uses its fields, in the order of the fields."""
    known = {f.name: f for f in before.fields}
    now = {f.name: f for f in after.fields}
    removed = [Difference(Drift.REMOVED, f.name, f.label) for f in before.fields if f.name not in now]
    added = [Difference(Drift.ADDED, f.name, f.label) for f in after.fields if f.name not in known]
    changed = [d for f in after.fields if f.name in known for d in _changes(known[f.name], f)]
    return (*removed, *changed, *added)


def _changes(before: Field, after: Field) -> Iterator[Difference]:
    if (before.type, before.multi_valued) != (after.type, after.multi_valued):
        yield Difference(Drift.RETYPED, after.name, after.label, after.type.value.replace("_", "-"))
    if after.read_only and not before.read_only:
        yield Difference(Drift.LOCKED, after.name, after.label)
    if after.required and not before.required:
        yield Difference(Drift.REQUIRED, after.name, after.label)
    offered = {option.value for option in after.options}
    for option in before.options:
        if option.value not in offered:
            yield Difference(Drift.OPTION_GONE, after.name, after.label, option.label)


def told(found: Sequence[Difference]) -> str:
    """In one line, for people."""
    return "; ".join(_sentence(one) for one in found)


def _sentence(one: Difference) -> str:
    values = {"field": one.label, "detail": one.detail}
    match one.drift:
        case Drift.ADDED:
            return _("“%(field)s” is new") % values
        case Drift.REMOVED:
            return _("“%(field)s” is gone") % values
        case Drift.RETYPED:
            return _("“%(field)s” is of type %(detail)s now") % values
        case Drift.LOCKED:
            return _("“%(field)s” cannot be written any more") % values
        case Drift.REQUIRED:
            return _("“%(field)s” is required now") % values
        case Drift.OPTION_GONE:
            return _("“%(field)s” has no option “%(detail)s” any more") % values
