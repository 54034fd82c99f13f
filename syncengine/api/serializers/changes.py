"""Changes of settings, and new syncs, as the API takes them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from connectors.models import AccountObject

from ...core.mapping import Begins, ClearPolicy, Direction, History, Transform, Which
from ..filters import FiltersSerializer
from .plain import SIDES, Plain, names_of
from .settings import MODES, BrakeSerializer, DeletionsSerializer, MatchingSerializer


class MappingChangeSerializer(serializers.Serializer):
    """With `id`: changes of that mapping; what is not named stays. Without: a new, custom mapping."""

    id = serializers.CharField(required=False)
    remove = serializers.BooleanField(required=False, default=False, help_text="Custom mappings only.")
    a = serializers.ListField(child=serializers.CharField(), required=False, help_text="For a new mapping.")
    b = serializers.ListField(child=serializers.CharField(), required=False, help_text="For a new mapping.")
    transform = serializers.ChoiceField(choices=names_of(Transform), required=False, allow_blank=True)
    argument = serializers.CharField(required=False, allow_blank=True, max_length=100)
    shaped = serializers.ChoiceField(choices=SIDES, required=False)
    options = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(max_length=500), min_length=2, max_length=2),
        required=False,
        max_length=2000,
    )
    begins = serializers.ChoiceField(choices=names_of(Begins), required=False)
    which = serializers.ChoiceField(choices=names_of(Which), required=False)
    defaults = serializers.DictField(child=Plain(allow_null=True), required=False)
    fallback = serializers.DictField(child=serializers.CharField(), required=False)
    direction = serializers.ChoiceField(choices=names_of(Direction), required=False)
    enabled = serializers.BooleanField(required=False)
    winner = serializers.ChoiceField(choices=SIDES, required=False, allow_null=True)
    clears = serializers.ChoiceField(choices=names_of(ClearPolicy), required=False)
    mode = serializers.ChoiceField(choices=MODES, required=False)

    def validate(self, said: dict[str, Any]) -> dict[str, Any]:
        if "id" not in said and not (said.get("a") or said.get("b")):
            raise serializers.ValidationError("Name the id of a mapping, or the fields “a” and “b” of a new one.")
        for name in ("defaults", "fallback"):
            if not set(said.get(name, ())) <= {"a", "b"}:
                raise serializers.ValidationError({name: "The sides are “a” and “b”."})
        if "id" in said and {"a", "b"} & set(said):
            raise serializers.ValidationError("The fields of a mapping cannot be changed: remove it and add another.")
        return said


class SettingsChangeSerializer(serializers.Serializer):
    """What is not named stays as it is."""

    direction = serializers.ChoiceField(choices=names_of(Direction), required=False)
    winner = serializers.ChoiceField(choices=SIDES, required=False)
    matching = MatchingSerializer(required=False)
    email_only = serializers.BooleanField(required=False)
    pass_on = serializers.BooleanField(required=False)
    deletions = DeletionsSerializer(required=False)
    filters = FiltersSerializer(required=False)
    history = serializers.ChoiceField(choices=names_of(History), required=False)
    brake = BrakeSerializer(required=False)
    mappings = MappingChangeSerializer(many=True, required=False)


class SyncCreateSerializer(serializers.Serializer):
    object_a = serializers.PrimaryKeyRelatedField(queryset=AccountObject.objects.select_related("account"))
    object_b = serializers.PrimaryKeyRelatedField(queryset=AccountObject.objects.select_related("account"))
    settings = SettingsChangeSerializer(required=False)
    alike = serializers.BooleanField(
        required=False, default=False, help_text="Two objects of no known kind are the same thing."
    )
