"""One object of an account: its fields, and what a person says that they stand for."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from tenants.access import actor_of, member_required

from ..accounts import AccountError, meaning_of, resource_of, set_meaning, snapshot_of
from ..models import AccountObject
from .forms import ObjectForm


@member_required
def account_object(request: HttpRequest, pk: int, object_pk: int) -> HttpResponse:
    obj = get_object_or_404(AccountObject.objects.select_related("account"), pk=object_pk, account_id=pk)
    may_describe = request.membership.is_admin and can_be_described(obj)
    if request.method == "POST" and not may_describe:
        raise PermissionDenied
    form = None
    if may_describe:
        form = ObjectForm(request.POST or None, snapshot=snapshot_of(obj), meaning=meaning_of(obj))
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            set_meaning(obj, kind=form.chosen_kind, fields=form.meanings, actor=actor_of(request))
        except AccountError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved what “%(label)s” is.") % {"label": obj.label})
            return redirect("account_object", pk=pk, object_pk=object_pk)
    context = {
        "account": obj.account,
        "object": obj,
        "snapshot": snapshot_of(obj),
        "resource": resource_of(obj),
        "form": form,
    }
    return render(request, "connectors/object.html", context, status=422 if form and form.errors else 200)


def can_be_described(obj: AccountObject) -> bool:
    """Where the app itself does not know what the object is, or finds its objects by looking around."""
    manifest = obj.account.manifest
    return snapshot_of(obj).kind is None or bool(manifest and manifest.custom_objects)
