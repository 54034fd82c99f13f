"""The API's door: a key opens the workspace that it belongs to, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from .models import WorkspaceAPIKey

SCHEMES = (b"bearer", b"api-key")
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Stands where a person would: whoever holds a key."""

    email: str
    """What workspace tables keep as the actor."""
    pk: None = None
    is_authenticated: bool = True
    is_active: bool = True
    is_staff: bool = False

    def __str__(self) -> str:
        return self.email


class WorkspaceKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <key>`. `request.auth` is the key, `request.user` a KeyHolder.

    A key of another workspace is as wrong as one that does not exist: 401.
    """

    def authenticate(self, request: Request) -> tuple[KeyHolder, WorkspaceAPIKey] | None:
        scheme, _space, value = get_authorization_header(request).partition(b" ")
        if scheme.lower() not in SCHEMES:
            return None
        key = self._find(request, value.strip().decode("latin-1"))
        if key is None:
            raise AuthenticationFailed(_("This key does not open this workspace."))
        note_use(key)
        return KeyHolder(email=f"API: {key.name}"), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

    @staticmethod
    def _find(request: Request, value: str) -> WorkspaceAPIKey | None:
        workspace = getattr(request, "workspace", None)
        if workspace is None or workspace.is_suspended:
            return None
        prefix = value.partition(".")[0]
        key = workspace.api_keys.filter(prefix=prefix, revoked=False).first()
        return key if key is not None and not key.has_expired and key.is_valid(value) else None


class HasWorkspaceKey(BasePermission):
    """Only with a key of this workspace; one that is read-only changes nothing."""

    message = _("This key is read-only.")

    def has_permission(self, request: Request, view: Any) -> bool:
        key = request.auth
        if not isinstance(key, WorkspaceAPIKey) or key.workspace_id != request.workspace.pk:
            return False
        return request.method in SAFE_METHODS or not key.read_only


class WorkspaceThrottle(SimpleRateThrottle):
    """One rate for all keys of a workspace."""

    scope = "workspace"

    def get_cache_key(self, request: Request, view: Any) -> str:
        workspace = getattr(request, "workspace", None)
        ident = workspace.schema_name if workspace is not None else self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": ident}


class Pages(PageNumberPagination):
    """`?page=2&page_size=100`, at most 200 to a page."""

    page_size_query_param = "page_size"
    max_page_size = 200


def note_use(key: WorkspaceAPIKey) -> None:
    """Keep when a key was last used, to the minute: not a write for each request."""
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > USE_NOTED_EVERY:
        WorkspaceAPIKey.objects.filter(pk=key.pk).update(last_used_at=now)
