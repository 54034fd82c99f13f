"""A workspace's settings, its people, and its API keys."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants import people as people_services
from tenants.access import actor_of, admin_required, member_required, membership_of
from tenants.forms import APIKeyForm, InvitationForm, WorkspaceSettingsForm
from tenants.models import Role, WorkspaceAPIKey
from tenants.urls import public_link


@require_http_methods(["GET", "POST"])
@member_required
def general(request: HttpRequest) -> HttpResponse:
    """Name, time zone and country: everybody may look, admins change them."""
    if request.method == "POST":
        return _save_general(request)
    form = WorkspaceSettingsForm(instance=request.workspace)
    return render(request, "tenants/settings.html", {"form": form})


@admin_required
def _save_general(request: HttpRequest) -> HttpResponse:
    form = WorkspaceSettingsForm(request.POST, instance=request.workspace)
    if not form.is_valid():
        request.workspace.refresh_from_db()
        return render(request, "tenants/settings.html", {"form": form}, status=422)
    form.save()
    messages.success(request, _("Saved."))
    return redirect("settings")


# --- People -------------------------------------------------------------------------------------------------


@require_safe
@member_required
def people(request: HttpRequest) -> HttpResponse:
    """Who is here, and who has been asked."""
    members = request.workspace.memberships.select_related("user")
    open_invitations = request.workspace.invitations.filter(accepted_at=None).select_related("invited_by")
    roles = Role.choices if membership_of(request).is_owner else _roles_below_owner()
    context = {
        "members": members,
        "invitations": open_invitations,
        "form": InvitationForm(roles=roles),
        "roles": roles,
    }
    return render(request, "tenants/people.html", context)


@require_POST
@admin_required
def invite_person(request: HttpRequest) -> HttpResponse:
    form = InvitationForm(request.POST)
    if form.is_valid():
        try:
            sent = people_services.invite(workspace=request.workspace, by=membership_of(request), **form.cleaned_data)
        except people_services.NotAllowed as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("An invitation is on its way to %(email)s.") % {"email": sent.email})
    else:
        messages.error(request, _("This is not an e-mail address."))
    return redirect("people")


@require_POST
@admin_required
def withdraw_invitation(request: HttpRequest, pk: int) -> HttpResponse:
    invitation = get_object_or_404(request.workspace.invitations, pk=pk, accepted_at=None)
    try:
        people_services.withdraw(invitation=invitation, by=membership_of(request))
    except people_services.NotAllowed as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The invitation to %(email)s is withdrawn.") % {"email": invitation.email})
    return redirect("people")


@require_POST
@admin_required
def change_role(request: HttpRequest, pk: int) -> HttpResponse:
    member = get_object_or_404(request.workspace.memberships.select_related("user"), pk=pk)
    role = request.POST.get("role", "")
    if role not in Role.values:
        messages.error(request, _("There is no such role."))
        return redirect("people")
    try:
        people_services.change_role(membership=member, role=role, by=membership_of(request))
    except people_services.NotAllowed as error:
        messages.error(request, str(error))
    else:
        words = {"email": member.user.email, "role": Role(role).label}
        messages.success(request, _("%(email)s is now: %(role)s.") % words)
    return redirect("people")


@require_POST
@member_required
def remove_member(request: HttpRequest, pk: int) -> HttpResponse:
    """Take somebody out; everybody may leave by themselves."""
    member = get_object_or_404(request.workspace.memberships.select_related("user"), pk=pk)
    leaving = member.pk == membership_of(request).pk
    try:
        people_services.remove_member(membership=member, by=membership_of(request))
    except people_services.NotAllowed as error:
        messages.error(request, str(error))
        return redirect("people")
    if leaving:
        messages.success(request, _("You have left %(workspace)s.") % {"workspace": request.workspace.name})
        return redirect(public_link(request, "workspaces"))
    messages.success(request, _("%(email)s is no longer a member.") % {"email": member.user.email})
    return redirect("people")


def _roles_below_owner() -> list[tuple[str, str]]:
    return [choice for choice in Role.choices if choice[0] != Role.OWNER]


# --- API keys -----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@admin_required
def api_keys(request: HttpRequest) -> HttpResponse:
    """The keys, and a new one: shown on the answer to its making, and never again."""
    form, key = APIKeyForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        _row, key = WorkspaceAPIKey.objects.create_key(
            workspace=request.workspace, created_by=actor_of(request), **form.cleaned_data
        )
        form = APIKeyForm()
    context = {"form": form, "new_key": key, "keys": request.workspace.api_keys.filter(revoked=False)}
    response = render(request, "tenants/api_keys.html", context)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@admin_required
def revoke_key(request: HttpRequest, prefix: str) -> HttpResponse:
    key = get_object_or_404(request.workspace.api_keys, prefix=prefix, revoked=False)
    key.revoked = True
    key.save(update_fields=["revoked"])
    messages.success(request, _("The key “%(name)s” opens nothing any more.") % {"name": key.name})
    return redirect("api_keys")
