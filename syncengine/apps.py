from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SyncEngineConfig(AppConfig):
    """Keeps the records of connected accounts in step."""

    name = "syncengine"
    label = "syncengine"
    verbose_name = _("Syncs")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers itself)
