"""The shared schema: who there is, and where their data lives."""

from __future__ import annotations

import zoneinfo
from typing import NoReturn

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_tenants.models import DomainMixin, TenantMixin
from rest_framework_api_key.models import AbstractAPIKey

SLUG_LENGTH = 40
SLUG = RegexValidator(r"^[a-z0-9]+(-[a-z0-9]+)*$", _("Use small letters, digits and single hyphens between them."))


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("There is no time zone “%(name)s”."), params={"name": name})


class Plan(models.Model):
    """What a workspace may do, as data (`tenants.entitlements` reads it)."""

    name = models.SlugField(_("name"), unique=True)
    label = models.CharField(_("label"), max_length=60)
    entitlements = models.JSONField(_("entitlements"), default=dict, blank=True)

    class Meta:
        ordering = ("id",)
        verbose_name = _("plan")
        verbose_name_plural = _("plans")

    def __str__(self) -> str:
        return self.label


class Workspace(TenantMixin):
    """One customer. All that belongs to it lives in a schema of its own.

    Made by `tenants.workspaces.create_workspace`; entered by `tenants.context.workspace_context` (never by the
    `with workspace:` that the base class offers: it mixes up threads).
    """

    slug = models.CharField(_("address"), max_length=SLUG_LENGTH, unique=True, validators=[SLUG])
    name = models.CharField(_("name"), max_length=120)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="workspaces", verbose_name=_("plan"))
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_time_zone])
    country = models.CharField(_("country"), max_length=2, blank=True)
    """ISO 3166 alpha-2, or blank. Reads phone numbers that are written without a country."""
    preview_required = models.BooleanField(_("preview required"), default=False, db_default=False)
    """No settings take effect before a person has seen what they would do (rule 11.1)."""
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    suspended_at = models.DateTimeField(_("suspended"), null=True, blank=True)
    """Since when nothing of it runs and nobody may look at it; None: it is open."""
    schema_version = models.CharField(max_length=64, default="", db_default="", blank=True, editable=False)
    """What its tables were last brought up to (`tenants.schemas.latest`); blank: nobody knows."""

    class Meta:
        ordering = ("name", "id")
        verbose_name = _("workspace")
        verbose_name_plural = _("workspaces")

    def __str__(self) -> str:
        return self.name

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None

    def get_absolute_url(self) -> str:
        from .urls import workspace_root

        return workspace_root(self)

    def __enter__(self) -> NoReturn:
        raise RuntimeError("Enter a workspace by workspace_context(): `with workspace:` mixes up threads.")


class Domain(DomainMixin):
    """A host name of a workspace's own. Without one, a workspace lives at /w/<slug>/."""

    class Meta:
        verbose_name = _("domain")
        verbose_name_plural = _("domains")


class Role(models.TextChoices):
    """What a member may do. An owner also decides who else is one."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    VIEWER = "viewer", _("Viewer")


class Membership(models.Model):
    """A person in a workspace. One person may be in many."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("person")
    )
    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("workspace")
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.VIEWER)
    joined_at = models.DateTimeField(_("joined"), default=timezone.now, editable=False)

    class Meta:
        ordering = ("joined_at", "id")
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["user", "workspace"], name="one_membership_a_workspace")]

    def __str__(self) -> str:
        return f"{self.user} · {self.workspace}"

    @property
    def is_owner(self) -> bool:
        return self.role == Role.OWNER

    @property
    def is_admin(self) -> bool:
        """May change things: an admin or an owner."""
        return self.role in (Role.ADMIN, Role.OWNER)


class Invitation(models.Model):
    """An e-mail that lets its reader join a workspace: once, and not after `expires_at`."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="invitations", verbose_name=_("workspace")
    )
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.VIEWER)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("invited by"),
    )
    created_at = models.DateTimeField(_("sent"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True, editable=False)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("accepted by"),
    )

    class Meta:
        ordering = ("-created_at", "-id")
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "email"],
                condition=models.Q(accepted_at=None),
                name="one_open_invitation_an_address",
            )
        ]

    def __str__(self) -> str:
        return f"{self.email} · {self.workspace}"

    @property
    def has_expired(self) -> bool:
        return timezone.now() >= self.expires_at


class WorkspaceAPIKey(AbstractAPIKey):
    """A key to the API of one workspace. Kept as a hash; the key itself is shown once."""

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="api_keys", verbose_name=_("workspace")
    )
    read_only = models.BooleanField(_("read only"), default=False)
    created_by = models.CharField(_("created by"), max_length=254, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    class Meta(AbstractAPIKey.Meta):
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")


class Due(models.Model):
    """Something of a workspace that is to happen at a time (`tenants.due`)."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="due", verbose_name=_("workspace"))
    kind = models.CharField(_("kind"), max_length=40)
    target = models.BigIntegerField(_("target"))
    at = models.DateTimeField(_("at"))
    claimed_until = models.DateTimeField(_("claimed until"), null=True, blank=True)
    """Somebody is at it until then; after that it may be claimed anew."""
    wanted_at = models.DateTimeField(_("wanted again at"), null=True, blank=True)
    """Asked for while it was claimed: it is due again then, whatever `done` says."""
    claims = models.PositiveSmallIntegerField(default=0, db_default=0)
    """Claims one after another with no `done` in between: more than one, and somebody died over it."""
    looked_at = models.DateTimeField(_("last look"), null=True, blank=True)
    """When it was last found with nothing to do, where nothing else tells of that."""
    is_long = models.BooleanField(_("long work"), default=False, db_default=False)
    """Has a lot to do: some workers are kept free of such work."""

    class Meta:
        verbose_name = _("due item")
        verbose_name_plural = _("due items")
        constraints = [models.UniqueConstraint(fields=["workspace", "kind", "target"], name="due_once")]
        indexes = [models.Index(fields=["at"], name="due_at")]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"
