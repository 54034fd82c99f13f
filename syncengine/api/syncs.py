"""Syncs: set up, change, turn on and off, delete. The services do the work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.access import actor_of

from .. import queries, services
from ..models import Sync
from .changes import changed
from .errors import answering
from .serializers import (
    RunSerializer,
    SettingsChangeSerializer,
    SyncCreateSerializer,
    SyncDetailSerializer,
    SyncSerializer,
    sync_data,
)


def sync_or_404(pk: int) -> Sync:
    return get_object_or_404(queries.live_syncs(), pk=pk)


@extend_schema(tags=["syncs"])
class Syncs(generics.GenericAPIView):
    queryset = Sync.objects.none()
    serializer_class = SyncSerializer

    @extend_schema(responses=SyncSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All syncs of the workspace."""
        page = self.paginate_queryset(queries.live_syncs().order_by("pk"))
        return self.get_paginated_response(SyncSerializer(queries.overviews(page or ()), many=True).data)

    @extend_schema(request=SyncCreateSerializer, responses={201: SyncDetailSerializer})
    def post(self, request: Request) -> Response:
        """Set up a sync of two objects. It is a draft: nothing is read or written until it is started.

        What `settings` does not name is proposed: two-way, default mappings, the home account wins.
        """
        wanted = SyncCreateSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        a, b = wanted.validated_data["object_a"], wanted.validated_data["object_b"]
        said = wanted.validated_data.get("settings", {})
        with answering():
            settings = changed(services.proposed_settings(a, b), said) if said else None
            alike = wanted.validated_data["alike"]
            sync = services.create_sync(object_a=a, object_b=b, actor=actor_of(request), settings=settings, alike=alike)
        return Response(sync_data(sync_or_404(sync.pk)), status=status.HTTP_201_CREATED)


class OneSync(generics.GenericAPIView):
    queryset = Sync.objects.none()
    serializer_class = SyncDetailSerializer

    def answer(self, pk: int) -> Response:
        return Response(sync_data(sync_or_404(pk)))

    def act(self, request: Request, pk: int, action: Callable[..., Any]) -> Response:
        with answering():
            action(sync_or_404(pk), actor=actor_of(request))
        return self.answer(pk)


@extend_schema(tags=["syncs"])
class OneSyncView(OneSync):
    @extend_schema(responses=SyncDetailSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """One sync with its settings."""
        return self.answer(pk)

    @extend_schema(request=SettingsChangeSerializer, responses=SyncDetailSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        """Change settings. Where the sync is on they take effect at once, and all records are compared anew."""
        sync = sync_or_404(pk)
        wanted = SettingsChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with answering():
            settings = changed(services.current_settings(sync), wanted.validated_data)
            services.change_settings(sync, settings, actor=actor_of(request))
        return self.answer(pk)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete a sync that is off or a draft. No record is touched."""
        with answering():
            services.delete_sync(sync_or_404(pk), actor=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema(tags=["syncs"])
class Start(OneSync):
    @extend_schema(request=None, responses=SyncDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Make the draft settings active, turn the sync on, and begin a pass over all records."""
        return self.act(request, pk, services.start)


@extend_schema(tags=["syncs"])
class TurnOff(OneSync):
    @extend_schema(request=None, responses=SyncDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Stop. Links and settings are kept."""
        return self.act(request, pk, services.turn_off)


@extend_schema(tags=["syncs"])
class Pause(OneSync):
    @extend_schema(request=None, responses=SyncDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Stop for a while; what changes meanwhile is caught up."""
        return self.act(request, pk, services.pause)


@extend_schema(tags=["syncs"])
class Resume(OneSync):
    @extend_schema(request=None, responses=SyncDetailSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Go on after a pause."""
        return self.act(request, pk, services.resume)


@extend_schema(tags=["runs"])
class Run(generics.GenericAPIView):
    queryset = Sync.objects.none()
    serializer_class = RunSerializer

    @extend_schema(request=None, responses={202: RunSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Look at both sides at once. Answers the run, or the one that is under way already."""
        with answering():
            run = services.run_now(sync_or_404(pk), actor=actor_of(request))
        return Response(RunSerializer(run).data, status=status.HTTP_202_ACCEPTED)
