"""What differs between linked records, and stays so (rules 2.3 and 3.8)."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from .. import services
from ..differences import differences_of, differing_links
from ..models import RecordLink
from .pages import Oldest
from .syncs import sync_or_404


class DifferenceSerializer(serializers.Serializer):
    """One mapping whose two sides are not equal. `why` is the reason in words."""

    mapping = serializers.CharField()
    label_a = serializers.CharField()
    label_b = serializers.CharField()
    value_a = serializers.CharField()
    value_b = serializers.CharField()
    reason = serializers.CharField()
    why = serializers.CharField()


class DifferingSerializer(serializers.Serializer):
    """A record with what differs."""

    record = serializers.IntegerField(source="link.pk")
    label = serializers.CharField(source="link.label")
    a_id = serializers.CharField(source="link.a_id")
    b_id = serializers.CharField(source="link.b_id")
    differences = DifferenceSerializer(many=True)


@extend_schema(tags=["records"])
class Differences(generics.GenericAPIView):
    queryset = RecordLink.objects.none()
    serializer_class = DifferingSerializer
    pagination_class = Oldest

    @extend_schema(responses=DifferingSerializer(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """Linked records of which something is left different on purpose, with the reason."""
        sync = sync_or_404(pk)
        page = self.paginate_queryset(differing_links(sync)) or []
        found = differences_of(sync, page, services.resources_of(sync))
        return self.get_paginated_response(DifferingSerializer(found, many=True).data)
