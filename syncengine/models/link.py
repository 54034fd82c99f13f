"""The lasting memory that two records are the same thing; one row too for each record that has no other end yet."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ..core.mapping import Side
from .sync import StreamPair

LINK_STATES = [
    ("paused", _("Paused")),
    ("failing", _("Failing")),
    ("waiting", _("Waiting")),
    ("excluded", _("Excluded")),
    ("in_sync", _("In sync")),
    ("closed", _("Closed")),
]


class Wish(models.TextChoices):
    """What a person may ask for a record that one side has lost."""

    RESYNC = "resync", _("Resync")
    """Look for it once more, else create it again (rule 8.2)."""
    PASS_ON = "pass_on", _("Pass the deletion on")
    """Although the survivor was edited (rule 8.3)."""
    KEEP_APART = "keep_apart", _("Keep unlinked")
    """Of two links whose records were merged: this one's other record goes on alone (rule 8.5)."""


class Decision(models.TextChoices):
    """What a person said of a record that has no other end."""

    CREATE = "create", _("Create it on the other side")
    """Whatever linked record it resembles."""
    KEPT_APART = "kept_apart", _("Kept apart")
    """Not the same as what it was linked with, or might have been: not copied until a person says so."""
    LEFT_OUT = "left_out", _("Left out")
    """It takes no part, in matching neither."""
    DECLINED = "declined", _("Declined")
    """Its creation was planned, and a person declined it (rule 11.1)."""
    UNDONE = "undone", _("Its creation was undone")
    """Not created there again until a person says so (rule 11.2)."""


class RecordLink(models.Model):
    """The mapping record. Ids are kept by value: a link outlives what an account forgets."""

    pair = models.ForeignKey(StreamPair, on_delete=models.CASCADE, related_name="links", db_index=False)
    a_id = models.CharField(_("id on side A"), max_length=500, null=True, blank=True)
    b_id = models.CharField(_("id on side B"), max_length=500, null=True, blank=True)
    label = models.CharField(_("name"), max_length=255, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=LINK_STATES, default="in_sync")
    cause = models.CharField(_("cause"), max_length=20, blank=True)
    """`core.states.FailureClass` of a failing record, `core.scope.Condition` of an excluded one."""
    detail = models.TextField(_("detail"), blank=True)
    """The app's own answer, or the values that decided."""
    candidates = models.JSONField(default=list, blank=True)
    """Ids on the other side, for an ambiguous record."""
    baseline_a = models.JSONField(_("baseline of side A"), default=dict, blank=True)
    baseline_b = models.JSONField(_("baseline of side B"), default=dict, blank=True)
    """Strand → key (`core.plan.Baseline`): what each side was when the two were last in step."""
    provenance = models.JSONField(_("why"), default=dict, blank=True)
    """Mapping id → where its value came from: {side, at, run, rule, reason, before}. Outlives the journal."""
    notes = models.JSONField(_("remaining differences"), default=dict, blank=True)
    """Strand → `core.merge.Reason`: what differs and stays so (rule 3.8)."""
    parked = models.JSONField(_("parked fields"), default=dict, blank=True)
    """Strand → {reason, message, a, b} (rule 4.5)."""
    decision = models.CharField(
        _("decision"), max_length=10, choices=Decision.choices, blank=True, default="", db_default=""
    )
    decided_by = models.CharField(_("decided by"), max_length=254, blank=True, default="", db_default="")
    flips = models.JSONField(default=dict, blank=True)
    """Mapping → [time, side] of our writes within ten minutes, where both sides were written by turns (rule 4.5)."""
    passed = models.CharField(max_length=2, blank=True, default="", db_default="")
    """Sides whose record has passed its filter since the two were linked (rule 6.3)."""
    pending = models.JSONField(_("associations not carried"), default=dict, blank=True)
    """Name of a target (`run.associations.name_of`) → {side, label, obstacle, mappings} (rule 7.2)."""
    paused = models.BooleanField(_("paused"), default=False)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    """Empty: until a person resumes it."""
    pins = models.JSONField(_("pinned fields"), default=dict, blank=True)
    """Side → field → until when nothing is written to it (rule 9.5)."""
    replan = models.BooleanField(default=False)
    """To be planned at the next occasion, whatever the fingerprints say."""
    wish = models.CharField(max_length=10, choices=Wish.choices, blank=True, default="", db_default="")
    """What a person asked for, until the next slice takes it up: the engine alone changes ends of links."""
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(_("next try"), null=True, blank=True)
    made_by = models.CharField(_("made by"), max_length=10, blank=True)
    """matched, created, person"""
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    changed_at = models.DateTimeField(_("last change"), null=True, blank=True)
    """When a value was last carried across."""
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("record link")
        verbose_name_plural = _("record links")
        constraints = [
            models.UniqueConstraint(
                fields=["pair", "a_id"], condition=Q(closed_at=None, a_id__isnull=False), name="a_in_one_link"
            ),
            models.UniqueConstraint(
                fields=["pair", "b_id"], condition=Q(closed_at=None, b_id__isnull=False), name="b_in_one_link"
            ),
            models.CheckConstraint(condition=Q(a_id__isnull=False) | Q(b_id__isnull=False), name="link_has_an_end"),
        ]
        indexes = [
            models.Index(fields=["pair", "state", "cause", "id"], name="link_state"),
            models.Index(fields=["pair", "id"], condition=Q(closed_at=None) & ~Q(notes={}), name="link_differs"),
            models.Index(fields=["pair"], condition=Q(replan=True), name="link_replan"),
            models.Index(fields=["pair"], condition=~Q(pending={}), name="link_pending"),
            GinIndex(fields=["pending"], condition=~Q(pending={}), name="link_pending_targets"),
            models.Index(fields=["pair", "wish"], condition=~Q(wish=""), name="link_wish"),
            models.Index(fields=["pair", "next_try_at"], condition=Q(next_try_at__isnull=False), name="link_next_try"),
        ]

    def __str__(self) -> str:
        return self.label or " ↔ ".join(end for end in (self.a_id, self.b_id) if end is not None)

    def end(self, side: Side) -> str | None:
        return self.a_id if side is Side.A else self.b_id

    def set_end(self, side: Side, remote_id: str | None) -> None:
        if side is Side.A:
            self.a_id = remote_id
        else:
            self.b_id = remote_id

    @property
    def is_whole(self) -> bool:
        return self.a_id is not None and self.b_id is not None


class FormerEnd(models.Model):
    """A record that once was an end of a link: never copied as if it were new (rule 5.9)."""

    pair = models.ForeignKey(StreamPair, on_delete=models.CASCADE, related_name="former_ends")
    link = models.ForeignKey(RecordLink, on_delete=models.CASCADE, related_name="former_ends")
    side = models.CharField(max_length=1)
    remote_id = models.CharField(max_length=500)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pair", "side", "remote_id"], name="former_end_once")]


class KeptApart(models.Model):
    """A person said that these two are not the same (rule 5.8)."""

    pair = models.ForeignKey(StreamPair, on_delete=models.CASCADE, related_name="kept_apart")
    a_id = models.CharField(max_length=500)
    b_id = models.CharField(max_length=500)
    by = models.CharField(max_length=254, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pair", "a_id", "b_id"], name="kept_apart_once")]
