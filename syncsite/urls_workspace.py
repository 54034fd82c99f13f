"""The pages and the API of a workspace, below /w/<slug>/ or on a host of its own."""

import logging
from importlib import import_module

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from tenants.admin_sites import workspace_admin_site


def there(*modules: str) -> list[URLPattern | URLResolver]:
    """Those of these URLconfs that exist."""
    found = []
    for module in modules:
        try:
            import_module(module)
        except ImportError as error:
            logging.getLogger(__name__).warning("%s is left out: %s", module, error)
            continue
        found.append(path("", include(module)))
    return found


urlpatterns = [
    *there("syncengine.web.urls", "connectors.web.urls"),
    path("settings/", include("tenants.web.urls_workspace")),
    path(
        "api/v1/",
        include(
            [
                *there("connectors.api.urls", "syncengine.api.urls"),
                path("schema", SpectacularAPIView.as_view(), name="api_schema"),
            ]
        ),
    ),
    path("staff/", workspace_admin_site.urls),
]

handler404 = "tenants.web.errors.not_found"
