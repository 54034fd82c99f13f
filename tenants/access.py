"""Who may do what in a workspace. `request.workspace` and `request.membership` are set by the middleware."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from .models import Membership

View = Callable[..., HttpResponse]


def member_required(view: View) -> View:
    """The view is for all members, viewers too; a stranger gets a 404."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        membership_of(request)
        return view(request, *args, **kwargs)

    return guarded


def admin_required(view: View) -> View:
    """The view changes things: for admins and owners. A viewer gets the 403 page, a stranger a 404."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not membership_of(request).is_admin:
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


def membership_of(request: HttpRequest) -> Membership:
    """The membership of who asks. Raises Http404 for a stranger."""
    membership: Membership | None = request.membership
    if membership is None:
        raise Http404
    return membership


def actor_of(request: HttpRequest) -> str:
    """Who asks, as workspace tables keep it: a person's e-mail address, or the name of an API key."""
    return str(request.user.email or request.user)
