"""Short ways to say a field, an object, a sync and two records of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Any

from connectors.contract import Field, FieldType, Kind, Option, Resource, Value, Values, WriteKind
from syncengine.core.mapping import FieldMapping, Side, SyncSettings
from syncengine.core.merge import Reason
from syncengine.core.plan import Draft, LinkMemory, LinkPlan, Rules, plan_link
from syncengine.core.references import Related, Table

T = FieldType
A, B = Side.A, Side.B
ALL_WRITES = frozenset(WriteKind)

LINKED = {str(n): str(7 - n) for n in range(1, 7)}
"""Targets of references: id on side A → id on side B of what it is linked with. Others wait."""
TARGETS: Table = {
    **{(A, a): Related(f"L{a}", b) for a, b in LINKED.items()},
    **{(B, b): Related(f"L{a}", a) for a, b in LINKED.items()},
}


def field(name: str, type_: FieldType = T.TEXT, canonical: str | None = None, **more: Any) -> Field:
    options = tuple(Option(*o) if isinstance(o, tuple) else Option(o, o.capitalize()) for o in more.pop("options", ()))
    return Field(name, name.capitalize(), type_, canonical, options=options, **more)


def resource(*fields: Field, kind: Kind | None = Kind.CONTACT, name: str = "people") -> Resource:
    return Resource(name, name.capitalize(), fields, kind=kind, writes=ALL_WRITES)


def rules_of(
    a: Field | Resource,
    b: Field | Resource,
    *mappings: FieldMapping,
    sync: Mapping[str, Any] | None = None,
    **mapping: Any,
) -> Rules:
    """A sync of two objects; for two fields, the one mapping "m" between them with these attributes."""
    left = a if isinstance(a, Resource) else resource(a)
    right = b if isinstance(b, Resource) else resource(b)
    if isinstance(a, Field) and isinstance(b, Field):
        mappings = (FieldMapping("m", (a.name,), (b.name,), **mapping),)
    rules = Rules(SyncSettings(kind=Kind.CONTACT, mappings=mappings, **(sync or {})), left, right)
    return rules.knowing(dict.fromkeys(rules.targets, TARGETS))


@dataclass
class Pair:
    """Two linked records and what their link remembers: plan, carry out, plan again."""

    rules: Rules
    a: dict[str, Value]
    b: dict[str, Value]
    memory: LinkMemory = dataclass_field(default_factory=LinkMemory)

    def plan(self) -> LinkPlan:
        return plan_link(self.rules, self.a, self.b, self.memory)

    def in_step(self) -> Pair:
        """The same two with what they hold now as their baselines."""
        memory = LinkMemory(self.rules.looks(A, self.a), self.rules.looks(B, self.b))
        return replace(self, memory=memory)

    def edited(self, a: Values | None = None, b: Values | None = None) -> Pair:
        return replace(self, a={**self.a, **(a or {})}, b={**self.b, **(b or {})})

    def written(self) -> dict[Side, dict[str, Value]]:
        """What would be written, by side."""
        return {d.side: d.values for d in self.plan().drafts}


def draft_of(plan: LinkPlan, side: Side) -> Draft:
    return next(d for d in plan.drafts if d.side is side)


def only_note(plan: LinkPlan) -> Reason:
    assert len(plan.notes) == 1, plan.notes
    return next(iter(plan.notes.values()))
