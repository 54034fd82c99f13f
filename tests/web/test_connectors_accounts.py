"""Pages of connected accounts: connect, look after, reconnect; changes are for admins."""

import pytest

from connectors import accounts, registry
from connectors.contract import FieldMeaning, Kind
from connectors.models import AccountState, ConnectedAccount
from connectors.testing.memory import MemoryApp, MemoryConnector, contacts
from tenants.context import workspace_context
from tests.apps_in_memory import ACTOR

HOSTILE = "<img src=x onerror=alert(1)>\"'&"
PASSWORD = "open sesame"


def settings(name="", **values):
    return {f"setting-{key}": value for key, value in values.items()} | {"name": name}


def connect(client, url, app="people", **values):
    return client.post(url("app_connect", app), settings(**values))


# --- who may


def test_viewers_look_and_admins_change(apps, url, viewer_client, stranger_client, client):
    account = apps.connect()
    table = apps.connect_tables().objects_offered.get()
    changes = {
        url("app_connect", "people"): "get",
        url("account_reconnect", account.pk): "get",
        url("account_rename", account.pk): "post",
        url("account_home", account.pk): "post",
        url("account_check", account.pk): "post",
        url("account_object", table.account_id, table.pk): "post",
    }
    for page, method in changes.items():
        assert getattr(viewer_client, method)(page).status_code == 403, page
        assert getattr(stranger_client, method)(page).status_code == 404, page
        assert getattr(client, method)(page).status_code == 302, page
    for page in (url("account", account.pk), url("account_object", table.account_id, table.pk)):
        assert viewer_client.get(page).status_code == 200
        assert stranger_client.get(page).status_code == 404
    account.refresh_from_db()
    assert not account.is_home


@pytest.mark.parametrize("name", ["account_rename", "account_home", "account_check"])
def test_a_change_is_never_a_get(apps, url, admin_client, name):
    assert admin_client.get(url(name, apps.connect().pk)).status_code == 405


def test_an_account_of_another_workspace_is_not_there(apps, url, other_workspace, admin_client):
    with workspace_context(other_workspace):
        theirs = ConnectedAccount.objects.create(pk=987654, app="people", name="Theirs", remote_id="x")
    for name in ("account", "account_reconnect"):
        assert admin_client.get(url(name, theirs.pk)).status_code == 404
    for name in ("account_rename", "account_home", "account_check"):
        assert admin_client.post(url(name, theirs.pk), {"name": "Mine"}).status_code == 404


def test_an_object_is_found_below_its_own_account_only(apps, url, admin_client):
    account, other = apps.connect(), apps.connect("globex")
    obj = account.objects_offered.first()
    assert admin_client.get(url("account_object", other.pk, obj.pk)).status_code == 404


# --- connect


def test_the_form_asks_for_what_the_app_needs(apps, url, admin_client):
    page = admin_client.get(url("app_connect", "tables")).content.decode()
    assert "Blank for all." in page and 'type="password"' in page and "Database" in page


def test_connecting_leads_to_the_account(apps, url, admin_client):
    response = connect(admin_client, url, account="acme", password=PASSWORD, name="Ours")
    account = ConnectedAccount.objects.get()
    assert (response.status_code, response.url) == (302, url("account", account.pk))
    assert (account.name, account.created_by) == ("Ours", "admin@acme.example")
    page = admin_client.get(response.url).content.decode()
    assert "“Ours” is connected." in page and "Contacts" in page
    assert "Is this your main system?" in page


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"account": "", "password": "x"}, "setting-account", "required"),
        ({"account": "acme", "password": ""}, "setting-password", "required"),
        ({"account": "nobody", "password": "x"}, "setting-account", "There is no such account."),
        ({"account": "acme", "password": "x"}, None, "does not accept these credentials"),
        ({"account": "acme", "password": PASSWORD, "name": "x" * 121}, "name", "at most 120"),
    ],
)
def test_each_error_stands_at_its_field_and_nothing_is_kept(apps, url, admin_client, values, field, sentence):
    response = connect(admin_client, url, **values)
    assert response.status_code == 422
    form = response.context["form"]
    errors = form.errors[field] if field else form.non_field_errors()
    assert sentence in str(errors) and not ConnectedAccount.objects.exists()
    assert PASSWORD not in response.content.decode(), "a secret is not sent back"


def test_a_setting_called_name_and_the_accounts_name_keep_apart(apps, url, admin_client):
    apps.connect(name="Taken")
    response = connect(admin_client, url, account="globex", password=PASSWORD, name="taken")
    assert "has this name already" in str(response.context["form"].errors["name"])


def test_an_account_that_is_there_already_is_offered_for_reconnecting(apps, url, admin_client):
    known = apps.connect(name="Ours")
    response = connect(admin_client, url, account="acme", password=PASSWORD)
    page = response.content.decode()
    assert response.status_code == 422
    assert url("account_reconnect", known.pk) in page and "You have this account already" in page


# --- look after


def test_reconnecting_shows_what_is_known_and_never_a_secret(apps, url, admin_client):
    account = apps.connect_tables()
    page = admin_client.get(url("account_reconnect", account.pk)).content.decode()
    assert 'value="sales"' in page and PASSWORD not in page and "Leave it blank" in page


def test_reconnecting(apps, url, admin_client):
    account = apps.connect()
    accounts.mark_state(account, AccountState.SIGN_IN, "expired")
    assert "expired" in admin_client.get(url("account", account.pk)).content.decode()
    page = url("account_reconnect", account.pk)
    wrong = admin_client.post(page, settings(account="globex", password=PASSWORD))
    assert wrong.status_code == 422 and "another account, “Globex”" in wrong.content.decode()
    right = admin_client.post(page, settings(account="acme", password=""))
    assert (right.status_code, right.url) == (302, url("account", account.pk))
    account.refresh_from_db()
    assert account.state == AccountState.OK


