"""Records of a sync."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ... import queries, services, words
from ...core.mapping import Side
from ...core.references import Obstacle, unmarked_sides
from ...core.rules import Rules
from ...core.why import Origin
from ...explaining import explain
from ...models import RecordLink
from ...models.link import LINK_STATES
from ...showing import ends_of
from .plain import SIDES, Plain, names_of


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


class UnmarkedSerializer(serializers.Serializer):
    """Of several associations the app marks none as the primary one, and the first listed was taken."""

    mapping = serializers.CharField()
    side = serializers.ChoiceField(choices=SIDES)


class RecordDetailSerializer(RecordSerializer):
    values_a = serializers.SerializerMethodField()
    values_b = serializers.SerializerMethodField()
    provenance = serializers.SerializerMethodField()
    origins = serializers.SerializerMethodField()
    notes = serializers.SerializerMethodField()
    parked = serializers.SerializerMethodField()
    pending = serializers.SerializerMethodField()
    unmarked = serializers.SerializerMethodField()

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
            "unmarked",
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

    @extend_schema_field(UnmarkedSerializer(many=True))
    def get_unmarked(self, link: RecordLink) -> list[dict[str, str]]:
        sync = self.context["sync"]
        resources = services.resources_of(sync)
        rules = Rules(queries.shown_settings(sync), resources[Side.A], resources[Side.B])
        records = {side: values for side in Side if (values := self._values(link, side)) is not None}
        return [
            {"mapping": lens.mapping.id, "side": side.value}
            for lens in rules.lenses
            for side in unmarked_sides(lens.halves, records)
        ]

    def _values(self, link: RecordLink, side: Side) -> Mapping[str, Any] | None:
        record = queries.remote_record(self.context["sync"].pair.stream(side), link.end(side))
        return None if record is None or record.gone else record.values


def _mapping_of(strand: str) -> str:
    """The mapping's id, which a strand begins with."""
    return strand.rpartition("#")[0] or strand
