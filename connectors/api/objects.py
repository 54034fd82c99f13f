"""What an account offers, and what a person says that it means."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.access import actor_of

from ..accounts import meaning_of, set_meaning
from ..models import AccountObject, ConnectedAccount
from .errors import answering
from .serializers import ObjectDetailSerializer, ObjectMeaningSerializer, ObjectSerializer


@extend_schema(tags=["objects"])
class Objects(generics.ListAPIView):
    """The objects that an account offers, as it last described them."""

    queryset = AccountObject.objects.none()
    serializer_class = ObjectSerializer

    def get_queryset(self) -> QuerySet[AccountObject]:
        account = get_object_or_404(ConnectedAccount, pk=self.kwargs["pk"])
        return account.objects_offered.order_by("pk")


@extend_schema(tags=["objects"])
class Object(generics.GenericAPIView):
    queryset = AccountObject.objects.none()
    serializer_class = ObjectDetailSerializer

    def get_object(self) -> AccountObject:
        objects = AccountObject.objects.select_related("account")
        return get_object_or_404(objects, account_id=self.kwargs["pk"], pk=self.kwargs["object_pk"])

    @extend_schema(responses=ObjectDetailSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """One object with its fields, as a person understands them."""
        return Response(ObjectDetailSerializer(self.get_object()).data)

    @extend_schema(request=ObjectMeaningSerializer, responses=ObjectDetailSerializer)
    def patch(self, request: Request, **kwargs: Any) -> Response:
        """Say what the object is and what its fields stand for."""
        obj = self.get_object()
        wanted = ObjectMeaningSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        before = meaning_of(obj)
        fields = {**before.fields, **wanted.validated_data.get("fields", {})}
        with answering():
            set_meaning(
                obj,
                kind=wanted.validated_data.get("kind", before.kind),
                fields={name: said for name, said in fields.items() if said is not None},
                actor=actor_of(request),
            )
        return Response(ObjectDetailSerializer(obj).data)
