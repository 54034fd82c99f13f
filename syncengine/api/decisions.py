"""What people decide about single records, and undo, over the API."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.access import actor_of

from .. import decisions, holding, undoing
from ..acts import Act
from ..acts import act as act_on
from ..core.mapping import Side
from ..decisions import Answer
from ..models import RecordLink, RunKind, Sync, SyncRun
from .errors import answering
from .records import OfOneSync
from .serializers import SIDES, RecordSerializer, RunSerializer
from .syncs import sync_or_404

MOST_RECORDS = 10_000


class AnswerSerializer(serializers.Serializer):
    answer = serializers.ChoiceField(choices=[one.value for one in Answer])
    records = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        allow_empty=False,
        max_length=MOST_RECORDS,
        help_text="Ids of records; left out: all that are ambiguous.",
    )


class AnsweredSerializer(serializers.Serializer):
    records = serializers.IntegerField(help_text="How many were settled.")


class ActSerializer(serializers.Serializer):
    act = serializers.ChoiceField(choices=[one.value for one in Act])
    remote_id = serializers.CharField(
        required=False, max_length=500, help_text="A record of the other side, for link, keep_apart and was_created."
    )


class UntilSerializer(serializers.Serializer):
    until = serializers.DateTimeField(required=False, allow_null=True, help_text="Left out: until it is resumed.")


class PinSerializer(serializers.Serializer):
    side = serializers.ChoiceField(choices=SIDES)
    field = serializers.CharField()
    until = serializers.DateTimeField(default_timezone=UTC)


class UnpinSerializer(serializers.Serializer):
    side = serializers.ChoiceField(choices=SIDES)
    field = serializers.CharField()


class UndoSerializer(serializers.Serializer):
    """A run, or a record, or one mapping of a record."""

    run = serializers.IntegerField(required=False)
    record = serializers.IntegerField(required=False)
    mapping = serializers.CharField(required=False)

    def validate(self, said: dict[str, Any]) -> dict[str, Any]:
        if ("run" in said) == ("record" in said) or ("mapping" in said and "record" not in said):
            raise serializers.ValidationError("Name a run, or a record, or a record and one of its mappings.")
        return said


class ApproveUndoSerializer(serializers.Serializer):
    delete = serializers.BooleanField(
        required=False, default=False, help_text="Delete for good where an app has no archive."
    )


def _said(serializer: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    wanted = serializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    said: dict[str, Any] = wanted.validated_data
    return said


@extend_schema(tags=["records"])
class AnswerAmbiguous(generics.GenericAPIView):
    queryset = Sync.objects.none()
    serializer_class = AnsweredSerializer

    @extend_schema(request=AnswerSerializer, responses={202: AnsweredSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """One answer to all ambiguous records, or to some: the first created wins, create all, or leave out all."""
        sync, said = sync_or_404(pk), _said(AnswerSerializer, request)
        links = None
        if "records" in said:
            links = list(RecordLink.objects.filter(pk__in=said["records"], pair_id=sync.pair_id))
        with answering():
            count = decisions.answer_ambiguous(sync, Answer(said["answer"]), actor=actor_of(request), links=links)
        return Response({"records": count}, status=status.HTTP_202_ACCEPTED)


class OneRecordActs(OfOneSync):
    """Below one record; answers the record as it is then."""

    serializer_class = RecordSerializer

    def answer(self, link: RecordLink) -> Response:
        found = RecordLink.objects.filter(pk=link.pk).first() or link
        return Response(self.get_serializer(found).data, status=status.HTTP_202_ACCEPTED)


@extend_schema(tags=["records"])
class Decide(OneRecordActs):
    @extend_schema(request=ActSerializer, responses={202: RecordSerializer})
    def post(self, request: Request, pk: int, link_pk: int) -> Response:
        """Link it, keep it apart, create it on the other side, leave it out; or settle a creation in doubt."""
        link, said = self.link(), _said(ActSerializer, request)
        with answering():
            act_on(self.sync, link, Act(said["act"]), actor=actor_of(request), remote_id=said.get("remote_id", ""))
        return self.answer(link)


@extend_schema(tags=["records"])
class PauseRecord(OneRecordActs):
    @extend_schema(request=UntilSerializer, responses={202: RecordSerializer})
    def post(self, request: Request, pk: int, link_pk: int) -> Response:
        """Write nothing to it until then, or until it is resumed."""
        link, said = self.link(), _said(UntilSerializer, request)
        with answering():
            holding.pause_records(self.sync, [link], actor=actor_of(request), until=said.get("until"))
        return self.answer(link)


@extend_schema(tags=["records"])
class ResumeRecord(OneRecordActs):
    @extend_schema(request=None, responses={202: RecordSerializer})
    def post(self, request: Request, pk: int, link_pk: int) -> Response:
        """Compare it again, with its old baselines."""
        link = self.link()
        with answering():
            holding.resume_records(self.sync, [link], actor=actor_of(request))
        return self.answer(link)


@extend_schema(tags=["records"])
class Pin(OneRecordActs):
    @extend_schema(request=PinSerializer, responses={202: RecordSerializer})
    def post(self, request: Request, pk: int, link_pk: int) -> Response:
        """Write nothing to this field of this side until then."""
        link, said = self.link(), _said(PinSerializer, request)
        with answering():
            holding.pin_field(
                self.sync, link, side=Side(said["side"]), field=said["field"], until=said["until"],
                actor=actor_of(request),
            )  # fmt: skip
        return self.answer(link)


@extend_schema(tags=["records"])
class Unpin(OneRecordActs):
    @extend_schema(request=UnpinSerializer, responses={202: RecordSerializer})
    def post(self, request: Request, pk: int, link_pk: int) -> Response:
        """End a pin before its time."""
        link, said = self.link(), _said(UnpinSerializer, request)
        with answering():
            holding.unpin_field(self.sync, link, side=Side(said["side"]), field=said["field"], actor=actor_of(request))
        return self.answer(link)


@extend_schema(tags=["runs"])
class Undo(generics.GenericAPIView):
    queryset = Sync.objects.none()
    serializer_class = RunSerializer

    @extend_schema(request=UndoSerializer, responses={201: RunSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """What an undo would write and what it would leave alone: a run whose operations are held. Nothing is sent."""
        sync, said = sync_or_404(pk), _said(UndoSerializer, request)
        run = get_object_or_404(sync.runs, pk=said["run"]) if "run" in said else None
        links = RecordLink.objects.filter(pair_id=sync.pair_id)
        link = get_object_or_404(links, pk=said["record"]) if "record" in said else None
        with answering():
            made = undoing.preview(sync, undoing.Target(run, link, said.get("mapping", "")), actor=actor_of(request))
        return Response(RunSerializer(made).data, status=status.HTTP_201_CREATED)


class OneUndo(generics.GenericAPIView):
    queryset = Sync.objects.none()
    serializer_class = RunSerializer

    def run(self) -> SyncRun:
        runs = sync_or_404(self.kwargs["pk"]).runs.filter(kind=RunKind.UNDO).select_related("sync", "version")
        return get_object_or_404(runs, pk=self.kwargs["run_pk"])


@extend_schema(tags=["runs"])
class ApproveUndo(OneUndo):
    @extend_schema(request=ApproveUndoSerializer, responses={202: RunSerializer})
    def post(self, request: Request, pk: int, run_pk: int) -> Response:
        """Carry an undo out. Each operation is checked once more before it is sent."""
        run, said = self.run(), _said(ApproveUndoSerializer, request)
        with answering():
            approved = undoing.approve(run, actor=actor_of(request), delete=said["delete"])
        return Response(RunSerializer(approved).data, status=status.HTTP_202_ACCEPTED)


@extend_schema(tags=["runs"])
class DiscardUndo(OneUndo):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, pk: int, run_pk: int) -> Response:
        """Forget an undo that was not approved."""
        with answering():
            undoing.discard(self.run(), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
