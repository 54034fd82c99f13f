from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TenantsConfig(AppConfig):
    """Workspaces, people and plans: the shared schema."""

    name = "tenants"
    label = "tenants"
    verbose_name = _("Workspaces")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_q.signals import pre_execute

        from . import checks, openapi  # noqa: F401  (they register themselves)

        pre_execute.connect(leave_workspace, dispatch_uid="tenants.leave_workspace")


def leave_workspace(**_kwargs: Any) -> None:
    """Every task starts in the public schema: a worker keeps its connection, and with it the last schema.

    Sets an attribute and cannot raise: an exception here would kill the worker, and bring the task back.
    """
    from django.db import connection

    connection.set_schema_to_public()
