"""Runs of a sync, and what they did."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics

from .. import services
from ..models import Operation, OperationState, RunKind, Sync, SyncRun
from .pages import Newest
from .serializers import OperationSerializer, RunSerializer
from .syncs import sync_or_404


def runs_of(sync: Sync) -> QuerySet[SyncRun]:
    """Without previews, which are looked at by themselves."""
    return sync.runs.exclude(kind=RunKind.PREVIEW).select_related("version")


@extend_schema(tags=["runs"])
class Runs(generics.ListAPIView):
    """The runs of a sync, the newest first. A look at both sides that found nothing to do left none."""

    queryset = SyncRun.objects.none()
    serializer_class = RunSerializer
    pagination_class = Newest

    def get_queryset(self) -> QuerySet[SyncRun]:
        # An undo that nobody has approved is only shown, where it was asked for.
        return runs_of(sync_or_404(self.kwargs["pk"])).exclude(kind=RunKind.UNDO, decided_at=None)


@extend_schema(tags=["runs"])
class OneRun(generics.RetrieveAPIView):
    """One run, also while it is under way."""

    queryset = SyncRun.objects.none()
    serializer_class = RunSerializer

    def get_object(self) -> SyncRun:
        return get_object_or_404(runs_of(sync_or_404(self.kwargs["pk"])), pk=self.kwargs["run_pk"])


@extend_schema(
    tags=["runs"], parameters=[OpenApiParameter("state", str, enum=OperationState.values, description="Only these.")]
)
class Operations(generics.ListAPIView):
    """What a run wrote, or is to write, the newest first: each field with before and after, rule and reason."""

    queryset = Operation.objects.none()
    serializer_class = OperationSerializer
    pagination_class = Newest
    sync: Sync

    def get_queryset(self) -> QuerySet[Operation]:
        self.sync = sync_or_404(self.kwargs["pk"])
        run = get_object_or_404(runs_of(self.sync), pk=self.kwargs["run_pk"])
        state = self.request.query_params.get("state", "")
        return run.operations.filter(state=state) if state else run.operations.all()

    def get_serializer_context(self) -> dict[str, Any]:
        context: dict[str, Any] = super().get_serializer_context()
        return context | {"sync": self.sync, "resources": services.resources_of(self.sync)}
