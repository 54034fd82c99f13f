"""Disconnecting an account: here, because it stops syncs first."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from connectors.models import AccountState, ConnectedAccount
from tenants.access import actor_of, admin_required

from .. import queries, services


@require_http_methods(["GET", "HEAD", "POST"])
@admin_required
def account_disconnect(request: HttpRequest, pk: int) -> HttpResponse:
    """Say which syncs will stop; do it once that is confirmed."""
    account = get_object_or_404(ConnectedAccount, pk=pk)
    if account.state == AccountState.DISCONNECTED:
        return redirect("account", pk=pk)
    if "confirmed" in request.POST:
        services.disconnect_account(account, actor=actor_of(request))
        said = _("“%(name)s” is disconnected. Reconnect it to take up everything again.")
        messages.success(request, said % {"name": account.name})
        return redirect("account", pk=pk)
    overviews = queries.overviews(services.syncs_of(account))
    return render(request, "syncengine/disconnect.html", {"account": account, "overviews": overviews})
