"""Connected accounts: connect, reconnect, disconnect, rename, home, and what each of them refuses."""

import logging

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from connectors import accounts
from connectors.accounts import AccountError, AlreadyConnected, AnotherAccount, SettingsRefused
from connectors.contract import ConnectorBroken, PermissionLost, RateLimited, Retry, SettingsInvalid, SignInAgain
from connectors.models import AccountAction, AccountEvent, AccountState, ConnectedAccount, RateBudget
from tests.apps_in_memory import ACTOR

pytestmark = pytest.mark.usefixtures("in_workspace")

PASSWORD = "open sesame"


def actions(account):
    return [event.action for event in account.events.order_by("pk")]


# --- connect


def test_connecting_keeps_identity_settings_and_objects_and_seals_the_secrets(apps):
    account = apps.connect()
    account.refresh_from_db()
    assert (account.app, account.remote_id, account.name, account.label) == ("people", "acme", "Acme Inc.", "Acme Inc.")
    assert (account.state, account.is_home, account.created_by) == (AccountState.OK, False, ACTOR)
    assert account.settings == {"account": "acme"}
    assert account.secrets and PASSWORD not in account.secrets
    assert account.checked_at is not None
    assert set(account.objects_offered.values_list("name", flat=True)) == {"contacts", "companies"}
    assert actions(account) == [AccountAction.CONNECTED] and account.events.get().actor == ACTOR


def test_what_does_not_work_is_not_kept(apps):
    with pytest.raises(SettingsRefused) as caught:
        apps.connect(password="wrong")
    assert caught.value.errors == {"": "The app does not accept these credentials. Wrong password."}
    assert not ConnectedAccount.objects.exists()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Retry("timed out"), "could not be reached; try again later. timed out"),
        (RateLimited("429"), "no more requests at the moment"),
        (PermissionLost("forbidden"), "may not do what is needed. forbidden"),
        (ConnectorBroken("<html>"), "perhaps it is not this app"),
        (ZeroDivisionError("oops"), "The connector itself failed"),
    ],
)
@pytest.mark.parametrize("method", ["identify", "resources"])
def test_every_failure_is_told_in_plain_words_and_nothing_is_kept(apps, error, words, method):
    apps.acme.fail_next(method, error)
    with pytest.raises(SettingsRefused) as caught:
        apps.connect()
    assert words in caught.value.errors[""]
    assert not ConnectedAccount.objects.exists()


def test_errors_stand_at_their_fields(apps):
    with pytest.raises(SettingsRefused) as caught:
        accounts.connect(app="people", name="", values={"account": "", "odd": "x"}, actor=ACTOR)
    assert set(caught.value.errors) == {"account", "password", "odd"}
    with pytest.raises(SettingsRefused) as caught:
        apps.connect("nobody")
    assert caught.value.errors == {"account": "There is no such account."}


def test_testing_settings_keeps_nothing(apps):
    identity = accounts.test_settings("people", {"account": "acme", "password": PASSWORD})
    assert (identity.id, identity.label) == ("acme", "Acme Inc.")
    assert not ConnectedAccount.objects.exists()


def test_several_accounts_of_one_app(apps):
    first, second = apps.connect("acme"), apps.connect("globex")
    assert {first.remote_id, second.remote_id} == {"acme", "globex"}
    assert first.secrets != second.secrets


def test_the_same_remote_account_twice_is_refused_with_the_way_out(apps):
    first = apps.connect(name="Main")
    with pytest.raises(AlreadyConnected) as caught:
        apps.connect(name="Second")
    assert caught.value.account == first
    assert "“Main”" in str(caught.value) and "Reconnect" in str(caught.value)
    with pytest.raises(IntegrityError), transaction.atomic():
        ConnectedAccount.objects.create(app="people", remote_id="acme", name="x")


def test_somebody_else_connected_it_while_the_app_was_asked(apps, monkeypatch):
    """The unique constraint decides; the loser is told as if it had come later."""
    client_type = type(apps.people.connect({"account": "acme", "password": PASSWORD}, None))
    ask = client_type.resources

    def meanwhile(self):
        ConnectedAccount.objects.get_or_create(app="people", remote_id="acme", defaults={"name": "Quicker"})
        return ask(self)

    monkeypatch.setattr(client_type, "resources", meanwhile)
    with pytest.raises(AlreadyConnected) as caught:
        apps.connect()
    assert caught.value.account.name == "Quicker"


def test_names_are_tidy_and_differ(apps):
    assert apps.connect(name="  Our   CRM ").name == "Our CRM"
    with pytest.raises(AccountError) as caught:
        apps.connect("globex", name="our crm")
    assert set(caught.value.errors) == {"name"} and not isinstance(caught.value, SettingsRefused)
    with pytest.raises(AccountError, match="120"):
        apps.connect("globex", name="x" * 121)
    apps.globex.identity = apps.globex.identity.__class__(id="globex", label="OUR CRM")
    assert apps.connect("globex").name == "OUR CRM 2"


