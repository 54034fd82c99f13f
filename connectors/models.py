"""What a workspace keeps of its accounts. Workspace schema: no foreign key leads to a shared table."""

from __future__ import annotations

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import MD5, Cast, Concat
from django.utils.translation import gettext_lazy as _

from . import registry
from .contract import Kind, Manifest


class AccountState(models.TextChoices):
    """Whether an account can be used, and what a person has to do where it cannot."""

    OK = "ok", _("Connected")
    SIGN_IN = "sign_in", _("Sign in again")
    PERMISSION = "permission", _("Permission missing")
    DISCONNECTED = "disconnected", _("Disconnected")


class ConnectedAccount(models.Model):
    """One instance of an app that the workspace has signed in to. Reconnecting keeps the row."""

    app = models.CharField(_("app"), max_length=64)
    name = models.CharField(_("name"), max_length=120)
    remote_id = models.CharField(_("identity in the app"), max_length=500)
    """`Identity.id`: which remote account this is, for good."""
    label = models.CharField(_("name in the app"), max_length=255, blank=True)
    settings = models.JSONField(_("settings"), default=dict, blank=True)
    """What a person typed to connect, without the secrets."""
    secrets = models.TextField(_("secrets"), blank=True, editable=False)
    """Sealed by the vault; empty once disconnected."""
    state = models.CharField(_("state"), max_length=16, choices=AccountState.choices, default=AccountState.OK)
    state_reason = models.TextField(_("reason"), blank=True)
    is_home = models.BooleanField(_("home account"), default=False)
    created_at = models.DateTimeField(_("connected on"), auto_now_add=True)
    created_by = models.CharField(_("connected by"), max_length=254, blank=True)
    checked_at = models.DateTimeField(_("last checked"), null=True, blank=True)
    """When the app last said who this account is."""

    class Meta:
        ordering = ["name", "pk"]
        verbose_name = _("connected account")
        verbose_name_plural = _("connected accounts")
        constraints = [
            models.UniqueConstraint(fields=["app", "remote_id"], name="account_once"),
            models.UniqueConstraint(fields=["is_home"], condition=Q(is_home=True), name="account_one_home"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_usable(self) -> bool:
        return self.state == AccountState.OK

    @property
    def manifest(self) -> Manifest | None:
        """The app's facts; None where its plugin is not installed any more."""
        connector = registry.catalogue().apps.get(self.app)
        return connector.manifest if connector else None

    @property
    def app_label(self) -> str:
        return self.manifest.label if self.manifest else self.app


class AccountObject(models.Model):
    """One object as an account last described it, and what a person said that it means."""

    account = models.ForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="objects_offered")
    name = models.CharField(_("name in the app"), max_length=255)
    label = models.CharField(_("label"), max_length=255)
    resource = models.JSONField(_("description by the app"))
    """A `Resource` as `connectors.snapshots` writes it."""
    meaning = models.JSONField(_("meaning"), default=dict, blank=True)
    """An `ObjectMeaning` as `connectors.snapshots` writes it."""
    digest = models.GeneratedField(
        expression=MD5(Concat(Cast("resource", models.TextField()), Cast("meaning", models.TextField()))),
        output_field=models.CharField(max_length=32),
        db_persist=True,
    )
    """Of what is known of it: the same as long as neither the app nor a person says otherwise."""
    seen_at = models.DateTimeField(_("last seen"))
    missing = models.BooleanField(_("missing"), default=False)
    """The account did not name it when it was last asked."""

    class Meta:
        ordering = ["label", "pk"]
        verbose_name = _("object")
        verbose_name_plural = _("objects")
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="object_once")]

    def __str__(self) -> str:
        return self.label

    @property
    def kind(self) -> Kind | None:
        """What it is: what a person said, else what the app says."""
        name = self.meaning.get("kind") or self.resource.get("kind")
        return Kind(name) if name else None

    @property
    def proposed_kind(self) -> Kind | None:
        name = self.resource.get("proposed_kind")
        return Kind(name) if name else None


class RateBudget(models.Model):
    """The requests that all workers together may send to one account (see `connectors.budget`)."""

    account = models.OneToOneField(ConnectedAccount, on_delete=models.CASCADE, primary_key=True, related_name="budget")
    used_until = models.DateTimeField()
    """When the last request that was granted would have its turn if there were no bursts."""
    paused_until = models.DateTimeField(null=True, blank=True)
    """The app asked everybody to wait until then."""
    share = models.FloatField(db_default=1.0)
    """Of the published limit, from `slowed_at` on; it grows back with time."""
    slowed_at = models.DateTimeField(null=True, blank=True)
    sent = models.JSONField(default=list, blank=True, db_default=Value([], models.JSONField()))
    """Where the app counts in a window: list of [milliseconds since 1970, requests], as far as they count."""
    day_left = models.IntegerField(_("left of the day's quota"), null=True, blank=True)
    day_ends = models.DateTimeField(_("day ends"), null=True, blank=True)

    class Meta:
        verbose_name = _("rate budget")
        verbose_name_plural = _("rate budgets")

    def __str__(self) -> str:
        return f"{self.account_id}"


class AccountAction(models.TextChoices):
    CONNECTED = "connected", _("Connected")
    RECONNECTED = "reconnected", _("Reconnected")
    DISCONNECTED = "disconnected", _("Disconnected")
    RENAMED = "renamed", _("Renamed")
    HOME = "home", _("Made the home account")
    MEANING = "meaning", _("Object described")
    STATE = "state", _("State changed")
    SCHEMA = "schema", _("Objects or fields changed")


class AccountEvent(models.Model):
    """Who did what to an account. Only ever added to; never holds a secret."""

    account = models.ForeignKey(ConnectedAccount, on_delete=models.CASCADE, related_name="events")
    action = models.CharField(_("action"), max_length=16, choices=AccountAction.choices)
    actor = models.CharField(_("by"), max_length=254, blank=True)
    """An e-mail address or the name of an API key; empty for the site itself."""
    detail = models.TextField(_("detail"), blank=True)
    at = models.DateTimeField(_("at"), auto_now_add=True)

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name = _("account event")
        verbose_name_plural = _("account events")

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.at:%Y-%m-%d %H:%M}"
