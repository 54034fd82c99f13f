"""Which workspace a request is for, and whether who asks may see it."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import DisallowedHost
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.shortcuts import render
from django.urls import set_urlconf
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from .context import public_context, workspace_context
from .models import Domain, Membership, Workspace
from .urls import PREFIX, PUBLIC_EVERYWHERE, public_url, script_prefix

Handler = Callable[[HttpRequest], HttpResponse]

_IN_PATH = re.compile(rf"^/(?P<prefix>{re.escape(PREFIX)}(?P<slug>[^/]+)/)")
WITHOUT_MEMBERSHIP = ("/api/",)
"""Paths of a workspace that judge by themselves who may come in."""
STAFF_ONLY = "/staff/"


class WorkspaceMiddleware:
    """Finds the workspace: a host of its own, else the path /w/<slug>/; and stays in it for the request.

    Below the path, views see only what follows it, and `reverse()` puts it back in front: URLconfs are the same
    for both. Sets `request.workspace` (None on public pages). An address of no workspace is a public page: it
    answers strangers as an existing workspace would.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with public_context():
            workspace, prefix = find_workspace(request)
        request.workspace = request.tenant = workspace
        request.membership = None
        if workspace is None:
            request.urlconf = settings.PUBLIC_SCHEMA_URLCONF
            set_urlconf(request.urlconf)
            with public_context():
                return self.get_response(request)
        request.urlconf = settings.ROOT_URLCONF
        set_urlconf(request.urlconf)
        base = request.META.get("SCRIPT_NAME", "").rstrip("/") + "/"
        request.path_info = "/" + request.path_info.removeprefix(f"/{prefix}").removeprefix("/")
        with (
            workspace_context(workspace),
            script_prefix(base + prefix),
            timezone.override(zoneinfo.ZoneInfo(workspace.time_zone)),
        ):
            return self.get_response(request)


def find_workspace(request: HttpRequest) -> tuple[Workspace | None, str]:
    """The workspace that a request is for, and the part of the path that names it (blank for a host)."""
    try:
        host, _port = split_domain_port(request.get_host())
    except DisallowedHost:
        return None, ""  # CommonMiddleware refuses it
    domain = Domain.objects.select_related("tenant__plan").filter(domain=host).first()
    if domain is not None:
        on_public_page = request.path_info.startswith(PUBLIC_EVERYWHERE)
        return (None, "") if on_public_page else (domain.tenant, "")
    named = _IN_PATH.match(request.path_info)
    if named is None:
        return None, ""
    workspace = Workspace.objects.select_related("plan").filter(slug=named["slug"]).first()
    return workspace, named["prefix"] if workspace else ""


class MembershipMiddleware:
    """Lets members into a workspace. Sets `request.membership`.

    A session is valid on every workspace, so each request is checked. Who is not logged in is asked to log in;
    anybody else gets the 404 of a workspace that does not exist.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        workspace: Workspace | None = request.workspace
        if workspace is None or request.path_info.startswith(WITHOUT_MEMBERSHIP):
            return self.get_response(request)
        if not request.user.is_authenticated:
            return to_login(request)
        if request.path_info.startswith(STAFF_ONLY):
            if not request.user.is_staff:
                raise Http404
            return self.get_response(request)
        request.membership = (
            Membership.objects.filter(user=request.user, workspace=workspace).select_related("user").first()
        )
        if request.membership is None:
            raise Http404
        request.membership.workspace = workspace
        if workspace.is_suspended:
            return render(request, "tenants/suspended.html", status=403)
        return self.get_response(request)


def to_login(request: HttpRequest) -> HttpResponse:
    """To the log-in page, and back to this page afterwards. Within htmx: the whole page, not a part of it."""
    login = public_url("account_login")
    if getattr(request, "htmx", False):
        back = request.htmx.current_url_abs_path or request.get_full_path()
        return HttpResponseClientRedirect(redirect_to_login(back, login).url)
    return redirect_to_login(request.get_full_path(), login)
