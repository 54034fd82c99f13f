"""What serializers of the API share."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

SIDES = [("a", "a"), ("b", "b")]


def names_of(kind: type) -> list[tuple[str, str]]:
    return [(one.value, one.value) for one in kind]  # type: ignore[attr-defined]


@extend_schema_field(OpenApiTypes.ANY)
class Plain(serializers.JSONField):
    """A value in wire form: text, number, truth value, list or object."""
