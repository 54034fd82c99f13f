"""Tags for pages of both halves of the site."""

from typing import Any

from django import template
from django.http import HttpRequest

from tenants.models import Workspace
from tenants.people import workspaces_of
from tenants.urls import public_link

register = template.Library()


@register.simple_tag(takes_context=True)
def public_url(context: dict[str, Any], name: str, *args: Any, **kwargs: Any) -> str:
    """Address of a public page, also from within a workspace: {% public_url "account_logout" %}."""
    return public_link(context.get("request"), name, *args, **kwargs)


@register.simple_tag(takes_context=True)
def page_is_in(context: dict[str, Any], root: str, exact: bool = False) -> bool:
    """Whether this page is the one at `root`, or below it unless `exact`."""
    request: HttpRequest | None = context.get("request")
    if request is None or not root:
        return False
    return request.path == root or (not exact and request.path.startswith(root))


@register.simple_tag(takes_context=True)
def my_workspaces(context: dict[str, Any]) -> list[Workspace]:
    """The workspaces of whoever looks at the page."""
    user = getattr(context.get("request"), "user", None)
    return workspaces_of(user) if user is not None and user.is_authenticated else []
