"""The marketplace: who sees it, what it shows, and the search."""

from importlib.metadata import EntryPoint

import pytest

from connectors import registry
from connectors.testing.memory import MemoryConnector
from tests.apps_in_memory import ACTOR

HOSTILE = "<img src=x onerror=alert(1)>\"'&"


def labels(response):
    return [card.manifest.name for card in response.context["cards"]]


@pytest.fixture
def pages(apps, url):
    return [url("marketplace"), url("app", "people"), url("accounts")]


def test_members_look_and_strangers_do_not(pages, viewer_client, stranger_client, client):
    for page in pages:
        assert viewer_client.get(page).status_code == 200
        assert stranger_client.get(page).status_code == 404
        assert client.get(page).status_code == 302


def test_all_apps_are_shown_with_what_is_connected(apps, url, viewer_client):
    apps.connect()
    apps.connect("globex")
    response = viewer_client.get(url("marketplace"))
    assert {"people", "tables"} <= set(labels(response))
    page = response.content.decode()
    assert "An address book." in page and "2 connected" in page and "Contacts" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [("PEOP", {"people"}), ("rows", {"tables"}), ("databases tab", {"tables"}), ("address contacts", {"people"})],
)
def test_the_search_looks_at_every_fact_of_the_card(apps, url, viewer_client, query, found):
    response = viewer_client.get(url("marketplace"), {"q": query})
    assert set(labels(response)) & {"people", "tables"} == found
    assert response.templates[0].name == "connectors/marketplace.html"


def test_the_search_sends_the_list_alone_to_htmx(apps, url, viewer_client):
    response = viewer_client.get(url("marketplace"), {"q": "people"}, headers={"hx-request": "true"})
    page = response.content.decode()
    assert "People" in page and "<html" not in page


def test_a_search_without_a_find_says_so(apps, url, viewer_client):
    page = viewer_client.get(url("marketplace"), {"q": HOSTILE}).content.decode()
    assert "No app found" in page and "<img src=x" not in page


def test_broken_plugins_are_told_to_admins(url, admin_client, viewer_client, monkeypatch):
    point = EntryPoint(name="acme", value="nowhere_at_all:connector", group=registry.GROUP)
    monkeypatch.setattr(registry, "_catalogue", registry.load([point]))
    reason = "No module named &#x27;nowhere_at_all&#x27;"
    assert reason in admin_client.get(url("marketplace")).content.decode()
    assert reason not in viewer_client.get(url("marketplace")).content.decode()


def test_an_apps_page_says_what_it_does_and_needs(apps, url, admin_client, viewer_client):
    page = admin_client.get(url("app", "people")).content.decode()
    for text in ("For everybody.", "Pictures are left alone.", "Password", url("app_connect", "people")):
        assert text in page
    assert url("app_connect", "people") not in viewer_client.get(url("app", "people")).content.decode()
    assert admin_client.get(url("app", "nonsense")).status_code == 404


def test_an_apps_page_shows_what_fields_stand_for_once_connected(apps, url, viewer_client):
    account = apps.connect(name="Ours")
    page = viewer_client.get(url("app", "people")).content.decode()
    assert "E-mail address" in page and "Job title" in page and url("account", account.pk) in page


def test_an_apps_own_words_are_never_markup(url, admin_client):
    odd = MemoryConnector(
        name="odd",
        label=HOSTILE,
        summary=HOSTILE,
        description=HOSTILE,
        category=HOSTILE,
        limits=(HOSTILE,),
        icon=HOSTILE,
    )
    with registry.installed(odd):
        for page in (url("marketplace"), url("app", "odd"), url("app_connect", "odd")):
            response = admin_client.get(page)
            assert response.status_code == 200
            assert "<img src=x" not in response.content.decode()


def test_nobody_connected_anything(apps, url, admin_client):
    assert "Nothing is connected yet" in admin_client.get(url("accounts")).content.decode()
    assert ACTOR not in admin_client.get(url("accounts")).content.decode()
