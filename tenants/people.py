"""Who is in a workspace, who may come in, and who decides that."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from .context import public_context
from .models import Invitation, Membership, Role, Workspace
from .urls import absolute, public_url

SALT = "tenants.invitation"


class NotAllowed(Exception):
    """Somebody may not do this to the people of a workspace. The message is for people."""


class InvitationUnusable(Exception):
    """The link leads nowhere: forged, withdrawn, used or too old. The message is for people."""


def workspaces_of(user: Any) -> list[Workspace]:
    """The workspaces that a person is a member of, by name."""
    found = (
        Membership.objects.filter(user=user).select_related("workspace__plan").prefetch_related("workspace__domains")
    )
    return sorted((m.workspace for m in found), key=lambda workspace: workspace.name.casefold())


# --- Members ------------------------------------------------------------------------------------------------


def change_role(*, membership: Membership, role: str, by: Membership) -> None:
    """Raises NotAllowed: for the last owner, and where owners are concerned but none decides."""
    with transaction.atomic():
        _lock_owners(membership.workspace)
        _check_authority(by, membership.role, role)
        if membership.is_owner and role != Role.OWNER:
            _check_another_owner(membership)
        membership.role = role
        membership.save(update_fields=["role"])


def remove_member(*, membership: Membership, by: Membership) -> None:
    """Take somebody out of a workspace; everybody may leave. Raises NotAllowed as `change_role` does."""
    with transaction.atomic():
        _lock_owners(membership.workspace)
        if membership.pk != by.pk:
            _check_authority(by, membership.role)
        if membership.is_owner:
            _check_another_owner(membership)
        membership.delete()


def _lock_owners(workspace: Workspace) -> None:
    """Two owners who step down at the same moment would otherwise leave none."""
    Workspace.objects.select_for_update().only("pk").get(pk=workspace.pk)


def _check_authority(by: Membership, *roles: str) -> None:
    if not by.is_admin:
        raise NotAllowed(_("Only owners and admins may do this."))
    if Role.OWNER in roles and not by.is_owner:
        raise NotAllowed(_("Only an owner decides about owners."))


def _check_another_owner(membership: Membership) -> None:
    others = Membership.objects.filter(workspace=membership.workspace, role=Role.OWNER).exclude(pk=membership.pk)
    if not others.exists():
        raise NotAllowed(_("A workspace needs an owner: make somebody else one first."))


# --- Invitations --------------------------------------------------------------------------------------------


def invite(*, workspace: Workspace, email: str, role: str, by: Membership) -> Invitation:
    """Send an invitation; one that is still open for the same address is replaced, and its link dies.

    Raises NotAllowed.
    """
    email = email.strip().lower()
    _check_authority(by, role)
    if Membership.objects.filter(workspace=workspace, user__email__iexact=email).exists():
        raise NotAllowed(_("%(email)s is a member already.") % {"email": email})
    now = timezone.now()
    with transaction.atomic():
        Invitation.objects.filter(workspace=workspace, email=email, accepted_at=None).delete()
        invitation = Invitation.objects.create(
            workspace=workspace,
            email=email,
            role=role,
            invited_by=by.user,
            created_at=now,
            expires_at=now + timedelta(days=settings.INVITATION_DAYS),
        )
    send_invitation(invitation)
    return invitation


def withdraw(*, invitation: Invitation, by: Membership) -> None:
    """The link dies. Raises NotAllowed."""
    _check_authority(by, invitation.role)
    invitation.delete()


def invitation_link(invitation: Invitation) -> str:
    """The address to send. Signed, so that it cannot be guessed; the row says whether it still counts."""
    return absolute(public_url("invitation", signing.Signer(salt=SALT).sign(invitation.pk)))


def send_invitation(invitation: Invitation) -> None:
    context = {
        "invitation": invitation,
        "workspace": invitation.workspace,
        "link": invitation_link(invitation),
        "days": settings.INVITATION_DAYS,
    }
    subject = _("Join %(workspace)s on SyncSite") % {"workspace": invitation.workspace.name}
    message = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=render_to_string("tenants/email/invitation.txt", context),
        to=[invitation.email],
    )
    message.attach_alternative(render_to_string("tenants/email/invitation.html", context), "text/html")
    message.send()


def find_invitation(token: str) -> Invitation:
    """The invitation behind a link. Raises InvitationUnusable."""
    try:
        pk = int(signing.Signer(salt=SALT).unsign(token))
    except signing.BadSignature:
        raise InvitationUnusable(_("This link is not complete. Copy it whole from the e-mail.")) from None
    found = Invitation.objects.select_related("workspace__plan", "invited_by").filter(pk=pk).first()
    if found is None:
        raise InvitationUnusable(_("This invitation was withdrawn, or a newer one was sent."))
    _check_usable(found)
    return found


def accept_invitation(*, invitation: Invitation, user: Any) -> Membership:
    """Make the person a member: once. Who is one already keeps the role. Raises InvitationUnusable."""
    with public_context(), transaction.atomic():
        locked = Invitation.objects.select_for_update().filter(pk=invitation.pk).first()
        if locked is None:
            raise InvitationUnusable(_("This invitation was withdrawn, or a newer one was sent."))
        _check_usable(locked)
        membership, _made = Membership.objects.get_or_create(
            user=user, workspace=locked.workspace, defaults={"role": locked.role}
        )
        locked.accepted_at, locked.accepted_by = timezone.now(), user
        locked.save(update_fields=["accepted_at", "accepted_by"])
    return membership


def _check_usable(invitation: Invitation) -> None:
    if invitation.accepted_at is not None:
        raise InvitationUnusable(_("This invitation has been used."))
    if invitation.has_expired:
        raise InvitationUnusable(_("This invitation has expired. Ask for a new one."))
