"""Home: how everything stands, and what needs somebody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from connectors.models import AccountState, ConnectedAccount
from tenants.access import member_required

from .. import queries, words
from ..core.mapping import Side
from ..core.states import RecordState
from ..queries import Overview
from ..showing import Showing, ends_of

SYNCS_SHOWN = 30
ACCOUNTS_SHOWN = 12
CHANGES_SHOWN = 6
FIELDS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that needs somebody."""

    icon: str
    colour: str
    title: str
    text: str
    url: str
    action: str


@require_safe
@member_required
def home(request: HttpRequest) -> HttpResponse:
    accounts = queries.accounts_for_syncs()
    overviews = queries.overviews(queries.live_syncs()[:SYNCS_SHOWN])
    showing = Showing(most=FIELDS_SHOWN)
    syncs = {one.sync.pk: one.sync for one in overviews}
    done = queries.operations_done(size=CHANGES_SHOWN).rows if overviews else []
    usable = [account for account in accounts if account.state != AccountState.DISCONNECTED]
    context = {
        "accounts": accounts[:ACCOUNTS_SHOWN],
        "usable": len(usable),
        "overviews": overviews,
        "concerns": [*_of_accounts(usable), *_of_syncs(overviews)],
        "changes": [showing.operation(row, syncs[row.run.sync_id]) for row in done if row.run.sync_id in syncs],
        "totals": _totals(overviews),
    }
    return render(request, "syncengine/home.html", context)


def _totals(overviews: Iterable[Overview]) -> dict[str, int]:
    statuses = [one.status for one in overviews]
    return {
        "in_sync": sum(s.in_sync for s in statuses),
        "waiting": sum(s.waiting for s in statuses),
        "failing": sum(s.failing for s in statuses),
        "excluded": sum(s.excluded for s in statuses),
    }


def _of_accounts(accounts: Iterable[ConnectedAccount]) -> list[Concern]:
    return [
        Concern(
            icon="key-round" if account.state == AccountState.SIGN_IN else "lock",
            colour="orange",
            title=f"{account.name}: {account.get_state_display()}",
            text=account.state_reason,
            url=reverse("account", args=[account.pk]),
            action=_("Look at the account"),
        )
        for account in accounts
        if account.state != AccountState.OK
    ]


def _of_syncs(overviews: Iterable[Overview]) -> list[Concern]:
    found = []
    for one in overviews:
        ends = ends_of(one.sync)
        name = f"{ends[Side.A].name} – {ends[Side.B].name}, {ends[Side.A].object.label}"
        if one.sync.attention:
            said = words.ATTENTIONS.get(one.sync.attention, words.Words(one.sync.attention))
            text = one.sync.attention_reason or str(said.meaning)
            url = reverse("sync_detail", args=[one.sync.pk])
            found.append(Concern("triangle-alert", "orange", f"{name}: {said.title}", text, url, _("Look at the sync")))
        if one.status.failing:
            number = one.status.failing
            title = ngettext("%(n)s record is failing", "%(n)s records are failing", number) % {"n": number}
            url = f"{reverse('sync_records', args=[one.sync.pk])}?state={RecordState.FAILING}"
            found.append(Concern("circle-alert", "red", title, name, url, _("See why")))
    return found
