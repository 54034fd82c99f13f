"""Runs and operations."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ... import words
from ...core.mapping import Side
from ...models import Operation, OperationState, RunKind, RunPhase, RunState, SyncRun
from ...showing import ends_of, label_of
from .plain import SIDES, Plain


class RunSerializer(serializers.ModelSerializer):
    """`progress` counts read_a, read_b, planned, done, refused, linked, created, changed, cleared."""

    version = serializers.IntegerField(source="version.number")
    kind = serializers.ChoiceField(choices=RunKind.choices)
    state = serializers.ChoiceField(choices=RunState.choices)
    phase = serializers.ChoiceField(choices=RunPhase.choices)
    progress = serializers.SerializerMethodField()

    class Meta:
        model = SyncRun
        fields = (
            "id",
            "kind",
            "version",
            "state",
            "phase",
            "progress",
            "error",
            "started_by",
            "started_at",
            "finished_at",
            "preview",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_progress(self, run: SyncRun) -> dict[str, int]:
        return {name: value for name, value in run.progress.items() if isinstance(value, int)}


class ChangeSerializer(serializers.Serializer):
    """One field that was written."""

    field = serializers.CharField()
    label = serializers.CharField()
    before = Plain(allow_null=True)
    after = Plain(allow_null=True)
    mapping = serializers.CharField()
    rule = serializers.CharField()
    reason = serializers.CharField()
    why = serializers.CharField(help_text="The reason in words.")


class OperationSerializer(serializers.ModelSerializer):
    """The context names the `sync` and its `resources`."""

    record = serializers.IntegerField(source="link_id", allow_null=True)
    run = serializers.IntegerField(source="run_id")
    side = serializers.ChoiceField(choices=SIDES, allow_blank=True, help_text="Blank where two records are linked.")
    state = serializers.ChoiceField(choices=OperationState.choices)
    changes = serializers.SerializerMethodField()

    class Meta:
        model = Operation
        fields = (
            "id",
            "run",
            "record",
            "side",
            "kind",
            "remote_id",
            "a_id",
            "b_id",
            "label",
            "state",
            "hold",
            "decided_by",
            "decided_at",
            "error",
            "message",
            "changes",
            "planned_at",
            "sent_at",
            "ended_at",
            "undoes",
        )
        read_only_fields = fields

    @extend_schema_field(ChangeSerializer(many=True))
    def get_changes(self, row: Operation) -> list[dict[str, Any]]:
        if not row.side:
            return []
        side, ends = Side(row.side), ends_of(self.context["sync"])
        resource = self.context["resources"][side]
        by, to = ends[side.other].name, ends[side].name
        return [
            {
                "field": change["field"],
                "label": label_of(change["field"], resource),
                "before": change.get("before"),
                "after": change.get("after"),
                "mapping": change.get("mapping", ""),
                "rule": change.get("rule", ""),
                "reason": change.get("reason", ""),
                "why": words.reason_text(change.get("reason", ""), by=by, to=to),
            }
            for change in row.changes
        ]
