"""Records that one side has lost: what a person decides about them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.access import actor_of

from .. import deleting
from ..core.mapping import Side
from ..models import Sync
from .errors import answering
from .records import OfOneSync
from .serializers import SIDES, RecordSerializer, RunSerializer, SyncDetailSerializer
from .syncs import OneSync, sync_or_404

MOST_RECORDS = 10_000


class ResyncSerializer(serializers.Serializer):
    side = serializers.ChoiceField(choices=SIDES, help_text="The side on which the records were deleted.")
    records = serializers.ListField(
        child=serializers.IntegerField(),
        required=False,
        allow_empty=False,
        max_length=MOST_RECORDS,
        help_text="Ids of records; left out: all that were deleted there.",
    )


class AskedSerializer(serializers.Serializer):
    """What was asked for, and the run that does it."""

    records = serializers.IntegerField(help_text="How many are concerned.")
    run = RunSerializer()


class MissingSerializer(serializers.Serializer):
    side = serializers.ChoiceField(choices=SIDES)
    records = serializers.IntegerField(min_value=1, help_text="How many are known to be missing; see `missing`.")


@extend_schema(tags=["syncs"])
class ConfirmMissing(OneSync):
    @extend_schema(request=MissingSerializer, responses=SyncDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Say that the records which one side does not show any more were deleted there."""
        wanted = MissingSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        said = wanted.validated_data
        return self.act(
            request, pk, partial(deleting.confirm_missing, side=Side(said["side"]), records=said["records"])
        )


class PassOnSerializer(ResyncSerializer):
    records = serializers.ListField(
        child=serializers.IntegerField(), allow_empty=False, max_length=MOST_RECORDS, help_text="Ids of records."
    )


class OfDeleted(generics.GenericAPIView):
    """What a person may ask for records that were deleted on one side."""

    queryset = Sync.objects.none()
    serializer_class = AskedSerializer

    def ask(self, form: type[ResyncSerializer], service: Callable[..., deleting.Asked]) -> Response:
        wanted = form(data=self.request.data)
        wanted.is_valid(raise_exception=True)
        said = wanted.validated_data
        with answering():
            asked = service(
                sync_or_404(self.kwargs["pk"]),
                side=Side(said["side"]),
                records=said.get("records"),
                actor=actor_of(self.request),
            )
        return Response(AskedSerializer(asked).data, status=status.HTTP_202_ACCEPTED)


@extend_schema(tags=["records"])
class PassOn(OfDeleted):
    @extend_schema(request=PassOnSerializer, responses={202: AskedSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Pass deletions on that wait for a person because the other side was edited."""
        return self.ask(PassOnSerializer, deleting.pass_deletions_on)


@extend_schema(tags=["records"])
class KeepUnlinked(OfOneSync):
    serializer_class = RecordSerializer

    @extend_schema(request=None, responses={202: RecordSerializer})
    def post(self, request: Request, pk: int, link_pk: int) -> Response:
        """Of two links whose records were merged in their app: what is left of this one goes on alone."""
        link = self.link()
        with answering():
            deleting.keep_unlinked(link, actor=actor_of(request))
        return Response(self.get_serializer(link).data, status=status.HTTP_202_ACCEPTED)


@extend_schema(tags=["records"])
class Resync(OfDeleted):
    @extend_schema(request=ResyncSerializer, responses={202: AskedSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Look once more for records that were deleted on one side, else create them there again."""
        return self.ask(ResyncSerializer, deleting.resync_deleted)
