"""Help with mappings: which options may stand for each other."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from .. import editing, queries, services
from ..models import Sync
from .errors import answering


class SuggestionSerializer(serializers.Serializer):
    """Two options that may stand for each other. `likeness` is in percent; 100: their labels are the same."""

    a = serializers.CharField(source="a.value")
    label_a = serializers.CharField(source="a.label")
    b = serializers.CharField(source="b.value")
    label_b = serializers.CharField(source="b.label")
    likeness = serializers.IntegerField()


@extend_schema(tags=["syncs"])
class Suggestions(generics.GenericAPIView):
    queryset = Sync.objects.none()
    serializer_class = SuggestionSerializer
    pagination_class = None

    @extend_schema(responses=SuggestionSerializer(many=True))
    def get(self, request: Request, pk: int, mapping: str) -> Response:
        """Pairs of options that a mapping does not name yet. Proposed only: add them to its `options`."""
        sync = get_object_or_404(queries.live_syncs(), pk=pk)
        with answering():
            found = editing.suggestions(services.current_settings(sync), mapping, services.resources_of(sync))
        return Response(SuggestionSerializer(found, many=True).data)
