"""Addresses across the two halves of the site: the public pages, and the pages of a workspace.

Within a workspace at /w/<slug>/, `reverse()` knows that workspace's pages only, with the prefix in front. These
helpers reach the other half, from wherever they are called.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import get_script_prefix, reverse, set_script_prefix

if TYPE_CHECKING:
    from django.http import HttpRequest

    from .models import Workspace

PREFIX = "w/"
"""Before the slug of a workspace that has no host of its own."""
PUBLIC_EVERYWHERE = ("/accounts/",)
"""Served as public pages on a workspace's own host as well, since a cookie does not cross hosts."""


@contextmanager
def script_prefix(prefix: str) -> Iterator[None]:
    """Inside, `reverse()` puts this in front; afterwards what it was before."""
    before = get_script_prefix()
    set_script_prefix(prefix)
    try:
        yield
    finally:
        set_script_prefix(before)


def site_prefix() -> str:
    """The path that the whole site lies below: "/", unless FORCE_SCRIPT_NAME says otherwise."""
    return f"{(settings.FORCE_SCRIPT_NAME or '').rstrip('/')}/"


def public_url(name: str, *args: Any, **kwargs: Any) -> str:
    """Path of a public page (log-in, chooser), from anywhere. Raises NoReverseMatch."""
    with script_prefix(site_prefix()):
        return reverse(name, urlconf=settings.PUBLIC_SCHEMA_URLCONF, args=args, kwargs=kwargs)


def public_link(request: HttpRequest | None, name: str, *args: Any, **kwargs: Any) -> str:
    """Address of a public page as a page links to it: on a workspace's own host most are elsewhere."""
    path = public_url(name, *args, **kwargs)
    on_own_host = getattr(request, "workspace", None) is not None and get_script_prefix() == site_prefix()
    return absolute(path) if on_own_host and not path.startswith(PUBLIC_EVERYWHERE) else path


def workspace_root(workspace: Workspace) -> str:
    """Where a workspace lives: the path below the public host, or the address of its own host."""
    # Looked up among all of them, since lists of workspaces bring theirs along.
    domain = next((domain for domain in workspace.domains.all() if domain.is_primary), None)
    if domain is not None:
        parts = urlsplit(settings.SITE_URL)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{domain.domain}{port}/"
    return f"{site_prefix()}{PREFIX}{workspace.slug}/"


def workspace_url(workspace: Workspace, name: str, *args: Any, **kwargs: Any) -> str:
    """Address of a page of a workspace, from anywhere. Raises NoReverseMatch."""
    with script_prefix("/"):
        path = reverse(name, urlconf=settings.ROOT_URLCONF, args=args, kwargs=kwargs)
    return workspace_root(workspace) + path.removeprefix("/")


def absolute(url: str) -> str:
    """The address with host, for e-mails."""
    return url if "://" in url else settings.SITE_URL + url
