"""A failing case made as small as it gets, and told in lines that can be pasted into a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

from syncengine.core.mapping import FieldMapping, Side, SyncSettings
from syncengine.core.plan import LinkMemory

from .case import Case, Pair, without
from .drive import fault_of


def shrunk(case: Case) -> Case:
    """The smallest case found that still fails, one thing less at a time."""
    case = replace(case, rules=None, seen={})
    while (smaller := next((one for one in _smaller(case) if fault_of(one)), None)) is not None:
        case = smaller
    return case


def _smaller(case: Case) -> Iterator[Case]:
    for position in range(len(case.pairs)):
        if len(case.pairs) > 1:
            yield without(case, position)
    yield from _joined(case)
    if case.habit != "keeps":
        yield replace(case, habit="keeps", seen={})
    mappings = case.settings.mappings
    for position in range(len(mappings)):
        rest = mappings[:position] + mappings[position + 1 :]
        if rest:
            yield replace(case, settings=case.settings.with_mappings(rest), pairs=_only(case.pairs, rest), seen={})
    for position, mapping in enumerate(mappings):
        plain = FieldMapping(mapping.id, mapping.a, mapping.b, transform=mapping.transform)
        for name in ("direction", "winner", "clears", "mode", "defaults"):
            if getattr(mapping, name) != getattr(plain, name):
                simpler = replace(mapping, **{name: getattr(plain, name)})
                changed = (*mappings[:position], simpler, *mappings[position + 1 :])
                yield replace(case, settings=case.settings.with_mappings(changed), seen={})
    if case.settings.email_only:
        yield replace(case, settings=replace(case.settings, email_only=False), seen={})


def _joined(case: Case) -> Iterator[Case]:
    """Two new records that match may as well have been linked, and never compared."""
    for one in case.pairs:
        for other in case.pairs:
            if one.memory is other.memory is None and one.b is None and other.a is None:
                rest = tuple(pair for pair in case.pairs if pair is not one and pair is not other)
                yield replace(case, pairs=(Pair(one.a, other.b, LinkMemory()), *rest), seen={})


def _only(pairs: tuple[Pair, ...], mappings: tuple[FieldMapping, ...]) -> tuple[Pair, ...]:
    """Without the fields and strands of other mappings."""
    names = {side: {n for m in mappings for n in m.fields(side)} for side in Side}
    ids = {m.id for m in mappings}

    def kept(pair: Pair) -> Pair:
        a, b = (
            None if (r := pair.record(side)) is None else {n: v for n, v in r.items() if n in names[side]}
            for side in Side
        )
        memory = pair.memory and LinkMemory(
            *({s: k for s, k in base.items() if s.split("#")[0] in ids} for base in (pair.memory.a, pair.memory.b))
        )
        return Pair(a, b, memory)

    return tuple(kept(pair) for pair in pairs)


def told(case: Case) -> str:
    """As Python, for a test: `fault_of(case)` is to be None."""
    settings = ", ".join(
        f"{f.name}={_said(getattr(case.settings, f.name))}"
        for f in fields(SyncSettings)
        if f.name == "kind" or getattr(case.settings, f.name) != getattr(SyncSettings(kind=None), f.name)
    )
    pairs = ",\n        ".join(
        f"Pair(\n            {p.a!r},\n            {p.b!r},\n            {_memory(p.memory)},\n        )"
        for p in case.pairs
    )
    return (
        f"case = Case(\n    SyncSettings({settings}),\n    (\n        {pairs},\n    ),\n    habit={case.habit!r},\n)\n"
        "assert fault_of(case) is None"
    )


def _memory(memory: LinkMemory | None) -> str:
    return "None" if memory is None else f"LinkMemory({dict(memory.a)!r}, {dict(memory.b)!r})"


def _said(value: object) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], FieldMapping):
        return f"({', '.join(_mapping(m) for m in value)},)"
    return _plain(value)


def _mapping(mapping: FieldMapping) -> str:
    plain = FieldMapping(mapping.id, mapping.a, mapping.b)
    more = [
        f"{f.name}={_plain(getattr(mapping, f.name))}"
        for f in fields(FieldMapping)
        if getattr(mapping, f.name) != getattr(plain, f.name)
    ]
    return f"FieldMapping({', '.join([repr(mapping.id), repr(mapping.a), repr(mapping.b), *more])})"


def _plain(value: object) -> str:
    name = getattr(value, "name", None)
    if name is not None and type(value).__module__.startswith(("syncengine", "connectors")):
        return f"{type(value).__name__}.{name}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_plain(k)}: {_plain(v)}" for k, v in value.items()) + "}"
    return repr(value)