def test_an_app_that_does_not_say_who_it_is(apps):
    apps.acme.identity = apps.acme.identity.__class__(id="", label="?")
    with pytest.raises(SettingsRefused, match="did not say which account"):
        apps.connect()


def test_an_app_that_names_an_object_twice_is_not_connected(apps, monkeypatch):
    doubled = tuple(one.resource for one in apps.acme.objects.values()) * 2
    monkeypatch.setattr("connectors.testing.memory.MemoryClient.resources", lambda self: doubled)
    with pytest.raises(ConnectorBroken, match="twice"):
        apps.connect()
    assert not ConnectedAccount.objects.exists()


# --- reconnect, check


def test_reconnecting_keeps_the_account_and_takes_the_new_credentials(apps):
    account = apps.connect()
    apps.acme.password = "new one"
    accounts.mark_state(account, AccountState.SIGN_IN, "expired")
    accounts.reconnect(account, values={"account": "acme", "password": "new one"}, actor=ACTOR)
    account.refresh_from_db()
    assert (account.state, account.state_reason) == (AccountState.OK, "")
    assert ConnectedAccount.objects.count() == 1
    with accounts.open_client(account) as client:
        assert client.identify().id == "acme"
    assert AccountAction.RECONNECTED in actions(account)


def test_reconnecting_to_another_remote_account_is_refused(apps):
    account = apps.connect(name="Ours")
    before = account.secrets
    with pytest.raises(AnotherAccount) as caught:
        accounts.reconnect(account, values={"account": "globex", "password": PASSWORD}, actor=ACTOR)
    assert "“Globex”" in str(caught.value) and "“Ours”" in str(caught.value)
    account.refresh_from_db()
    assert (account.settings, account.secrets) == ({"account": "acme"}, before)


def test_a_blank_secret_stays_as_long_as_nothing_else_changes(apps):
    account = apps.connect_tables()
    accounts.reconnect(account, values={"account": "sales", "password": "", "schema": ""}, actor=ACTOR)
    with pytest.raises(SettingsRefused) as caught:
        accounts.reconnect(account, values={"password": "", "schema": "public"}, actor=ACTOR)
    assert set(caught.value.errors) == {"password"}
    accounts.reconnect(account, values={"password": PASSWORD, "schema": "public"}, actor=ACTOR)
    account.refresh_from_db()
    assert account.settings == {"account": "sales", "schema": "public"}


def test_a_failed_reconnect_changes_nothing(apps):
    account = apps.connect()
    before = (account.secrets, account.state)
    with pytest.raises(SettingsRefused):
        accounts.reconnect(account, values={"password": "wrong"}, actor=ACTOR)
    account.refresh_from_db()
    assert (account.secrets, account.state) == before


def test_checking_makes_well_again_and_reads_objects_anew(apps):
    account = apps.connect()
    accounts.mark_state(account, AccountState.PERMISSION, "forbidden")
    del apps.acme.objects["companies"]
    accounts.check(account, actor=ACTOR)
    account.refresh_from_db()
    assert account.state == AccountState.OK
    assert account.objects_offered.get(name="companies").missing
    apps.acme.password = "changed"
    with pytest.raises(SettingsRefused, match="does not accept"):
        accounts.check(account, actor=ACTOR)
    account.refresh_from_db()
    assert (account.state, account.state_reason) == (AccountState.SIGN_IN, "Wrong password.")


def test_checking_notices_that_the_settings_lead_elsewhere_now(apps):
    account = apps.connect()
    apps.people.apps["acme"] = apps.globex
    with pytest.raises(AnotherAccount):
        accounts.check(account, actor=ACTOR)
    account.refresh_from_db()
    assert account.state == AccountState.SIGN_IN and "Globex" in account.state_reason


# --- disconnect, rename, home


def test_disconnecting_forgets_the_credentials_and_keeps_the_rest(apps):
    account = apps.connect()
    RateBudget.objects.create(account=account, used_until=timezone.now())
    accounts.disconnect(account, actor=ACTOR)
    account.refresh_from_db()
    assert (account.secrets, account.state) == ("", AccountState.DISCONNECTED)
    assert account.objects_offered.count() == 2 and not RateBudget.objects.exists()
    with pytest.raises(SignInAgain, match="disconnected"), accounts.open_client(account):
        pytest.fail("there is nothing to open")
    with pytest.raises(SettingsRefused) as caught:
        accounts.reconnect(account, values={}, actor=ACTOR)
    assert set(caught.value.errors) == {"password"}
    accounts.reconnect(account, values={"password": PASSWORD}, actor=ACTOR)
    account.refresh_from_db()
    assert account.state == AccountState.OK and ConnectedAccount.objects.count() == 1


