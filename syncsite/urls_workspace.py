"""The pages and the API of a workspace, below /w/<slug>/ or on a host of its own."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from tenants.admin_sites import workspace_admin_site

api = [
    path("", include("connectors.api.urls")),
    path("", include("syncengine.api.urls")),
    path("schema", SpectacularAPIView.as_view(), name="api_schema"),
]

urlpatterns = [
    path("", include("syncengine.web.urls")),
    path("", include("connectors.web.urls")),
    path("settings/", include("tenants.web.urls_workspace")),
    path("api/v1/", include(api)),
    path("staff/", workspace_admin_site.urls),
]

handler404 = "tenants.web.errors.not_found"
