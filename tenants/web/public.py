"""Public pages: what this is, the way to one's workspaces, and the answer to an invitation."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from tenants import people
from tenants.forms import INVITED, WorkspaceNameForm
from tenants.middleware import to_login
from tenants.workspaces import create_workspace


@require_safe
def landing(request: HttpRequest) -> HttpResponse:
    """What it is, in a screenful; who is logged in goes on to their workspaces."""
    if request.user.is_authenticated:
        return redirect("workspaces")
    return render(request, "tenants/landing.html")


@require_safe
@login_required
def workspaces(request: HttpRequest) -> HttpResponse:
    """The chooser. Straight in for those with one workspace; on to the invitation that brought them here."""
    if token := request.session.pop(INVITED, None):
        return redirect("invitation", token)
    mine = people.workspaces_of(request.user)
    if len(mine) == 1 and "all" not in request.GET:
        return redirect(mine[0])
    return render(request, "tenants/workspaces.html", {"workspaces": mine})


@require_http_methods(["GET", "POST"])
@login_required
def workspace_create(request: HttpRequest) -> HttpResponse:
    form = WorkspaceNameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        workspace = create_workspace(name=form.cleaned_data["name"], owner=request.user)
        messages.success(request, _("%(workspace)s is ready.") % {"workspace": workspace.name})
        return redirect(workspace)
    return render(request, "tenants/workspace_create.html", {"form": form})


@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation: as who is logged in, or after logging in or signing up.

    Looking at it accepts nothing: mail programs open links by themselves.
    """
    try:
        found = people.find_invitation(token)
        if not request.user.is_authenticated:
            request.session[INVITED] = token
        elif request.method == "POST":
            people.accept_invitation(invitation=found, user=request.user)
            request.session.pop(INVITED, None)
            messages.success(request, _("Welcome to %(workspace)s.") % {"workspace": found.workspace.name})
            return redirect(found.workspace)
    except people.InvitationUnusable as error:
        request.session.pop(INVITED, None)
        return render(request, "tenants/invitation_unusable.html", {"reason": str(error)}, status=410)
    return render(request, "tenants/invitation.html", {"invitation": found, "token": token})


def unknown_workspace(request: HttpRequest, rest: str) -> HttpResponse:
    """Answers as a workspace does to those who do not belong to it, so that nobody learns which ones exist."""
    if "/" not in rest:
        return redirect(f"{request.path}/")
    if rest.partition("/")[2].startswith("api/"):
        answer = JsonResponse({"detail": _("This key does not open this workspace.")}, status=401)
        answer["WWW-Authenticate"] = 'Bearer realm="api"'
        return answer
    if not request.user.is_authenticated:
        return to_login(request)
    raise Http404
