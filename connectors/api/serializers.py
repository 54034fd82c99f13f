"""Apps, accounts and objects as the API shows them, and what it takes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..accounts import resource_of
from ..contract import FieldMeaning, FieldType, Kind, Setting, SettingKind
from ..labels import KINDS, TYPES
from ..models import AccountObject, AccountState, ConnectedAccount

KIND_CHOICES = list(KINDS.items())
TYPE_CHOICES = list(TYPES.items())


class ChoiceSerializer(serializers.Serializer):
    value = serializers.CharField()
    label = serializers.CharField()


class SettingSerializer(serializers.Serializer):
    """One thing that an app asks for."""

    name = serializers.CharField()
    label = serializers.CharField()
    kind = serializers.ChoiceField(choices=[(kind.value, kind.value) for kind in SettingKind])
    required = serializers.BooleanField()
    help = serializers.CharField()
    default = serializers.CharField()
    choices = serializers.SerializerMethodField()

    @extend_schema_field(ChoiceSerializer(many=True))
    def get_choices(self, setting: Setting) -> list[dict[str, str]]:
        return [{"value": value, "label": label} for value, label in setting.choices]


class AppSerializer(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()
    summary = serializers.CharField()
    category = serializers.CharField()
    description = serializers.CharField()
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=KIND_CHOICES))
    custom_objects = serializers.BooleanField()
    limits = serializers.ListField(child=serializers.CharField())
    settings = SettingSerializer(many=True)


@extend_schema_field(OpenApiTypes.STR)
class SettingValue(serializers.Field):
    """A text; a number or a truth value is taken as one."""

    default_error_messages = {"invalid": "This has to be text."}

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, bool):
            return str(data).lower()
        if not isinstance(data, str | int):
            self.fail("invalid")
        return str(data)

    def to_representation(self, value: str) -> str:
        return value


class AccountSerializer(serializers.ModelSerializer):
    """Secrets are not part of it, whatever is asked."""

    state = serializers.ChoiceField(choices=AccountState.choices, read_only=True)
    settings = serializers.DictField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = ConnectedAccount
        fields = (
            "id",
            "app",
            "name",
            "label",
            "state",
            "state_reason",
            "is_home",
            "settings",
            "created_at",
            "created_by",
            "checked_at",
        )
        read_only_fields = fields


class ConnectSerializer(serializers.Serializer):
    app = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    settings = serializers.DictField(child=SettingValue(), write_only=True)


class ReconnectSerializer(serializers.Serializer):
    settings = serializers.DictField(child=SettingValue(), write_only=True)


class AccountChangeSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=120, required=False)
    is_home = serializers.BooleanField(required=False)

    def validate_is_home(self, value: bool) -> bool:
        if not value:
            raise serializers.ValidationError("Make another account the home account instead.")
        return value


class FieldSerializer(serializers.Serializer):
    """A field as a person understands it."""

    name = serializers.CharField()
    label = serializers.CharField()
    type = serializers.ChoiceField(choices=TYPE_CHOICES)
    canonical = serializers.CharField(allow_null=True)
    required = serializers.BooleanField()
    read_only = serializers.BooleanField()
    unique = serializers.BooleanField()
    multi_valued = serializers.BooleanField()
    options = ChoiceSerializer(many=True)
    target = serializers.CharField(allow_null=True)
    max_length = serializers.IntegerField(allow_null=True)


class ObjectSerializer(serializers.ModelSerializer):
    kind = serializers.ChoiceField(choices=KIND_CHOICES, allow_null=True, read_only=True)
    proposed_kind = serializers.ChoiceField(choices=KIND_CHOICES, allow_null=True, read_only=True)

    class Meta:
        model = AccountObject
        fields = ("id", "name", "label", "kind", "proposed_kind", "missing", "seen_at")
        read_only_fields = fields


class ObjectDetailSerializer(ObjectSerializer):
    fields = serializers.SerializerMethodField(method_name="fields_of")

    class Meta(ObjectSerializer.Meta):
        fields = (*ObjectSerializer.Meta.fields, "fields")
        read_only_fields = fields

    @extend_schema_field(FieldSerializer(many=True))
    def fields_of(self, obj: AccountObject) -> list[dict[str, Any]]:
        return FieldSerializer(resource_of(obj).fields, many=True).data


class FieldMeaningSerializer(serializers.Serializer):
    """`canonical`: what the field stands for; "" for nothing in particular; null as the app proposes."""

    canonical = serializers.CharField(allow_null=True, allow_blank=True, required=False, default=None)
    type = serializers.ChoiceField(choices=TYPE_CHOICES, allow_null=True, required=False, default=None)

    def to_internal_value(self, data: Any) -> FieldMeaning:
        said = super().to_internal_value(data)
        return FieldMeaning(said["canonical"], FieldType(said["type"]) if said["type"] else None)


class ObjectMeaningSerializer(serializers.Serializer):
    """What is not named stays as it was; a field of null is as the app proposes again."""

    kind = serializers.ChoiceField(choices=KIND_CHOICES, allow_null=True, required=False)
    fields = serializers.DictField(child=FieldMeaningSerializer(allow_null=True), required=False)

    def validate_kind(self, value: str | None) -> Kind | None:
        return Kind(value) if value else None


__all__ = [
    "AccountChangeSerializer",
    "AccountSerializer",
    "AppSerializer",
    "ConnectSerializer",
    "ObjectDetailSerializer",
    "ObjectMeaningSerializer",
    "ObjectSerializer",
    "ReconnectSerializer",
]
