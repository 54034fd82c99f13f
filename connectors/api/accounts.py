"""Connected accounts. The services do the work; secrets go in and never come out."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import generics, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.access import actor_of

from .. import accounts, registry
from ..models import ConnectedAccount
from .errors import answering
from .serializers import (
    AccountChangeSerializer,
    AccountSerializer,
    ConnectSerializer,
    ReconnectSerializer,
)


@extend_schema(tags=["accounts"])
class Accounts(generics.ListAPIView):
    """All connected accounts of the workspace."""

    queryset = ConnectedAccount.objects.order_by("pk")
    serializer_class = AccountSerializer

    @extend_schema(request=ConnectSerializer, responses={201: AccountSerializer})
    def post(self, request: Request) -> Response:
        """Connect an account. The settings are those that the app asks for; they are tested before they are kept.

        409 where the workspace has this account already, with its id as `account`.
        """
        wanted = ConnectSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        app, name, settings = (wanted.validated_data[key] for key in ("app", "name", "settings"))
        try:
            with answering():
                account = accounts.connect(app=app, name=name, values=settings, actor=actor_of(request))
        except registry.UnknownApp as error:
            raise ValidationError({"app": [str(error)]}) from error
        return Response(AccountSerializer(account).data, status=status.HTTP_201_CREATED)


class OneAccount(generics.GenericAPIView):
    queryset = ConnectedAccount.objects.all()
    serializer_class = AccountSerializer

    def answer(self, account: ConnectedAccount) -> Response:
        return Response(AccountSerializer(account).data)


@extend_schema(tags=["accounts"])
class Account(OneAccount):
    @extend_schema(responses=AccountSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """One account."""
        return self.answer(self.get_object())

    @extend_schema(request=AccountChangeSerializer, responses=AccountSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        """Rename it, or make it the home account."""
        account = self.get_object()
        wanted = AccountChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with answering():
            if "name" in wanted.validated_data:
                accounts.rename(account, name=wanted.validated_data["name"], actor=actor_of(request))
            if "is_home" in wanted.validated_data:
                accounts.set_home(account, actor=actor_of(request))
        return self.answer(account)


@extend_schema(tags=["accounts"])
class Reconnect(OneAccount):
    @extend_schema(request=ReconnectSerializer, responses=AccountSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """New credentials or settings for the same remote account. What is not given stays as it is."""
        account = self.get_object()
        wanted = ReconnectSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with answering():
            accounts.reconnect(account, values=wanted.validated_data["settings"], actor=actor_of(request))
        return self.answer(account)


@extend_schema(tags=["accounts"])
class Check(OneAccount):
    @extend_schema(request=None, responses=AccountSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Ask the app whether the account works, and read anew what it offers."""
        account = self.get_object()
        with answering():
            accounts.check(account, actor=actor_of(request))
        return self.answer(account)
