"""The list of what differs between linked records, and stays so (rule 2.3)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tenants.access import member_required

from .. import queries, services
from ..differences import differences_of, differing_links
from .common import header, sync_or_404

PAGE = 50


@require_safe
@member_required
def sync_differences(request: HttpRequest, pk: int) -> HttpResponse:
    sync = sync_or_404(pk)
    page = queries.after_key(differing_links(sync), request.GET.get("after", ""), PAGE)
    rows = differences_of(sync, page.rows, services.resources_of(sync))
    return render(request, "syncengine/differences.html", header(sync, "records") | {"page": page, "rows": rows})
