"""What the settings page sends, as settings. A value that the page does not offer leaves things as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from django.http import QueryDict

from connectors.contract import WriteKind

from ..core.brake import Thresholds
from ..core.mapping import (
    ClearPolicy,
    Direction,
    FieldMapping,
    History,
    MatchBy,
    Matching,
    Side,
    SyncSettings,
    WriteMode,
)
from ..core.match import PERSONS
from ..editing import within_plan

MOST_UNASKED = 1_000_000
Choice = TypeVar("Choice", bound=StrEnum)


def settings_from(post: QueryDict, current: SyncSettings, *, may_customise: bool) -> SyncSettings:
    """`current` with what was chosen on the page."""
    changed = replace(
        current,
        direction=chosen(Direction, post.get("direction"), current.direction),
        winner=chosen(Side, post.get("winner"), current.winner),
        matching=_matching(post, current.matching),
        history=chosen(History, post.get("history"), current.history),
        brake=_brake(post, current.brake),
        pass_on="pass_on" in post if "pass_on_shown" in post else current.pass_on,
        deletions=_deletions(post, current),
        email_only="email_only" in post if current.kind in PERSONS else current.email_only,
        mappings=tuple(
            mapping if mapping.needs_plan and not may_customise else _mapping(post, mapping)
            for mapping in current.mappings
        ),
    )
    return within_plan(changed)


def _brake(post: QueryDict, current: Thresholds) -> Thresholds:
    """A number that is none, or beyond its bound, leaves things as they are."""
    bounds = {"changes": MOST_UNASKED, "changes_percent": 100, "clears": MOST_UNASKED, "clears_percent": 100}
    said = {name: post.get(f"brake_{name}", "").strip() for name in bounds}
    numbers = {name: int(raw) for name, raw in said.items() if raw.isascii() and raw.isdecimal() and len(raw) < 10}
    return replace(current, **{name: n for name, n in numbers.items() if n <= bounds[name]})


def chosen(kind: type[Choice], raw: str | None, otherwise: Choice) -> Choice:
    try:
        return kind(raw or "")
    except ValueError:
        return otherwise


def _deletions(post: QueryDict, current: SyncSettings) -> Mapping[Side, WriteKind]:
    names = {side: f"deletions_{side.value}" for side in Side}
    kinds = {WriteKind.ARCHIVE, WriteKind.DELETE}
    said = {side: post.get(name, current.deletions.get(side, "")) for side, name in names.items()}
    return {side: WriteKind(kind) for side, kind in said.items() if kind in kinds}


def _matching(post: QueryDict, current: Matching) -> Matching:
    by = chosen(MatchBy, post.get("match_by"), current.by)
    if by is not MatchBy.FIELD:
        return Matching(by=by)
    return Matching(by=by, field_a=post.get("match_a", ""), field_b=post.get("match_b", ""))


def _mapping(post: QueryDict, mapping: FieldMapping) -> FieldMapping:
    if f"shown:{mapping.id}" not in post:
        return mapping
    winner = post.get(f"winner:{mapping.id}", mapping.winner or "")
    return replace(
        mapping,
        enabled=f"on:{mapping.id}" in post,
        direction=chosen(Direction, post.get(f"direction:{mapping.id}"), mapping.direction),
        clears=chosen(ClearPolicy, post.get(f"clears:{mapping.id}"), mapping.clears),
        mode=chosen(WriteMode, post.get(f"mode:{mapping.id}"), mapping.mode),
        winner=Side(winner) if winner in set(Side) else None,
    )
