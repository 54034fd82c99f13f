"""A workspace's accounts for staff: to look at, not to change, and without secrets."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from tenants.admin_sites import workspace_admin_site

from .models import AccountEvent, AccountObject, ConnectedAccount, RateBudget


class LookOnly:
    """Accounts are changed by the services alone, which test them and log who did what."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


class ObjectsInline(LookOnly, TabularInline):
    model = AccountObject
    fields = ("name", "label", "missing", "seen_at")
    extra = 0


class EventsInline(LookOnly, TabularInline):
    model = AccountEvent
    fields = ("at", "action", "actor", "detail")
    readonly_fields = ("at",)
    extra = 0


@admin.register(ConnectedAccount, site=workspace_admin_site)
class ConnectedAccountAdmin(LookOnly, ModelAdmin):
    list_display = ("name", "app", "label", "state", "is_home", "checked_at")
    list_filter = ("app", "state")
    search_fields = ("name", "label", "remote_id")
    exclude = ("secrets",)
    inlines = (ObjectsInline, EventsInline)


@admin.register(AccountObject, site=workspace_admin_site)
class AccountObjectAdmin(LookOnly, ModelAdmin):
    list_display = ("label", "name", "account", "missing", "seen_at")
    list_filter = ("missing", "account")
    search_fields = ("name", "label")


@admin.register(RateBudget, site=workspace_admin_site)
class RateBudgetAdmin(LookOnly, ModelAdmin):
    list_display = ("account", "used_until", "paused_until", "share", "slowed_at")
