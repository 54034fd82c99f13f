"""Everything that was chosen for a sync, as the API shows it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from connectors.contract import WriteKind

from ...core.mapping import (
    Begins,
    ClearPolicy,
    Direction,
    FieldMapping,
    History,
    MatchBy,
    Matching,
    Side,
    SyncSettings,
    Transform,
    Which,
    WriteMode,
)
from ..filters import FiltersSerializer
from .plain import SIDES, Plain, names_of

MODES = names_of(WriteMode)


class MappingSerializer(serializers.Serializer):
    """One field mapping. `a` and `b` are names of fields of the two objects."""

    id = serializers.CharField()
    a = serializers.ListField(child=serializers.CharField())
    b = serializers.ListField(child=serializers.CharField())
    direction = serializers.ChoiceField(choices=names_of(Direction))
    enabled = serializers.BooleanField()
    custom = serializers.BooleanField()
    transform = serializers.ChoiceField(choices=names_of(Transform), allow_blank=True)
    argument = serializers.CharField(allow_blank=True, help_text="Of the transform: which form, which part.")
    shaped = serializers.ChoiceField(choices=SIDES, help_text="The side that holds what the transform makes.")
    options = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Pairs of options, or of texts that are replaced: side A, side B.",
    )
    winner = serializers.ChoiceField(choices=SIDES, allow_null=True)
    clears = serializers.ChoiceField(choices=names_of(ClearPolicy))
    mode = serializers.ChoiceField(choices=MODES)
    begins = serializers.ChoiceField(choices=names_of(Begins))
    which = serializers.ChoiceField(choices=names_of(Which), help_text="Of several associations.")
    defaults = serializers.DictField(child=Plain(), help_text="Side → value for a new record there.")
    fallback = serializers.DictField(child=serializers.CharField(), help_text="Side → owner where nobody corresponds.")


class MatchingSerializer(serializers.Serializer):
    by = serializers.ChoiceField(choices=names_of(MatchBy))
    field_a = serializers.CharField(required=False, allow_blank=True, default="")
    field_b = serializers.CharField(required=False, allow_blank=True, default="")

    def to_internal_value(self, data: Any) -> Matching:
        said = super().to_internal_value(data)
        return Matching(MatchBy(said["by"]), said["field_a"], said["field_b"])


class BrakeSerializer(serializers.Serializer):
    """What a sync may do within 24 hours unasked: so many, or that share of its links, whichever is more."""

    changes = serializers.IntegerField(min_value=0, required=False, help_text="Records changed or created.")
    changes_percent = serializers.IntegerField(min_value=0, max_value=100, required=False)
    clears = serializers.IntegerField(min_value=0, required=False, help_text="Values cleared, records deleted.")
    clears_percent = serializers.IntegerField(min_value=0, max_value=100, required=False)


DELETIONS = [("off", "off"), (WriteKind.ARCHIVE.value, "archive"), (WriteKind.DELETE.value, "delete")]


class DeletionsSerializer(serializers.Serializer):
    """What a deletion on the other side does to this side's record."""

    a = serializers.ChoiceField(choices=DELETIONS, required=False)
    b = serializers.ChoiceField(choices=DELETIONS, required=False)


class SettingsSerializer(serializers.Serializer):
    """Everything that was chosen for a sync."""

    direction = serializers.ChoiceField(choices=names_of(Direction))
    winner = serializers.ChoiceField(choices=SIDES)
    matching = MatchingSerializer()
    email_only = serializers.BooleanField()
    pass_on = serializers.BooleanField()
    deletions = DeletionsSerializer()
    filters = FiltersSerializer()
    history = serializers.ChoiceField(choices=names_of(History))
    brake = BrakeSerializer()
    mappings = MappingSerializer(many=True)


def settings_data(settings: SyncSettings) -> dict[str, Any]:
    return SettingsSerializer(
        {
            "direction": settings.direction.value,
            "winner": settings.winner.value,
            "matching": settings.matching,
            "email_only": settings.email_only,
            "pass_on": settings.pass_on,
            "deletions": {side.value: settings.deletions.get(side, "off") for side in Side},
            "filters": settings.filters,
            "history": settings.history.value,
            "brake": settings.brake,
            "mappings": [_mapping_data(mapping) for mapping in settings.mappings],
        }
    ).data


def _mapping_data(mapping: FieldMapping) -> dict[str, Any]:
    return {
        "id": mapping.id,
        "a": mapping.a,
        "b": mapping.b,
        "direction": mapping.direction.value,
        "enabled": mapping.enabled,
        "custom": mapping.custom,
        "transform": mapping.transform.value,
        "argument": mapping.argument,
        "shaped": mapping.shaped.value,
        "begins": mapping.begins.value,
        "which": mapping.which.value,
        "fallback": {side.value: owner for side, owner in mapping.fallback.items()},
        "options": mapping.options,
        "winner": mapping.winner.value if mapping.winner else None,
        "clears": mapping.clears.value,
        "mode": mapping.mode.value,
        "defaults": {side.value: value for side, value in mapping.defaults.items()},
    }
