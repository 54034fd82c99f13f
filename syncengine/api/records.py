"""The records of a sync."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from .. import queries, services
from ..core.states import RecordState
from ..models import RecordLink, Sync
from .pages import Oldest
from .serializers import RecordDetailSerializer, RecordSerializer
from .syncs import sync_or_404

STATES = [state.value for state in RecordState]


class OfOneSync(generics.GenericAPIView):
    """Views below a sync: its name and accounts are needed to say why a record is in its state."""

    queryset = RecordLink.objects.none()
    _sync: Sync | None = None

    @property
    def sync(self) -> Sync:
        if self._sync is None:
            self._sync = sync_or_404(self.kwargs["pk"])
        return self._sync

    def get_serializer_context(self) -> dict[str, Any]:
        context: dict[str, Any] = super().get_serializer_context()
        return context if getattr(self, "swagger_fake_view", False) else context | {"sync": self.sync}

    def link(self) -> RecordLink:
        return get_object_or_404(RecordLink, pk=self.kwargs["link_pk"], pair_id=self.sync.pair_id)


@extend_schema(
    tags=["records"],
    parameters=[
        OpenApiParameter("state", str, enum=STATES, description="Only records in this state."),
        OpenApiParameter("cause", str, description="Only records that fail or are excluded for this."),
        OpenApiParameter("search", str, description="Part of the name, or an id in either app."),
    ],
)
class Records(OfOneSync, generics.ListAPIView):
    """The records of a sync with their state, each in exactly one."""

    serializer_class = RecordSerializer
    pagination_class = Oldest

    def get_queryset(self) -> QuerySet[RecordLink]:
        asked = self.request.query_params
        wanted = {name: asked.get(name, "") for name in ("state", "cause", "search")}
        return queries.links(self.sync, **wanted)


@extend_schema(tags=["records"])
class OneRecord(OfOneSync):
    serializer_class = RecordDetailSerializer

    @extend_schema(responses=RecordDetailSerializer)
    def get(self, request: Request, pk: int, link_pk: int) -> Response:
        """One record: both sides as last read, and where each value came from."""
        return Response(self.get_serializer(self.link()).data)


@extend_schema(tags=["records"])
class Retry(OfOneSync):
    serializer_class = RecordSerializer

    @extend_schema(request=None, responses={202: RecordSerializer})
    def post(self, request: Request, pk: int, link_pk: int) -> Response:
        """Try a failing record again at the next occasion."""
        link = self.link()
        services.retry([link])
        return Response(self.get_serializer(link).data, status=status.HTTP_202_ACCEPTED)