def test_renaming(apps):
    account, other = apps.connect(name="One"), apps.connect("globex", name="Two")
    accounts.rename(account, name=" Uno ", actor=ACTOR)
    accounts.rename(account, name="UNO", actor=ACTOR)
    for wrong in ("two", " "):
        with pytest.raises(AccountError) as caught:
            accounts.rename(account, name=wrong, actor=ACTOR)
        assert set(caught.value.errors) == {"name"}
    account.refresh_from_db()
    assert account.name == "UNO" and other.name == "Two"
    assert [e.detail for e in account.events.filter(action=AccountAction.RENAMED).order_by("pk")] == [
        "One → Uno",
        "Uno → UNO",
    ]


def test_one_home_account(apps):
    first, second = apps.connect(), apps.connect("globex")
    accounts.set_home(first, actor=ACTOR)
    accounts.set_home(second, actor=ACTOR)
    accounts.set_home(second, actor=ACTOR)
    assert ConnectedAccount.objects.get(is_home=True) == second
    assert AccountEvent.objects.filter(action=AccountAction.HOME).count() == 2
    accounts.disconnect(first, actor=ACTOR)
    with pytest.raises(AccountError, match="disconnected"):
        accounts.set_home(first, actor=ACTOR)
    with pytest.raises(IntegrityError), transaction.atomic():
        ConnectedAccount.objects.update(is_home=True)


# --- clients


def test_a_client_is_signed_in_and_closed(apps):
    account = apps.connect()
    with accounts.open_client(account) as client:
        assert client.identify().id == "acme" and not client.closed
    assert client.closed
    with pytest.raises(KeyError), accounts.open_client(account) as client:
        raise KeyError
    assert client.closed


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (SignInAgain("expired"), AccountState.SIGN_IN),
        (SettingsInvalid({"account": "gone"}), AccountState.SIGN_IN),
        (PermissionLost("forbidden"), AccountState.PERMISSION),
        (Retry("later"), AccountState.OK),
        (RateLimited("slowly"), AccountState.OK),
        (ConnectorBroken("odd"), AccountState.OK),
    ],
)
def test_what_a_person_has_to_do_is_noted_on_the_account(apps, error, state):
    account = apps.connect()
    apps.acme.fail_next("identify", error)
    with pytest.raises(type(error)), accounts.open_client(account) as client:
        client.identify()
    account.refresh_from_db()
    assert account.state == state
    assert account.state_reason == ("" if state == AccountState.OK else str(error))
    assert (AccountAction.STATE in actions(account)) == (state != AccountState.OK)


def test_a_worker_with_old_credentials_does_not_spoil_new_ones(apps):
    account = apps.connect()
    stale = ConnectedAccount.objects.get(pk=account.pk)
    apps.acme.password = "new one"
    accounts.reconnect(account, values={"password": "new one"}, actor=ACTOR)
    with pytest.raises(SignInAgain), accounts.open_client(stale) as client:
        client.identify()
    account.refresh_from_db()
    assert account.state == AccountState.OK


def test_an_account_whose_app_is_not_installed_any_more(apps):
    account = apps.connect()
    account.app = "gone"
    with pytest.raises(ConnectorBroken, match="not installed"), accounts.open_client(account):
        pytest.fail("there is no connector")
    assert account.manifest is None and account.app_label == "gone"


def test_an_app_is_never_asked_inside_a_transaction(apps):
    account = apps.connect()
    values = {"account": "acme", "password": PASSWORD}
    calls = apps.acme.calls.total()
    for ask in (
        lambda: accounts.open_client(account).__enter__(),
        lambda: accounts.test_settings("people", values),
        lambda: apps.connect(),
        lambda: accounts.reconnect(account, values=values, actor=ACTOR),
        lambda: accounts.refresh_objects(account),
        lambda: accounts.check(account),
    ):
        with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
            ask()
    assert apps.acme.calls.total() == calls


# --- secrets


def test_secrets_show_nowhere(apps, caplog):
    secret = "canary-7f3a/and more"
    apps.acme.password = secret
    account = apps.connect(password=secret)
    apps.acme.fail_next("identify", SignInAgain(f"401 for https://u:{secret}@host"))
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(SignInAgain) as caught, accounts.open_client(account) as client:
            client.identify()
        apps.acme.fail_next("resources", ZeroDivisionError(f"bad token {secret}"))
        with pytest.raises(SettingsRefused) as told:
            accounts.check(account)
    account.refresh_from_db()
    shown = [str(caught.value), str(told.value), repr(account), str(vars(account)), caplog.text]
    shown += [str(vars(event)) for event in account.events.all()]
    assert "canary" not in " ".join(shown)
    assert "The connector people failed" in caplog.text and "ZeroDivisionError" in caplog.text


def test_swapped_secrets_do_not_open(apps):
    one, two = apps.connect("acme"), apps.connect("globex")
    one.secrets, two.secrets = two.secrets, one.secrets
    for account in (one, two):
        account.save()
        with pytest.raises(SignInAgain, match="cannot be opened"), accounts.open_client(account):
            pytest.fail("it must not open")
        assert ConnectedAccount.objects.get(pk=account.pk).state == AccountState.SIGN_IN
