"""Connected accounts: connect, look after, reconnect. The services do the work."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from tenants.access import actor_of, admin_required, member_required

from .. import accounts as services
from ..accounts import AccountError, AlreadyConnected
from ..models import ConnectedAccount
from .forms import ConnectForm, RenameForm
from .marketplace import manifest_or_404

EVENTS_SHOWN = 10


@member_required
def accounts(request: HttpRequest) -> HttpResponse:
    """All accounts of the workspace, with their health."""
    everything = ConnectedAccount.objects.order_by("-is_home", "name")
    return render(request, "connectors/accounts.html", {"accounts": everything})


@member_required
def account(request: HttpRequest, pk: int) -> HttpResponse:
    return _account_page(request, get_object_or_404(ConnectedAccount, pk=pk))


@admin_required
def app_connect(request: HttpRequest, name: str) -> HttpResponse:
    """Ask for what the app needs; test it; keep it."""
    manifest = manifest_or_404(name)
    form = ConnectForm(request.POST or None, manifest=manifest)
    known = None
    if request.method == "POST" and form.is_valid():
        try:
            made = services.connect(
                app=name, name=form.cleaned_data["name"], values=form.values, actor=actor_of(request)
            )
        except AlreadyConnected as error:
            known = error.account
        except AccountError as error:
            form.refuse(error)
        else:
            messages.success(request, _("“%(name)s” is connected.") % {"name": made.name})
            return redirect("account", pk=made.pk)
    context = {"manifest": manifest, "form": form, "known": known}
    return render(request, "connectors/connect.html", context, status=422 if form.errors or known else 200)


@admin_required
def account_reconnect(request: HttpRequest, pk: int) -> HttpResponse:
    """The same questions again, for the same remote account."""
    account = get_object_or_404(ConnectedAccount, pk=pk)
    manifest = manifest_or_404(account.app)
    form = ConnectForm(request.POST or None, manifest=manifest, account=account)
    if request.method == "POST" and form.is_valid():
        try:
            services.reconnect(account, values=form.values, actor=actor_of(request))
        except AccountError as error:
            form.refuse(error)
        else:
            messages.success(request, _("“%(name)s” is connected again.") % {"name": account.name})
            return redirect("account", pk=account.pk)
    context = {"manifest": manifest, "form": form, "account": account}
    return render(request, "connectors/connect.html", context, status=422 if form.errors else 200)


@require_POST
@admin_required
def account_rename(request: HttpRequest, pk: int) -> HttpResponse:
    account = get_object_or_404(ConnectedAccount, pk=pk)
    form = RenameForm(request.POST)
    if form.is_valid():
        try:
            services.rename(account, name=form.cleaned_data["name"], actor=actor_of(request))
        except AccountError as error:
            form.refuse(error)
        else:
            return redirect("account", pk=account.pk)
    return _account_page(request, account, rename=form, status=422)


@require_POST
@admin_required
def account_home(request: HttpRequest, pk: int) -> HttpResponse:
    account = get_object_or_404(ConnectedAccount, pk=pk)
    try:
        services.set_home(account, actor=actor_of(request))
    except AccountError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("“%(name)s” is your main system now.") % {"name": account.name})
    return redirect("account", pk=account.pk)


@require_POST
@admin_required
def account_check(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the app again who this is and what it offers."""
    account = get_object_or_404(ConnectedAccount, pk=pk)
    try:
        services.check(account, actor=actor_of(request))
    except AccountError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The account works; what it offers was read anew."))
    return redirect("account", pk=account.pk)


def _account_page(
    request: HttpRequest, account: ConnectedAccount, *, rename: RenameForm | None = None, status: int = 200
) -> HttpResponse:
    manifest = account.manifest
    context = {
        "account": account,
        "manifest": manifest,
        "objects": account.objects_offered.order_by("missing", "label"),
        "shown_settings": _shown_settings(account),
        "events": account.events.all()[:EVENTS_SHOWN],
        "rename": rename or RenameForm(initial={"name": account.name}),
        "has_home": ConnectedAccount.objects.filter(is_home=True).exists(),
        "disconnect_url": _disconnect_url(account),
    }
    return render(request, "connectors/account.html", context, status=status)


def _shown_settings(account: ConnectedAccount) -> list[tuple[str, str]]:
    """(label, value) of what was typed to connect, secrets apart."""
    if account.manifest is None:
        return []
    return [
        (setting.label, dict(setting.choices).get(value, value))
        for setting in account.manifest.settings
        if (value := account.settings.get(setting.name))
    ]


def _disconnect_url(account: ConnectedAccount) -> str | None:
    """Disconnecting stops syncs first, which is the sync engine's page; without it there is none."""
    try:
        return reverse("account_disconnect", args=[account.pk])
    except NoReverseMatch:
        return None
