"""What people chose: which streams are kept in step, and how."""

from __future__ import annotations

import json
from functools import lru_cache

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ..core.mapping import Side, SyncSettings
from .stream import Stream


class StreamPair(models.Model):
    """Two streams whose records are linked. The links belong to it, so that a new sync takes them up (10.6)."""

    stream_a = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="pairs_as_a")
    stream_b = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="pairs_as_b")

    class Meta:
        verbose_name = _("stream pair")
        verbose_name_plural = _("stream pairs")
        constraints = [models.UniqueConstraint(fields=["stream_a", "stream_b"], name="pair_once")]

    def __str__(self) -> str:
        return f"{self.stream_a} ↔ {self.stream_b}"

    def stream(self, side: Side) -> Stream:
        return self.stream_a if side is Side.A else self.stream_b


class SyncState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    ON = "on", _("On")
    PAUSED = "paused", _("Paused")
    OFF = "off", _("Off")


class Attention(models.TextChoices):
    """Why a sync needs a person (rule 9.2)."""

    SIGN_IN = "sign_in", _("Sign in again")
    PERMISSION = "permission", _("Permission lost")
    OBJECT_GONE = "object_gone", _("Object or field gone")
    BROKEN = "broken", _("The app answers something unexpected")
    BRAKE = "brake", _("Held by the brake")
    MISSING = "missing", _("Many records are missing")
    REFUSED = "refused", _("Most of it is refused")


class Sync(models.Model):
    """One object of account A kept in step with one object of account B."""

    pair = models.ForeignKey(StreamPair, on_delete=models.CASCADE, related_name="syncs")
    state = models.CharField(_("state"), max_length=8, choices=SyncState.choices, default=SyncState.DRAFT)
    attention = models.CharField(_("needs attention"), max_length=16, choices=Attention.choices, blank=True)
    attention_reason = models.TextField(_("reason"), blank=True)
    active = models.OneToOneField(
        "SettingsVersion", on_delete=models.SET_NULL, null=True, blank=True, related_name="active_for"
    )
    planned_a = models.BigIntegerField(default=0)
    """Changes of stream A up to this number have been planned; 0 starts a pass over all records."""
    planned_b = models.BigIntegerField(default=0)
    definitions = models.CharField(max_length=12, blank=True, default="", db_default="")
    """Fingerprint of what the mapped fields take: once it changes, parked values are tried again (rule 4.5)."""
    existing_a = models.BigIntegerField(null=True, blank=True)
    existing_b = models.BigIntegerField(null=True, blank=True)
    """Records numbered up to this were there when *from now on* was chosen (rule 6.4)."""
    rested = models.CharField(max_length=32, blank=True, default="", db_default="")
    """Fingerprint of settings and objects with which it last came to rest: as long as they are the same, a glance at
    what changed tells whether anything is to be done (`run.glance`)."""
    initial_done = models.BooleanField(_("first run done"), default=False)
    counts = models.JSONField(_("counts"), default=dict, blank=True)
    """State (and ``failing:<class>``) → links. Kept at the end of each slice, not counted by pages."""
    interval = models.PositiveIntegerField(_("seconds between two reads"), null=True, blank=True)
    """Set by somebody; empty: it follows from what happens in the streams (`run.pace`)."""
    last_run_at = models.DateTimeField(_("last run"), null=True, blank=True)
    """When it last looked at both sides and ended well."""
    setbacks = models.PositiveSmallIntegerField(default=0)
    """Passing errors one after another: the wait grows with them."""
    circuit = models.JSONField(default=dict, blank=True)
    """Side → {until, trips, bad, all}: its app refuses most of what it is sent, and the rest waits (`run.circuit`)."""
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.CharField(_("created by"), max_length=254, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    """Deleted by a person; the links are kept aside for 90 days (rule 10.6)."""

    class Meta:
        ordering = ["pk"]
        verbose_name = _("sync")
        verbose_name_plural = _("syncs")
        constraints = [
            models.UniqueConstraint(fields=["pair"], condition=Q(deleted_at=None), name="one_live_sync_a_pair")
        ]

    def __str__(self) -> str:
        return str(self.pair)

    @property
    def settings(self) -> SyncSettings:
        """The active settings. Raises where there are none yet."""
        if self.active is None:
            raise ValueError(f"sync {self.pk} has no active settings")
        return self.active.load()


class VersionState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    ACTIVE = "active", _("Active")
    OLD = "old", _("Replaced")


class SettingsVersion(models.Model):
    """Everything that a person chose for a sync, numbered. Never changed once it was active."""

    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("number"))
    state = models.CharField(_("state"), max_length=8, choices=VersionState.choices, default=VersionState.DRAFT)
    settings = models.JSONField(_("settings"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.CharField(_("by"), max_length=254, blank=True)

    class Meta:
        ordering = ["-number"]
        verbose_name = _("settings version")
        verbose_name_plural = _("settings versions")
        constraints = [
            models.UniqueConstraint(fields=["sync", "number"], name="version_number_once"),
            models.UniqueConstraint(fields=["sync"], condition=Q(state="active"), name="one_active_version"),
            models.UniqueConstraint(fields=["sync"], condition=Q(state="draft"), name="one_draft_version"),
        ]

    def __str__(self) -> str:
        return f"{self.sync_id} v{self.number}"

    def load(self) -> SyncSettings:
        return _settings_of(json.dumps(self.settings))


@lru_cache(maxsize=500)
def _settings_of(text: str) -> SyncSettings:
    """By content, not by id: equal settings are the same in every workspace."""
    return SyncSettings.from_json(json.loads(text))
