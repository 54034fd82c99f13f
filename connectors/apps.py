from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConnectorsConfig(AppConfig):
    """Apps to sync with, and the accounts that a workspace has signed in to."""

    name = "connectors"
    label = "connectors"
    verbose_name = _("Connected accounts")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers the system checks)
