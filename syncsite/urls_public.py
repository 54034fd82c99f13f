"""The public half of the site: sign-up and log-in, the chooser between workspaces, and the staff's admin."""

from django.urls import include, path

from tenants.admin_sites import staff_admin

urlpatterns = [
    path("", include("tenants.web.urls_public")),
    path("accounts/", include("allauth.urls")),
    path("staff/", staff_admin.urls),
]

handler404 = "tenants.web.errors.not_found"
