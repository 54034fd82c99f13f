"""Disconnecting an account: here, because it stops syncs first."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from connectors.models import ConnectedAccount
from tenants.access import actor_of

from .. import services

STOPPED = inline_serializer("Stopped", {"syncs": serializers.ListField(child=serializers.IntegerField())})


@extend_schema(tags=["accounts"])
class Disconnect(generics.GenericAPIView):
    queryset = ConnectedAccount.objects.none()

    @extend_schema(request=None, responses=STOPPED)
    def post(self, request: Request, pk: int) -> Response:
        """Stop the account's syncs and forget its credentials. No record is touched; reconnecting takes all up."""
        account = get_object_or_404(ConnectedAccount, pk=pk)
        stopped = services.disconnect_account(account, actor=actor_of(request))
        return Response({"syncs": [sync.pk for sync in stopped]})