def test_renaming(apps, url, admin_client):
    account = apps.connect()
    apps.connect("globex", name="Taken")
    refused = admin_client.post(url("account_rename", account.pk), {"name": "taken"})
    assert refused.status_code == 422 and "has this name already" in refused.content.decode()
    assert admin_client.post(url("account_rename", account.pk), {"name": "Better"}).status_code == 302
    account.refresh_from_db()
    assert account.name == "Better" and account.events.first().actor == "admin@acme.example"


def test_the_home_account(apps, url, admin_client):
    account = apps.connect()
    assert admin_client.post(url("account_home", account.pk)).status_code == 302
    page = admin_client.get(url("account", account.pk)).content.decode()
    assert "Main system" in page and "Is this your main system?" not in page
    accounts.disconnect(account, actor=ACTOR)
    admin_client.post(url("account_home", account.pk))
    assert "cannot be the home account" in admin_client.get(url("accounts")).content.decode()


def test_checking_tells_how_it_went(apps, url, admin_client):
    account = apps.connect()
    page = admin_client.post(url("account_check", account.pk), follow=True).content.decode()
    assert "The account works" in page
    apps.acme.password = "changed"
    page = admin_client.post(url("account_check", account.pk), follow=True).content.decode()
    assert "Sign in again" in page and "Wrong password." in page


def test_every_state_has_its_page(apps, url, admin_client, viewer_client):
    account = apps.connect(name="Ours")
    for state in AccountState:
        accounts.mark_state(account, state, "Because of that.")
        for client in (admin_client, viewer_client):
            page = client.get(url("account", account.pk)).content.decode()
            assert str(state.label) in page
            assert "Ours" in client.get(url("accounts")).content.decode()


def test_an_account_whose_plugin_is_gone_is_still_shown(apps, url, admin_client):
    account = apps.connect(name="Ours")
    ConnectedAccount.objects.update(app="gone")
    page = admin_client.get(url("account", account.pk)).content.decode()
    assert "is not installed" in page
    assert "gone" in admin_client.get(url("accounts")).content.decode()
    assert admin_client.get(url("account_reconnect", account.pk)).status_code == 404


def test_names_from_outside_are_never_markup(url, admin_client):
    app = MemoryApp(contacts(name=HOSTILE, label=HOSTILE), identity="odd", label=HOSTILE)
    with registry.installed(MemoryConnector(app, name="odd", custom_objects=True)):
        values = {"account": "odd", "password": PASSWORD}
        account = accounts.connect(app="odd", name="", values=values, actor=HOSTILE)
        accounts.mark_state(account, AccountState.SIGN_IN, HOSTILE)
        obj = account.objects_offered.get()
        for page in (
            url("accounts"),
            url("app", "odd"),
            url("account", account.pk),
            url("account_reconnect", account.pk),
            url("account_object", account.pk, obj.pk),
        ):
            response = admin_client.get(page)
            assert response.status_code == 200 and "<img src=x" not in response.content.decode(), page


# --- objects


@pytest.fixture
def table(apps):
    return apps.connect_tables().objects_offered.get()


def test_an_object_that_the_app_knows_is_only_shown(apps, url, admin_client):
    obj = apps.connect().objects_offered.get(name="contacts")
    response = admin_client.get(url("account_object", obj.account_id, obj.pk))
    page = response.content.decode()
    assert "Job title" in page and "At most 40 characters" in page and "<select" not in page
    assert admin_client.post(url("account_object", obj.account_id, obj.pk)).status_code == 403


def test_a_table_proposes_its_kind_and_waits_for_confirmation(url, admin_client, viewer_client, table):
    assert "Contacts? Please confirm" in viewer_client.get(url("account", table.account_id)).content.decode()
    page = url("account_object", table.account_id, table.pk)
    shown = admin_client.get(page).content.decode()
    assert '<option value="contact" selected>' in shown and "Proposed from its name" in shown
    assert "<select" not in viewer_client.get(page).content.decode()


def test_saying_what_a_table_is(url, admin_client, table):
    page = url("account_object", table.account_id, table.pk)
    response = admin_client.post(
        page,
        {
            "kind": "lead",
            "canonical:full_name": "full_name",
            "canonical:mail_addr": "email",
            "type:full_name": "text",
            "type:mail_addr": "email",
            "type:id": "text",
        },
    )
    assert (response.status_code, response.url) == (302, page)
    table.refresh_from_db()
    meaning = accounts.meaning_of(table)
    assert meaning.kind is Kind.LEAD
    assert meaning.fields == {"mail_addr": FieldMeaning("email", accounts.resource_of(table).field("mail_addr").type)}
    shown = admin_client.get(page).content.decode()
    assert '<option value="email" selected>' in shown and "Leads" in shown


def test_nonsense_about_a_table_is_refused(url, admin_client, table):
    page = url("account_object", table.account_id, table.pk)
    response = admin_client.post(
        page, {"kind": "nonsense", "canonical:mail_addr": "nonsense", "type:mail_addr": "money"}
    )
    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"kind", "canonical:mail_addr", "type:mail_addr"}
    table.refresh_from_db()
    assert table.meaning == {}


def test_disconnecting_is_offered_where_it_can_be_done(apps, url, admin_client, viewer_client):
    account = apps.connect()
    page, way_out = url("account", account.pk), url("account_disconnect", account.pk)
    assert way_out in admin_client.get(page).content.decode()
    assert way_out not in viewer_client.get(page).content.decode()
    accounts.disconnect(account, actor=ACTOR)
    assert way_out not in admin_client.get(page).content.decode()
