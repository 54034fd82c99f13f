"""What there is to connect."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.exceptions import NotFound

from .. import registry
from ..contract import Manifest
from .serializers import AppSerializer


@extend_schema(tags=["apps"])
class Apps(generics.ListAPIView):
    """The apps that can be connected, with what each of them asks for."""

    serializer_class = AppSerializer

    def get_queryset(self) -> list[Manifest]:
        return [connector.manifest for connector in registry.catalogue().apps.values()]


@extend_schema(tags=["apps"])
class App(generics.RetrieveAPIView):
    """One app."""

    serializer_class = AppSerializer

    def get_object(self) -> Manifest:
        try:
            return registry.connector(self.kwargs["name"]).manifest
        except registry.UnknownApp as error:
            raise NotFound from error
