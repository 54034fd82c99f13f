"""What there is to connect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from tenants.access import member_required

from .. import registry
from ..accounts import resource_of
from ..contract import Manifest
from ..labels import kind_label
from ..models import AccountState, ConnectedAccount


@dataclass(frozen=True, slots=True)
class Card:
    """One app of the marketplace."""

    manifest: Manifest
    connected: int
    """Accounts of this workspace."""

    @property
    def kinds(self) -> list[str]:
        return [kind_label(kind) for kind in self.manifest.kinds]

    def answers(self, words: Sequence[str]) -> bool:
        """Whether each of the words, in lower case, stands somewhere on the card."""
        facts = self.manifest
        text = " ".join((facts.label, facts.name, facts.category, facts.summary, *self.kinds)).casefold()
        return all(word in text for word in words)


@member_required
def marketplace(request: HttpRequest) -> HttpResponse:
    """All apps, or those that a search finds; the list alone where htmx asks."""
    query = request.GET.get("q", "").strip()[:100]
    cards = [card for card in _cards() if card.answers(query.casefold().split())]
    broken = registry.catalogue().broken if request.membership.is_admin else ()
    context = {"cards": cards, "query": query, "broken": broken}
    template = "connectors/_apps.html" if request.htmx and not request.htmx.boosted else "connectors/marketplace.html"
    return render(request, template, context)


@member_required
def app(request: HttpRequest, name: str) -> HttpResponse:
    """What an app does, what it needs, and the accounts of it."""
    manifest = manifest_or_404(name)
    accounts = list(ConnectedAccount.objects.filter(app=name))
    shown = next(iter(accounts), None)
    offered = shown.objects_offered.filter(missing=False) if shown else ()
    context = {
        "manifest": manifest,
        "kinds": [kind_label(kind) for kind in manifest.kinds],
        "accounts": accounts,
        "shown": shown,
        "offered": [(obj, resource_of(obj)) for obj in offered],
    }
    return render(request, "connectors/app.html", context)


def manifest_or_404(name: str) -> Manifest:
    try:
        return registry.connector(name).manifest
    except registry.UnknownApp as error:
        raise Http404 from error


def _cards() -> list[Card]:
    live = ConnectedAccount.objects.exclude(state=AccountState.DISCONNECTED).order_by()
    counts = dict(live.values_list("app").annotate(count=Count("pk")))
    return [
        Card(manifest=connector.manifest, connected=counts.get(name, 0))
        for name, connector in registry.catalogue().apps.items()
    ]
