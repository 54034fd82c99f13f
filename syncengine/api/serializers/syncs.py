"""Syncs and how they stand."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from connectors.api.serializers import KIND_CHOICES

from ... import looking, queries
from ...core.mapping import Direction, Side
from ...models import Sync, SyncState
from ...services import Standing
from ...showing import ends_of
from ..looking import NextLookSerializer
from .plain import names_of
from .settings import SettingsSerializer, settings_data


class EndSerializer(serializers.Serializer):
    """One end of a sync."""

    account = serializers.IntegerField(source="object.account_id")
    account_name = serializers.CharField(source="object.account.name")
    object = serializers.IntegerField(source="object.pk")
    label = serializers.CharField(source="object.label")
    kind = serializers.ChoiceField(choices=KIND_CHOICES, source="object.kind", allow_null=True)


class CountsSerializer(serializers.Serializer):
    """Records by state; `causes` is failure class → records."""

    in_sync = serializers.IntegerField()
    waiting = serializers.IntegerField()
    failing = serializers.IntegerField()
    excluded = serializers.IntegerField()
    paused = serializers.IntegerField()
    causes = serializers.DictField(child=serializers.IntegerField())


class SyncSerializer(serializers.Serializer):
    """A sync, made of a `queries.Overview`."""

    id = serializers.IntegerField(source="sync.pk")
    a = serializers.SerializerMethodField()
    b = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=SyncState.choices, source="sync.state")
    standing = serializers.ChoiceField(choices=names_of(Standing), source="status.standing")
    attention = serializers.CharField(source="sync.attention", help_text="Why it needs somebody; blank if it does not.")
    attention_reason = serializers.CharField(source="status.reason")
    missing = serializers.SerializerMethodField()
    direction = serializers.ChoiceField(choices=names_of(Direction))
    counts = CountsSerializer(source="status")
    run = serializers.SerializerMethodField()
    last_run_at = serializers.DateTimeField(source="status.last_run_at", allow_null=True)
    has_draft = serializers.BooleanField(help_text="There are settings that are not in effect yet.")
    created_at = serializers.DateTimeField(source="sync.created_at")
    created_by = serializers.CharField(source="sync.created_by")

    @extend_schema_field(EndSerializer)
    def get_a(self, one: queries.Overview) -> dict[str, Any]:
        return EndSerializer(ends_of(one.sync)[Side.A]).data

    @extend_schema_field(EndSerializer)
    def get_b(self, one: queries.Overview) -> dict[str, Any]:
        return EndSerializer(ends_of(one.sync)[Side.B]).data

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_missing(self, one: queries.Overview) -> dict[str, int]:
        """Side → records that it does not show any more, so many that somebody has to confirm their deletion."""
        return {side.value: n for side in Side if (n := one.sync.pair.stream(side).missing)}

    @extend_schema_field(serializers.IntegerField(allow_null=True, help_text="The run under way."))
    def get_run(self, one: queries.Overview) -> int | None:
        return one.status.run.pk if one.status.run else None


class SyncDetailSerializer(SyncSerializer):
    next_look = serializers.SerializerMethodField()
    settings = serializers.SerializerMethodField()
    draft = serializers.SerializerMethodField()

    @extend_schema_field(NextLookSerializer(allow_null=True))
    def get_next_look(self, one: queries.Overview) -> dict[str, Any] | None:
        """When it looks at both sides again, and why then."""
        found = looking.next_look(one.sync)
        return NextLookSerializer(found).data if found else None

    @extend_schema_field(SettingsSerializer)
    def get_settings(self, one: queries.Overview) -> dict[str, Any]:
        """What is in effect; before the first start, the draft."""
        return settings_data(queries.shown_settings(one.sync))

    @extend_schema_field(SettingsSerializer(allow_null=True))
    def get_draft(self, one: queries.Overview) -> dict[str, Any] | None:
        """Settings that are not in effect yet."""
        draft = queries.draft_of(one.sync)
        return settings_data(draft.load()) if draft else None


def sync_data(sync: Sync) -> dict[str, Any]:
    return SyncDetailSerializer(queries.overview(sync)).data
