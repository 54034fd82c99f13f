"""Syncs, settings, runs, records and operations as the API shows them, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from connectors.api.serializers import KIND_CHOICES
from connectors.contract import WriteKind
from connectors.models import AccountObject

from .. import queries, services, words
from ..core.mapping import (
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
from ..core.references import Obstacle
from ..core.why import Origin
from ..explaining import explain
from ..models import Operation, OperationState, RecordLink, RunKind, RunPhase, RunState, Sync, SyncRun, SyncState
from ..models.link import LINK_STATES
from ..services import Standing
from ..showing import ends_of, label_of
from .filters import FiltersSerializer

SIDES = [("a", "a"), ("b", "b")]


def names_of(kind: type) -> list[tuple[str, str]]:
    return [(one.value, one.value) for one in kind]  # type: ignore[attr-defined]


MODES = names_of(WriteMode)

# --- Settings -----------------------------------------------------------------------------------------------


@extend_schema_field(OpenApiTypes.ANY)
class Plain(serializers.JSONField):
    """A value in wire form: text, number, truth value, list or object."""


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


# --- Syncs --------------------------------------------------------------------------------------------------


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
    settings = serializers.SerializerMethodField()
    draft = serializers.SerializerMethodField()

    @extend_schema_field(SettingsSerializer)
    def get_settings(self, one: queries.Overview) -> dict[str, Any]:
        """What is in effect; before the first start, the draft."""
        return settings_data(queries.shown_settings(one.sync))

    @extend_schema_field(SettingsSerializer(allow_null=True))
    def get_draft(self, one: queries.Overview) -> dict[str, Any] | None:
        """Settings that are not in effect yet."""
        draft = queries.draft_of(one.sync)
        return settings_data(draft.load()) if draft else None


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


# --- Runs and operations ------------------------------------------------------------------------------------


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


# --- Records ------------------------------------------------------------------------------------------------


class RecordSerializer(serializers.ModelSerializer):
    """A record of a sync. `cause`: why it fails or is excluded; `why` is that in words."""

    state = serializers.ChoiceField(choices=LINK_STATES)
    why = serializers.SerializerMethodField()
    candidates = serializers.ListField(
        child=serializers.CharField(), help_text="Ids on the other side, for an ambiguous record."
    )

    class Meta:
        model = RecordLink
        fields = (
            "id",
            "a_id",
            "b_id",
            "label",
            "state",
            "cause",
            "why",
            "detail",
            "candidates",
            "attempts",
            "next_try_at",
            "made_by",
            "created_at",
            "changed_at",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.CharField())
    def get_why(self, link: RecordLink) -> str:
        ends = ends_of(self.context["sync"])
        said = words.cause_words(link.state, link.cause, ends[Side.A].name, ends[Side.B].name)
        return " ".join(str(part) for part in (said.title, said.meaning) if part)


class WhySerializer(serializers.Serializer):
    """Where a value came from."""

    side = serializers.ChoiceField(choices=SIDES)
    at = serializers.CharField()
    run = serializers.IntegerField(allow_null=True)
    rule = serializers.CharField()
    reason = serializers.CharField()
    before = Plain(allow_null=True)


class OriginSerializer(serializers.Serializer):
    """Where what one mapping carries on one side came from."""

    mapping = serializers.CharField()
    side = serializers.ChoiceField(choices=SIDES)
    origin = serializers.ChoiceField(choices=names_of(Origin))
    sentence = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    run = serializers.IntegerField(allow_null=True)
    rule = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)
    text = serializers.CharField(allow_blank=True, help_text="The reason in words.")
    before = serializers.CharField(allow_blank=True, help_text="What it replaced, as people read it.")


class PendingSerializer(serializers.Serializer):
    """An association that is not carried across for now."""

    id = serializers.CharField(help_text="Of the record that it points to.")
    side = serializers.ChoiceField(choices=SIDES, help_text="Where the reference stands.")
    label = serializers.CharField(allow_blank=True)
    obstacle = serializers.ChoiceField(choices=names_of(Obstacle))
    mappings = serializers.ListField(child=serializers.CharField())


class RecordDetailSerializer(RecordSerializer):
    values_a = serializers.SerializerMethodField()
    values_b = serializers.SerializerMethodField()
    provenance = serializers.SerializerMethodField()
    origins = serializers.SerializerMethodField()
    notes = serializers.SerializerMethodField()
    parked = serializers.SerializerMethodField()
    pending = serializers.SerializerMethodField()

    class Meta(RecordSerializer.Meta):
        fields = (
            *RecordSerializer.Meta.fields,
            "values_a",
            "values_b",
            "provenance",
            "origins",
            "notes",
            "parked",
            "pending",
            "decision",
            "decided_by",
            "paused_until",
            "pins",
        )
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_values_a(self, link: RecordLink) -> Mapping[str, Any] | None:
        """Field → value, as last read; null where there is no record."""
        return self._values(link, Side.A)

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_values_b(self, link: RecordLink) -> Mapping[str, Any] | None:
        return self._values(link, Side.B)

    @extend_schema_field(OriginSerializer(many=True))
    def get_origins(self, link: RecordLink) -> Any:
        """Of every mapping, both sides, from the link's own memory."""
        sync = self.context["sync"]
        return OriginSerializer(explain(sync, link, services.resources_of(sync)), many=True).data

    @extend_schema_field(serializers.DictField(child=WhySerializer()))
    def get_provenance(self, link: RecordLink) -> Mapping[str, Any]:
        """Mapping → where its value came from."""
        return link.provenance

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_notes(self, link: RecordLink) -> dict[str, str]:
        """Mapping → why the two sides differ and stay so."""
        return {_mapping_of(strand): reason for strand, reason in link.notes.items()}

    @extend_schema_field(serializers.DictField(child=serializers.CharField()))
    def get_parked(self, link: RecordLink) -> dict[str, str]:
        """Mapping → why its value was refused."""
        return {_mapping_of(strand): entry["message"] for strand, entry in link.parked.items()}

    @extend_schema_field(PendingSerializer(many=True))
    def get_pending(self, link: RecordLink) -> list[dict[str, Any]]:
        """Associations that are not carried, and why: waiting, no_sync, sync_off, left_out or gone."""
        return [{**one, "id": name.split("/", 2)[2]} for name, one in link.pending.items()]

    def _values(self, link: RecordLink, side: Side) -> Mapping[str, Any] | None:
        record = queries.remote_record(self.context["sync"].pair.stream(side), link.end(side))
        return None if record is None or record.gone else record.values


def _mapping_of(strand: str) -> str:
    """The mapping's id, which a strand begins with."""
    return strand.rpartition("#")[0] or strand


def sync_data(sync: Sync) -> dict[str, Any]:
    return SyncDetailSerializer(queries.overview(sync)).data
