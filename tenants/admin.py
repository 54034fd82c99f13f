"""The whole site for staff, on the public host: workspaces and people to look after, the queue to look at."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django_q.models import Failure, OrmQ, Schedule
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from . import closing, workspaces
from .admin_sites import staff_admin
from .models import Domain, Due, Invitation, Membership, Plan, Workspace, WorkspaceAPIKey
from .redaction import redact
from .tasks import argument


class NoAdding:
    """Rows that the site makes itself."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


class LookOnly(NoAdding):
    """Rows that only the site changes."""

    def has_change_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


# --- Workspaces ---------------------------------------------------------------------------------------------


class DomainInline(TabularInline):
    model = Domain
    extra = 0


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)
    readonly_fields = ("joined_at",)


@admin.register(Workspace, site=staff_admin)
class WorkspaceAdmin(NoAdding, ModelAdmin):
    """Made by signing up; deleted one by one, with all that belongs to it, once it is suspended."""

    list_display = ("name", "slug", "plan", "people", "created_at", "suspended_at", "look")
    list_filter = ("plan", ("suspended_at", admin.EmptyFieldListFilter))
    list_select_related = ("plan",)
    search_fields = ("name", "slug", "memberships__user__email")
    fields = ("name", "slug", "schema_name", "plan", "time_zone", "country", "created_at", "suspended_at")
    readonly_fields = ("slug", "schema_name", "created_at", "suspended_at")
    inlines = (DomainInline, MembershipInline)
    actions = ("suspend", "resume")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workspace]:
        return super().get_queryset(request).annotate(member_count=Count("memberships"))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def has_delete_permission(self, request: HttpRequest, obj: Workspace | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.is_suspended)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[str], dict[str, int], set[str], list]:
        """In words: what goes is a schema, and not only the rows that the admin knows."""
        what = [
            _("All accounts, syncs, records and what is remembered of them"),
            _("Memberships, invitations and keys of the API; people themselves stay"),
        ]
        named = [f"{one.name} ({one.slug})" for one in objs]
        return [*named, *(str(line) for line in what)], {str(self.opts.verbose_name_plural): len(named)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Workspace) -> None:
        closing.delete_workspace(obj)

    @admin.display(description=_("people"), ordering="member_count")
    def people(self, workspace: Workspace) -> int:
        return workspace.member_count

    @admin.display(description=_("inside"))
    def look(self, workspace: Workspace) -> str:
        return format_html('<a href="{}staff/">{}</a>', workspace.get_absolute_url(), _("open"))

    @admin.action(description=_("Suspend the selected workspaces"), permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> None:
        self._each(request, queryset.filter(suspended_at=None), workspaces.suspend, "suspended")

    @admin.action(description=_("Resume the selected workspaces"), permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> None:
        self._each(request, queryset.exclude(suspended_at=None), workspaces.resume, "resumed")

    def _each(self, request: HttpRequest, queryset: QuerySet[Workspace], change: Any, word: str) -> None:
        changed = list(queryset)
        for workspace in changed:
            change(workspace)
            self.log_change(request, workspace, word)
        text = ngettext("%d workspace changed.", "%d workspaces changed.", len(changed)) % len(changed)
        self.message_user(request, text, messages.SUCCESS)


@admin.register(Domain, site=staff_admin)
class DomainAdmin(ModelAdmin):
    list_display = ("domain", "tenant", "is_primary")
    list_select_related = ("tenant",)
    search_fields = ("domain", "tenant__name")
    autocomplete_fields = ("tenant",)


@admin.register(Plan, site=staff_admin)
class PlanAdmin(ModelAdmin):
    list_display = ("label", "name", "entitlements")


@admin.register(WorkspaceAPIKey, site=staff_admin)
class WorkspaceAPIKeyAdmin(NoAdding, ModelAdmin):
    """To see and to revoke. What is kept of a key is a hash, and that is not shown either."""

    list_display = ("name", "workspace", "prefix", "read_only", "created", "last_used_at", "revoked")
    list_filter = ("revoked", "read_only")
    list_select_related = ("workspace",)
    search_fields = ("name", "prefix", "workspace__name")
    fields = ("name", "workspace", "prefix", "read_only", "created", "created_by", "last_used_at", "revoked")
    readonly_fields = fields[:-1]

    def get_readonly_fields(self, request: HttpRequest, obj: WorkspaceAPIKey | None = None) -> tuple[str, ...]:
        # Revoking cannot be undone.
        return self.fields if obj is not None and obj.revoked else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: WorkspaceAPIKey | None = None) -> bool:
        return False


# --- People -------------------------------------------------------------------------------------------------


class UserMembershipInline(TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("workspace",)
    readonly_fields = ("joined_at",)


class EmailAddressInline(TabularInline):
    model = EmailAddress
    extra = 0


@admin.register(User, site=staff_admin)
class PersonAdmin(UserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "is_active", "is_staff", "date_joined", "last_login")
    search_fields = ("email", "username", "first_name", "last_name")
    ordering = ("-date_joined",)
    inlines = (UserMembershipInline, EmailAddressInline)


@admin.register(Group, site=staff_admin)
class GroupAdmin(ModelAdmin):
    search_fields = ("name",)
    filter_horizontal = ("permissions",)


@admin.register(Membership, site=staff_admin)
class MembershipAdmin(ModelAdmin):
    list_display = ("user", "workspace", "role", "joined_at")
    list_filter = ("role",)
    list_select_related = ("user", "workspace")
    search_fields = ("user__email", "workspace__name")
    autocomplete_fields = ("user", "workspace")
    readonly_fields = ("joined_at",)


@admin.register(Invitation, site=staff_admin)
class InvitationAdmin(NoAdding, ModelAdmin):
    """To see and to withdraw (delete)."""

    list_display = ("email", "workspace", "role", "invited_by", "created_at", "expires_at", "accepted_at")
    list_filter = ("role", ("accepted_at", admin.EmptyFieldListFilter))
    list_select_related = ("workspace", "invited_by")
    search_fields = ("email", "workspace__name")

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False


# --- Work ---------------------------------------------------------------------------------------------------


@admin.register(Due, site=staff_admin)
class DueAdmin(LookOnly, ModelAdmin):
    list_display = ("workspace", "kind", "target", "at", "claimed_until", "wanted_at", "is_long")
    list_filter = ("kind",)
    list_select_related = ("workspace",)
    search_fields = ("workspace__name",)
    ordering = ("at",)


class QueueAdmin(NoAdding, ModelAdmin):
    """What the site has put on the queue. A row may be thrown away: what is due comes back by itself."""

    def has_change_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


@admin.register(OrmQ, site=staff_admin)
class QueuedAdmin(QueueAdmin):
    list_display = ("id", "work", "workspace", "ids", "key", "lock")
    fields = list_display
    ordering = ("id",)

    @admin.display(description=_("work"))
    def work(self, row: OrmQ) -> str:
        return argument(_call(row), 1)

    @admin.display(description=_("workspace"))
    def workspace(self, row: OrmQ) -> str:
        return argument(_call(row), 0)

    @admin.display(description=_("ids"))
    def ids(self, row: OrmQ) -> str:
        return _ids(_call(row))


@admin.register(Failure, site=staff_admin)
class FailureAdmin(QueueAdmin):
    list_display = ("work", "workspace", "started", "stopped", "attempt_count", "reason")
    fields = ("work", "workspace", "ids", "started", "stopped", "attempt_count", "details")
    search_fields = ("name",)
    ordering = ("-stopped",)

    @admin.display(description=_("work"))
    def work(self, task: Failure) -> str:
        return argument(task.args, 1) or task.func

    @admin.display(description=_("workspace"))
    def workspace(self, task: Failure) -> str:
        return argument(task.args, 0)

    @admin.display(description=_("ids"))
    def ids(self, task: Failure) -> str:
        return _ids(task.args)

    @admin.display(description=_("reason"))
    def reason(self, task: Failure) -> str:
        return redact(str(task.result)).strip().partition("\n")[0][:120]

    @admin.display(description=_("details"))
    def details(self, task: Failure) -> str:
        return redact(str(task.result))


@admin.register(Schedule, site=staff_admin)
class ScheduleAdmin(LookOnly, ModelAdmin):
    """Never by hand: one row that cannot be read stops them all."""

    list_display = ("name", "func", "schedule_type", "minutes", "next_run", "cluster")


# The arguments of a task are those of `tenants.tasks.run`: schema, dotted path, ids.


def _call(row: OrmQ) -> Any:
    return row.task.get("args")


def _ids(args: Any) -> str:
    return ", ".join(str(value) for value in args[2:]) if isinstance(args, tuple | list) else ""
