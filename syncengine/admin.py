"""A workspace's syncs for staff: to look at, not to change. Lists are never counted beyond a bound."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from connectors.admin import LookOnly
from tenants.admin_sites import workspace_admin_site

from .models import Lease, Operation, RecordLink, RemoteRecord, SettingsVersion, Stream, Sync, SyncRun

MOST_COUNTED = 5_000


class BoundedPaginator(Paginator):
    """Counts no further than a bound: nobody turns so many pages, and a count of a million rows takes long."""

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:MOST_COUNTED].count()


class Rows(LookOnly, ModelAdmin):
    """What there may be a million of: the newest first, by key."""

    paginator = BoundedPaginator
    show_full_result_count = False
    ordering = ("-pk",)
    list_per_page = 50


class VersionsInline(LookOnly, TabularInline):
    model = SettingsVersion
    fields = ("number", "state", "created_at", "created_by")
    readonly_fields = ("created_at",)
    show_change_link = True
    extra = 0


@admin.register(Stream, site=workspace_admin_site)
class StreamAdmin(Rows):
    list_display = ("object", "records", "read_at", "listed_at", "settled_at", "passing", "missing", "pace")
    list_filter = ("passing",)
    list_select_related = ("object__account",)


@admin.register(RemoteRecord, site=workspace_admin_site)
class RemoteRecordAdmin(Rows):
    list_display = ("label", "remote_id", "stream", "modified_at", "written_at", "gone", "merged_into", "suspect")
    list_select_related = ("stream__object__account",)
    list_filter = ("stream", "gone", "suspect")
    search_fields = ("=remote_id",)


@admin.register(Sync, site=workspace_admin_site)
class SyncAdmin(Rows):
    list_display = ("pk", "pair", "state", "attention", "setbacks", "initial_done", "last_run_at", "deleted_at")
    list_display_links = ("pk", "pair")
    list_select_related = ("pair__stream_a__object__account", "pair__stream_b__object__account")
    list_filter = ("state", "attention", "initial_done")
    inlines = (VersionsInline,)


@admin.register(SettingsVersion, site=workspace_admin_site)
class SettingsVersionAdmin(Rows):
    list_display = ("sync_id", "number", "state", "created_at", "created_by")
    list_filter = ("state",)


@admin.register(RecordLink, site=workspace_admin_site)
class RecordLinkAdmin(Rows):
    list_display = (
        "__str__",
        "a_id",
        "b_id",
        "state",
        "cause",
        "decision",
        "decided_by",
        "made_by",
        "attempts",
        "next_try_at",
        "paused",
        "changed_at",
    )
    list_filter = ("state", "decision", "paused")
    search_fields = ("=a_id", "=b_id")


@admin.register(SyncRun, site=workspace_admin_site)
class SyncRunAdmin(Rows):
    list_display = ("pk", "sync_id", "kind", "state", "phase", "started_at", "finished_at", "started_by", "decided_by")
    raw_id_fields = ("preview",)
    list_filter = ("state", "kind")


@admin.register(Operation, site=workspace_admin_site)
class OperationAdmin(Rows):
    list_display = (
        "pk",
        "run_id",
        "kind",
        "side",
        "label",
        "remote_id",
        "state",
        "hold",
        "error",
        "clears",
        "decided_by",
        "decided_at",
        "planned_at",
        "sent_at",
        "ended_at",
    )
    list_filter = ("state", "hold", "kind", "side")
    search_fields = ("=remote_id",)
    raw_id_fields = ("run", "link")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("changes", "strands")


@admin.register(Lease, site=workspace_admin_site)
class LeaseAdmin(LookOnly, ModelAdmin):
    list_display = ("name", "epoch", "holder", "until")
