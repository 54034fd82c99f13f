"""Two admin sites for staff: of the whole site on the public host, and of one workspace within it."""

from __future__ import annotations

from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from .urls import public_url

ADMIN_POLICY = {
    "default-src": [SELF],
    # Unfold's own scripts (Alpine) and styles need these; customers' pages do without.
    "script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:"],
    "object-src": [NONE],
    "base-uri": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
}


class StaffSite(UnfoldAdminSite):
    """For staff who have logged in as everybody does, with their second factor; a 404 for anybody else."""

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return csp_replace(ADMIN_POLICY)(super().admin_view(view, cacheable))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.user.is_authenticated:
            raise Http404
        return redirect_to_login(request.get_full_path(), public_url("account_login"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        from django.shortcuts import redirect

        return redirect(public_url("account_logout"))


staff_admin = StaffSite(name="admin")
staff_admin.site_header = _("SyncSite staff")

workspace_admin_site = StaffSite(name="workspace_admin")
workspace_admin_site.site_header = _("Workspace")
