"""Filters as the API shows and takes them (rule 6.2)."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..core.filters import FilterMode, Filters, Joined, Leaving, Operator, filter_from_json

MOST_GROUPS, MOST_CONDITIONS = 20, 50


def _choices(kind: type) -> list[tuple[str, str]]:
    return [(one.value, one.value) for one in kind]  # type: ignore[attr-defined]


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
class Wanted(serializers.JSONField):
    """A text, number, date, option value, id or label, as text; a list of them for `one_of`."""

    def to_internal_value(self, data: Any) -> Any:
        for one in data if isinstance(data, list) else [data]:
            if isinstance(one, bool) or not isinstance(one, str | int | float):
                raise serializers.ValidationError("A text, or a list of texts.")
        return data


MODES = _choices(FilterMode)


class ConditionSerializer(serializers.Serializer):
    field = serializers.CharField(max_length=500)
    operator = serializers.ChoiceField(choices=_choices(Operator))
    value = Wanted(required=False, default="")


class GroupSerializer(serializers.Serializer):
    joined = serializers.ChoiceField(choices=_choices(Joined), required=False, default=Joined.ALL.value)
    conditions = ConditionSerializer(many=True, max_length=MOST_CONDITIONS)


class FilterSerializer(serializers.Serializer):
    """All or any of the groups have to be met; without conditions everything passes."""

    joined = serializers.ChoiceField(choices=_choices(Joined), required=False, default=Joined.ALL.value)
    groups = GroupSerializer(many=True, max_length=MOST_GROUPS)


class FiltersSerializer(serializers.Serializer):
    """`a` and `b` judge what the records of that side send. What is not named stays as it is."""

    a = FilterSerializer(required=False)
    b = FilterSerializer(required=False)
    mode = serializers.ChoiceField(choices=MODES, required=False)
    leaving = serializers.ChoiceField(choices=_choices(Leaving), required=False)

    def to_representation(self, instance: Filters) -> dict[str, Any]:
        return asdict(instance)


def changed_filters(current: Filters, said: dict[str, Any]) -> Filters:
    """`current` with what was said."""
    values: dict[str, Any] = {side: filter_from_json(said[side]) for side in ("a", "b") if side in said}
    if "mode" in said:
        values["mode"] = FilterMode(said["mode"])
    if "leaving" in said:
        values["leaving"] = Leaving(said["leaving"])
    return replace(current, **values)
