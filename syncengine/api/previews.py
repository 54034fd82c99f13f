"""Operations that wait for a person: previews of drafts, and what the brake holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.access import actor_of

from .. import approvals, previews, services, untouched
from ..models import Operation, RunState, Sync, SyncRun
from .errors import answering
from .pages import Oldest
from .serializers import SIDES, OperationSerializer, RunSerializer, SyncDetailSerializer
from .syncs import OneSync, sync_or_404

MOST = 10_000
DECISIONS = ("approved", "declined")


def ids(**options: Any) -> serializers.ListField:
    """Ids of operations."""
    return serializers.ListField(child=serializers.IntegerField(), max_length=MOST, **options)


class PreviewSerializer(serializers.ModelSerializer):
    """`counts`: link, create_a, create_b, update_a, update_b, leave_out, ask (records), change, clear (values)."""

    version = serializers.IntegerField(source="version.number")
    state = serializers.ChoiceField(choices=RunState.choices)
    counts = serializers.SerializerMethodField()
    ends_at = serializers.SerializerMethodField()

    class Meta:
        model = SyncRun
        fields = ("id", "version", "state", "phase", "counts", "error", "started_by", "started_at", "ends_at")
        read_only_fields = fields

    def get_counts(self, run: SyncRun) -> dict[str, int]:
        found: dict[str, int] = run.progress.get("counts", {})
        return found

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_ends_at(self, run: SyncRun) -> Any:
        """When it can be decided on no longer."""
        return previews.ends_at(run)


class ApprovalSerializer(serializers.Serializer):
    operations = ids(
        required=False, help_text="Only these; all others are declined. Left out: all that were not declined."
    )


class MarkSerializer(serializers.Serializer):
    operations = ids(allow_empty=False)
    declined = serializers.BooleanField(help_text="false: to be carried out after all.")


class MarkedSerializer(serializers.Serializer):
    operations = serializers.IntegerField(help_text="How many were changed.")


class HeldSerializer(serializers.Serializer):
    """Changes, and values or records cleared or deleted, with what was done within 24 hours."""

    run = serializers.IntegerField(allow_null=True)
    operations = serializers.DictField(child=serializers.IntegerField(), help_text="kind_side → operations held.")
    changes = serializers.IntegerField()
    clears = serializers.IntegerField()
    most_changes = serializers.IntegerField(allow_null=True, help_text="Null where it is not what is too much.")
    most_clears = serializers.IntegerField(allow_null=True)


class ChosenSerializer(serializers.Serializer):
    operations = ids(required=False, allow_empty=False, help_text="Left out: all.")


class ReopenSerializer(serializers.Serializer):
    records = ids(required=False, allow_empty=False, help_text="Ids of records. Left out: all.")


def said(serializer: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    wanted = serializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    found: dict[str, Any] = wanted.validated_data
    return found


def current_or_404(sync: Sync) -> SyncRun:
    run = previews.current(sync)
    if run is None:
        raise Http404
    return run


@extend_schema(tags=["previews"])
class Preview(generics.GenericAPIView):
    queryset = SyncRun.objects.none()
    serializer_class = PreviewSerializer

    @extend_schema(responses=PreviewSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """What the draft settings would do, with the counts: being made (running), ready (done), or failed."""
        return Response(PreviewSerializer(current_or_404(sync_or_404(pk))).data)

    @extend_schema(request=None, responses={202: PreviewSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Make a preview of the draft settings. What is in effect goes on meanwhile. An older preview ends."""
        with answering():
            run = previews.start(sync_or_404(pk), actor=actor_of(request))
        return Response(PreviewSerializer(run).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Forget the preview. The draft stays."""
        with answering():
            previews.discard(current_or_404(sync_or_404(pk)), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema(
    tags=["previews"],
    parameters=[
        OpenApiParameter("search", str, description="Part of a record's name, or its id on either side."),
        OpenApiParameter("field", str, description="Name of a field that is written."),
        OpenApiParameter("side", str, enum=[value for value, _label in SIDES]),
        OpenApiParameter("rule", str, description="As 3.4."),
        OpenApiParameter("kind", str, enum=list(previews.KINDS)),
        OpenApiParameter("decision", str, enum=list(DECISIONS)),
    ],
)
class PreviewOperations(generics.ListAPIView):
    """Every operation of the preview, each field with before and after, rule and reason."""

    queryset = Operation.objects.none()
    serializer_class = OperationSerializer
    pagination_class = Oldest
    sync: Sync

    def get_queryset(self) -> QuerySet[Operation]:
        self.sync = sync_or_404(self.kwargs["pk"])
        asked = self.request.query_params
        names = ("search", "field", "side", "rule", "kind", "decision")
        wanted = previews.Wanted(**{name: asked.get(name, "") for name in names})
        return previews.operations(current_or_404(self.sync), wanted)

    def get_serializer_context(self) -> dict[str, Any]:
        context: dict[str, Any] = super().get_serializer_context()
        return context | {"sync": self.sync, "resources": services.resources_of(self.sync)}


class CandidateSerializer(serializers.Serializer):
    id = serializers.CharField()
    label = serializers.CharField()


class UntouchedSerializer(serializers.Serializer):
    """One record, or two linked ones, for which nothing is planned."""

    kind = serializers.ChoiceField(choices=untouched.KINDS)
    state = serializers.CharField()
    cause = serializers.CharField()
    rule = serializers.CharField()
    label = serializers.CharField()
    detail = serializers.CharField(help_text="The values that decided, or what the app answered.")
    a_id = serializers.CharField(allow_null=True)
    b_id = serializers.CharField(allow_null=True)
    candidates = CandidateSerializer(many=True, help_text="What it may be on the other side.")


class UntouchedPageSerializer(serializers.Serializer):
    next = serializers.CharField(help_text="`after` of the next page; blank on the last one.")
    results = UntouchedSerializer(many=True)


@extend_schema(tags=["previews"])
class PreviewUntouched(generics.GenericAPIView):
    queryset = SyncRun.objects.none()
    serializer_class = UntouchedPageSerializer

    @extend_schema(
        parameters=[
            OpenApiParameter("search", str, description="Part of a record's name, or its id on either side."),
            OpenApiParameter("kind", str, enum=list(untouched.KINDS)),
            OpenApiParameter("cause", str, description="As no_email, filter_a, ambiguous."),
            OpenApiParameter("side", str, enum=[value for value, _label in SIDES]),
            OpenApiParameter("rule", str, description="As 6.2."),
            OpenApiParameter("after", str, description="`next` of the page before."),
        ]
    )
    def get(self, request: Request, pk: int) -> Response:
        """Records that the preview leaves out, puts to a person, or that are not possible, each with its cause."""
        asked = request.query_params
        names = ("search", "kind", "cause", "side", "rule")
        sought = untouched.Sought(**{name: asked.get(name, "") for name in names})
        if sought.kind and sought.kind not in untouched.KINDS:
            raise serializers.ValidationError({"kind": "leave_out, ask or fail"})
        page = untouched.records(current_or_404(sync_or_404(pk)), sought, after=asked.get("after", ""))
        return Response(UntouchedPageSerializer({"next": page.next, "results": page.rows}).data)


class _Deciding(generics.GenericAPIView):
    queryset = SyncRun.objects.none()
    serializer_class = RunSerializer

    def decide(self, request: Request, pk: int, decision: Callable[..., SyncRun]) -> Response:
        with answering():
            run = decision(current_or_404(sync_or_404(pk)), actor=actor_of(request))
        return Response(RunSerializer(run).data, status=status.HTTP_202_ACCEPTED)


@extend_schema(tags=["previews"])
class PreviewApprove(_Deciding):
    @extend_schema(request=ApprovalSerializer, responses={202: RunSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """The draft takes effect, and what was shown is carried out. What has moved since is planned again."""
        only = said(ApprovalSerializer, request).get("operations")
        return self.decide(request, pk, partial(previews.approve, only=only))


@extend_schema(tags=["previews"])
class PreviewDecline(_Deciding):
    @extend_schema(request=None, responses={202: RunSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """The draft takes effect, and nothing of what was shown is carried out."""
        return self.decide(request, pk, previews.decline)


@extend_schema(tags=["previews"])
class PreviewMark(generics.GenericAPIView):
    queryset = Operation.objects.none()
    serializer_class = MarkedSerializer

    @extend_schema(request=MarkSerializer, responses=MarkedSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Decline these operations before the rest is approved, or take that back."""
        wanted, run = said(MarkSerializer, request), current_or_404(sync_or_404(pk))
        chosen = previews.operations(run).filter(pk__in=wanted["operations"])
        with answering():
            count = previews.mark(run, chosen, declined=wanted["declined"], actor=actor_of(request))
        return Response({"operations": count})


@extend_schema(tags=["syncs"])
class Held(OneSync):
    @extend_schema(responses=HeldSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """What the brake holds. The operations are those of the run, with the state held."""
        return Response(HeldSerializer(approvals.held_of(sync_or_404(pk))).data)


@extend_schema(tags=["records"])
class Reopen(OneSync):
    @extend_schema(request=ReopenSerializer, responses=SyncDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Have creations and deletions that were declined planned again, all or those of some records."""
        only = said(ReopenSerializer, request).get("records")
        return self.act(request, pk, partial(approvals.reopen, only=only))


@extend_schema(tags=["syncs"])
class Release(OneSync):
    @extend_schema(request=ChosenSerializer, responses=SyncDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Let what the brake holds go on its way, all or some of it."""
        only = said(ChosenSerializer, request).get("operations")
        return self.act(request, pk, partial(approvals.release, only=only))


@extend_schema(tags=["syncs"])
class DeclineHeld(OneSync):
    @extend_schema(request=ChosenSerializer, responses=SyncDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Carry out nothing, or only the rest, of what the brake holds. Changes count as seen."""
        only = said(ChosenSerializer, request).get("operations")
        return self.act(request, pk, partial(approvals.decline, only=only))
