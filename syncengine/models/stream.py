"""What an account was last seen to hold: observations, never outstanding work."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from connectors.models import AccountObject


class Stream(models.Model):
    """One object of one account, read once for all the syncs that use it. Owns the checkpoint (rule 10.3)."""

    object = models.OneToOneField(AccountObject, on_delete=models.CASCADE, related_name="stream")
    cursor = models.TextField(_("checkpoint"), blank=True)
    """The connector's own; empty before the first page of a first pass."""
    passing = models.BooleanField(_("in a pass"), default=False)
    """The cursor stands inside a pass: more pages follow."""
    listing = models.BooleanField(_("complete listing"), default=False)
    """The pass under way lists every record."""
    pass_broken = models.BooleanField(default=False)
    """The pass under way was interrupted by an error: its listing infers no deletion (rule 8.4)."""
    listed_at = models.DateTimeField(_("last complete listing"), null=True, blank=True)
    """When the last complete listing ended. Empty: never read whole, and nothing is written yet (rule 5.2)."""
    read_at = models.DateTimeField(_("last read"), null=True, blank=True)
    """When the last pass that ended well had begun."""
    read_by = models.BigIntegerField(null=True, blank=True)
    """The sync that it was last read for: the others need not read what it has just read."""
    changed_at = models.DateTimeField(_("last change"), null=True, blank=True)
    """When a read last brought something new."""
    noticed_at = models.DateTimeField(_("last notice"), null=True, blank=True)
    """When the app last told of a change by itself."""
    pass_pages = models.PositiveIntegerField(default=1, db_default=1)
    """Pages of the pass under way, else of the last one: requests that a look takes."""
    pass_seconds = models.PositiveIntegerField(default=0, db_default=0)
    """That the last pass took."""
    pace = models.JSONField(_("pace"), default=dict, blank=True)
    """A `core.pace.Pace`: how often it is looked at, and why."""
    trail = models.JSONField(default=list, blank=True)
    """Checkpoints of late, the oldest first: [[when it was taken, checkpoint], …]. Only where changes may show late
    (`Resource.lag`)."""
    settled_cursor = models.TextField(_("settled checkpoint"), blank=True)
    """Where a second pass, which trails by the lag, stands; empty outside of one."""
    settled_at = models.DateTimeField(_("last settled read"), null=True, blank=True)
    """When the last pass that trails by the lag had begun."""
    missing = models.PositiveIntegerField(default=0, db_default=0)
    """Records that a listing lacks, too many to be believed at once (`run.missing`)."""
    missing_confirmed = models.PositiveIntegerField(default=0, db_default=0)
    """A person said that so many were deleted; the next slice takes it up."""
    seq = models.BigIntegerField(default=0)
    """The highest number given to a change of this stream, in the order of commits."""
    fields_read = models.CharField(max_length=12, blank=True)
    """Fingerprint of what match keys follow from; a change of it means reading anew."""
    fields_known = models.JSONField(default=dict, blank=True)
    """Field → fingerprint of its meaning, of those that all records were read with."""
    own_keys = models.JSONField(default=list, blank=True)
    """Fields that some sync matches by (rule 5.6)."""
    company_seq = models.BigIntegerField(default=0)
    """Of persons: changes of the companies that they refer to are in their match keys up to this number (rule 5.3)."""
    records = models.PositiveIntegerField(_("records"), default=0)
    """Kept, not counted: how many are there now."""

    class Meta:
        verbose_name = _("stream")
        verbose_name_plural = _("streams")

    def __str__(self) -> str:
        return f"{self.object.account} · {self.object.label}"


class RemoteRecord(models.Model):
    """What a stream last saw of one record, whether it is linked, excluded or only indexed."""

    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="remote_records", db_index=False)
    remote_id = models.CharField(_("id in the app"), max_length=500)
    version = models.CharField(_("version"), max_length=500, null=True, blank=True)
    fingerprint = models.CharField(max_length=12)
    """Of the values; equal ones need no look."""
    values = models.JSONField(_("values"), default=dict)
    """Field → wire form; a field that is missing was not read."""
    keys = models.JSONField(_("match keys"), default=dict, blank=True)
    label = models.CharField(_("name"), max_length=255, blank=True)
    modified_at = models.CharField(_("modified, by the app's clock"), max_length=40, null=True, blank=True)
    created_at = models.CharField(_("created, by the app's clock"), max_length=40, null=True, blank=True)
    asked_at = models.DateTimeField()
    """When the read that brought these values was asked for."""
    first_seq = models.BigIntegerField()
    seq = models.BigIntegerField()
    """Number of its last change."""
    gone = models.BooleanField(_("gone"), default=False)
    gone_at = models.DateTimeField(null=True, blank=True)
    merged_into = models.CharField(max_length=500, blank=True)
    suspect = models.BooleanField(default=False, db_default=False)
    """A listing that shrank too much lacks it: neither there nor gone, until that is clear (rule 8.4)."""
    origin_sync = models.BigIntegerField(null=True, blank=True)
    """The sync that created it, if one of ours did."""
    written_at = models.DateTimeField(_("last write of ours"), null=True, blank=True)
    pristine = models.BooleanField(default=False, db_default=False)
    """We made it, and nobody else has changed it since: an undo may take it away again (rule 11.2)."""
    replaced = models.CharField(max_length=12, blank=True)
    """Fingerprint of what our last write replaced: seen again within the settling time, it is old (rule 3.7)."""

    class Meta:
        verbose_name = _("remote record")
        verbose_name_plural = _("remote records")
        constraints = [models.UniqueConstraint(fields=["stream", "remote_id"], name="remote_record_once")]
        indexes = [
            models.Index(fields=["stream", "seq"], name="remote_record_seq"),
            models.Index(fields=["stream"], condition=Q(suspect=True), name="remote_record_suspect"),
            models.Index(fields=["stream", "gone_at"], condition=Q(gone=True), name="remote_record_gone"),
        ]

    def __str__(self) -> str:
        return self.label or self.remote_id


class MatchKey(models.Model):
    """One bucket of one record: two records can only match if they share one (`core.match.blocks`)."""

    record = models.ForeignKey(RemoteRecord, on_delete=models.CASCADE, related_name="match_keys")
    stream_id = models.BigIntegerField()
    kind = models.CharField(max_length=120)
    value = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["stream_id", "kind", "value"], name="match_key_lookup")]


class DirtyRecord(models.Model):
    """A record to be read by its id at the next occasion: a webhook named it, or what was read was too old."""

    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="dirty")
    remote_id = models.CharField(max_length=500)
    not_before = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "remote_id"], name="dirty_once")]


class ListedPage(models.Model):
    """The ids of one page of a complete listing that takes several; dropped when the listing ends."""

    stream = models.ForeignKey(Stream, on_delete=models.CASCADE, related_name="listed_pages")
    ids = models.JSONField()
