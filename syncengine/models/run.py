"""Passes of a sync, and the operations that they planned and carried out: intent, journal and history in one row."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .link import RecordLink
from .sync import SettingsVersion, Sync


class RunKind(models.TextChoices):
    FIRST = "first", _("First run")
    FULL = "full", _("Pass over all records")
    CHANGES = "changes", _("Changes")
    RESYNC = "resync", _("Resync of deleted records")
    PREVIEW = "preview", _("Preview")
    """What a draft of the settings would do. Touches neither records nor links (rule 11.1)."""
    UNDO = "undo", _("Undo")
    """Takes back what others wrote. Done and undecided: it is only shown; running: it is carried out (rule 11.2)."""


BESIDE = (RunKind.PREVIEW, RunKind.UNDO)
"""Runs that go on beside the one that keeps both sides in step."""


class RunPhase(models.TextChoices):
    READING = "reading", _("Reading")
    PLANNING = "planning", _("Comparing")
    APPLYING = "applying", _("Writing")
    DONE = "done", _("Done")


class RunState(models.TextChoices):
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Stopped by an error")
    CANCELLED = "cancelled", _("Cancelled")


class RunQuerySet(models.QuerySet["SyncRun"]):
    def under_way(self) -> RunQuerySet:
        """Those that keep both sides in step, with the settings in effect."""
        return self.filter(state=RunState.RUNNING).exclude(kind__in=BESIDE)


class SyncRun(models.Model):
    """One pass of a sync. A poll that finds nothing to do writes none."""

    sync = models.ForeignKey(Sync, on_delete=models.CASCADE, related_name="runs")
    version = models.ForeignKey(SettingsVersion, on_delete=models.PROTECT, related_name="runs")
    kind = models.CharField(_("kind"), max_length=8, choices=RunKind.choices)
    started_by = models.CharField(_("started by"), max_length=254, blank=True)
    """An e-mail address or the name of an API key; empty for the schedule."""
    phase = models.CharField(_("phase"), max_length=8, choices=RunPhase.choices, default=RunPhase.READING)
    state = models.CharField(_("state"), max_length=9, choices=RunState.choices, default=RunState.RUNNING)
    error = models.TextField(_("error"), blank=True)
    progress = models.JSONField(_("progress"), default=dict, blank=True)
    """read_a, read_b (records), planned (operations), done, refused, linked, created, changed, cleared."""
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=254, blank=True, default="", db_default="")
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    """Of a preview: when a person said which of its operations are carried out."""
    preview = models.OneToOneField(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="carried_out_by"
    )
    """The decided preview that this run carries out."""

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        constraints = [
            models.UniqueConstraint(
                fields=["sync"],
                condition=Q(state="running") & ~Q(kind__in=["preview", "undo"]),
                name="one_running_run_a_sync",
            ),
            models.UniqueConstraint(
                fields=["sync"], condition=Q(state="running", kind="preview"), name="one_running_preview_a_sync"
            ),
        ]
        indexes = [models.Index(fields=["sync"], condition=Q(state="running"), name="run_under_way")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.started_at:%Y-%m-%d %H:%M}"


class OperationState(models.TextChoices):
    PLANNED = "planned", _("Planned")
    SENDING = "sending", _("Sending")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Refused")
    SUPERSEDED = "superseded", _("Planned again")
    HELD = "held", _("Held")
    DECLINED = "declined", _("Declined")
    UNDONE = "undone", _("Undone")


class Hold(models.TextChoices):
    """What a held operation waits for."""

    PREVIEW = "preview", _("Preview")
    BRAKE = "brake", _("Brake")


LINK_CHANGE = "link"
"""Kind of an operation that writes to no app: two records are to be linked (`WriteKind` has the others)."""
OPEN = (OperationState.PLANNED, OperationState.SENDING, OperationState.HELD)


class Operation(models.Model):
    """One create, update, archive or delete of one record on one side; in a preview a new link, too.

    Those of a preview name their records by value and have no link: it may be one that is only to come.
    """

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="operations", db_index=False)
    link = models.ForeignKey(RecordLink, on_delete=models.CASCADE, null=True, blank=True, related_name="operations")
    a_id = models.CharField(_("id on side A"), max_length=500, null=True, blank=True)
    b_id = models.CharField(_("id on side B"), max_length=500, null=True, blank=True)
    """Only of a preview's."""
    label = models.CharField(_("name"), max_length=255, blank=True, default="", db_default="")
    side = models.CharField(_("side"), max_length=1)
    kind = models.CharField(_("kind"), max_length=8)
    remote_id = models.CharField(_("record"), max_length=500, null=True, blank=True)
    changes = models.JSONField(_("changes"), default=list)
    """List of {field, before, after, mapping, rule, reason}."""
    strands = models.JSONField(default=dict)
    """Strand → {a, b, carries, base_a, base_b}: what it was planned from (`core.plan.Planned`)."""
    seen_a = models.CharField(max_length=12, blank=True)
    seen_b = models.CharField(max_length=12, blank=True)
    """Fingerprints of both records when it was planned; moved ones are planned again (rule 3.9)."""
    seen_seq = models.BigIntegerField(default=0)
    """For a creation: changes of the target stream known when it was planned."""
    key = models.UUIDField(unique=True)
    """Idempotency key or stamp of a creation: the same however often it is sent (rule 10.4)."""
    state = models.CharField(_("state"), max_length=10, choices=OperationState.choices, default=OperationState.PLANNED)
    hold = models.CharField(_("held for"), max_length=8, choices=Hold.choices, blank=True, default="", db_default="")
    clears = models.PositiveSmallIntegerField(_("values cleared"), default=0, db_default=0)
    decided_by = models.CharField(_("decided by"), max_length=254, blank=True, default="", db_default="")
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    """When a person let it go, or declined it. An operation that was let go is not braked again."""
    undoes = models.JSONField(default=list, blank=True)
    """Ids of the operations that this one takes back (rule 11.2); empty for all others."""
    error = models.CharField(_("class"), max_length=20, blank=True)
    message = models.TextField(_("the app's answer"), blank=True)
    epoch = models.BigIntegerField(default=0)
    """Of the lease under which it was sent."""
    deadline = models.DateTimeField(null=True, blank=True)
    """When a request that was sent can take effect no more; of one that is done, when what the app holds shows for
    certain, where its answer did not tell (`run.settling`)."""
    planned_at = models.DateTimeField(_("planned"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("operation")
        verbose_name_plural = _("operations")
        constraints = [
            models.UniqueConstraint(
                fields=["link", "side"],
                condition=Q(state__in=["planned", "sending", "held"]) & ~Q(hold="preview"),
                name="one_open_operation_a_side",
            )
        ]
        indexes = [
            models.Index(fields=["run", "state", "side", "kind", "id"], name="operation_queue"),
            models.Index(fields=["run", "-ended_at"], name="operation_journal"),
            models.Index(fields=["run", "a_id"], condition=Q(hold="preview"), name="operation_preview_a"),
            models.Index(fields=["run", "b_id"], condition=Q(hold="preview"), name="operation_preview_b"),
            GinIndex(
                fields=["changes"], opclasses=["jsonb_path_ops"], condition=Q(hold="preview"), name="operation_preview"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.side} {self.remote_id or ''}"


class Untouched(models.Model):
    """Records for which a preview plans nothing, since they are left out or failing (rule 11.1).

    One row for each cause in a chunk, not one for each record: there may be as many of them as records.
    """

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="untouched")
    state = models.CharField(_("state"), max_length=8)
    cause = models.CharField(_("cause"), max_length=20)
    records = models.JSONField(_("records"))
    """List of {a, b, label, detail, candidates}: ids on both sides, None where there is no such end."""

    class Meta:
        verbose_name = _("untouched records")
        verbose_name_plural = _("untouched records")
        indexes = [models.Index(fields=["run", "state", "cause", "id"], name="untouched_cause")]

    def __str__(self) -> str:
        return f"{self.state} {self.cause}"
