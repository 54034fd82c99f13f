"""What the API's description says of keys and addresses."""

from __future__ import annotations

from typing import Any

from django.urls import get_script_prefix
from drf_spectacular.extensions import OpenApiAuthenticationExtension


class WorkspaceKeyScheme(OpenApiAuthenticationExtension):
    """Found by drf-spectacular once this module is imported."""

    target_class = "tenants.api.WorkspaceKeyAuthentication"
    name = "workspaceKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key of this workspace."}


def name_server(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """Paths begin at the workspace: this is where it lives."""
    return {**result, "servers": [{"url": get_script_prefix().rstrip("/") or "/"}]}
