"""What an account offers, and what a person says that it means."""

import pytest

from connectors import accounts
from connectors.accounts import AccountError
from connectors.contract import FieldMeaning, FieldType, Kind, Retry
from connectors.models import AccountAction
from connectors.testing.memory import contacts
from tests.apps_in_memory import ACTOR

pytestmark = pytest.mark.usefixtures("in_workspace")


@pytest.fixture
def table(apps):
    return apps.connect_tables().objects_offered.get(name="customers")


def names(objects):
    return {obj.name for obj in objects}


def test_objects_are_read_anew_and_missing_ones_are_marked_and_kept(apps):
    account = apps.connect()
    first_seen = account.objects_offered.get(name="contacts").seen_at
    gone = apps.acme.objects.pop("companies")
    apps.acme.offer(contacts(name="vendors", label="Vendors"))
    assert names(accounts.refresh_objects(account)) == {"contacts", "vendors"}
    assert names(account.objects_offered.filter(missing=True)) == {"companies"}
    assert account.objects_offered.get(name="contacts").seen_at > first_seen
    apps.acme.offer(gone)
    assert names(accounts.refresh_objects(account)) == {"contacts", "companies", "vendors"}


def test_a_failed_read_marks_nothing_as_missing(apps):
    account = apps.connect()
    apps.acme.fail_next("resources", Retry("timed out"))
    with pytest.raises(Retry):
        accounts.refresh_objects(account)
    assert not account.objects_offered.filter(missing=True).exists()


def test_a_snapshot_is_what_the_account_described(apps):
    account = apps.connect()
    stored = account.objects_offered.get(name="contacts")
    assert accounts.snapshot_of(stored) == accounts.resource_of(stored) == apps.acme["contacts"].resource
    assert stored.kind is Kind.CONTACT


def test_a_person_says_what_a_table_is_and_its_columns_stand_for(table):
    assert (table.kind, table.proposed_kind) == (None, Kind.CONTACT)
    said = {
        "mail_addr": FieldMeaning(canonical="email", type=FieldType.EMAIL),
        "full_name": FieldMeaning(canonical=""),
    }
    accounts.set_meaning(table, kind=Kind.LEAD, fields=said, actor=ACTOR)
    table.refresh_from_db()
    resource = accounts.resource_of(table)
    assert (resource.kind, table.kind) == (Kind.LEAD, Kind.LEAD)
    assert (resource.field("mail_addr").canonical, resource.field("mail_addr").type) == ("email", FieldType.EMAIL)
    assert resource.field("full_name").canonical is None
    event = table.account.events.first()
    assert (event.action, event.actor, event.detail) == (AccountAction.MEANING, ACTOR, "customers: lead")


def test_what_a_person_said_outlives_a_new_description(apps, table):
    accounts.set_meaning(table, kind=Kind.CONTACT, fields={"mail_addr": FieldMeaning("email")}, actor=ACTOR)
    accounts.refresh_objects(table.account)
    table.refresh_from_db()
    assert table.kind is Kind.CONTACT
    assert accounts.resource_of(table).field("mail_addr").canonical == "email"


def test_only_what_differs_from_the_proposal_is_kept(table):
    as_proposed = {
        "full_name": FieldMeaning("full_name", FieldType.TEXT),
        "mail_addr": FieldMeaning("", FieldType.TEXT),
    }
    accounts.set_meaning(table, kind=None, fields=as_proposed, actor=ACTOR)
    assert table.meaning == {}


@pytest.mark.parametrize(
    ("kind", "fields", "at"),
    [
        (None, {"nonsense": FieldMeaning("email")}, "nonsense"),
        (None, {"mail_addr": FieldMeaning("nonsense")}, "mail_addr"),
        (None, {"mail_addr": FieldMeaning(type=FieldType.MONEY)}, "mail_addr"),
        (None, {"stage": FieldMeaning(type=FieldType.TEXT)}, "stage"),
        (None, {"id": FieldMeaning(type=FieldType.TEXT)}, "id"),
    ],
)
def test_nonsense_is_refused_at_its_field(table, kind, fields, at):
    with pytest.raises(AccountError) as caught:
        accounts.set_meaning(table, kind=kind, fields=fields, actor=ACTOR)
    assert set(caught.value.errors) == {at}
    table.refresh_from_db()
    assert table.meaning == {}


def test_the_app_knows_better_what_its_own_objects_are(apps):
    stored = apps.connect().objects_offered.get(name="contacts")
    with pytest.raises(AccountError) as caught:
        accounts.set_meaning(stored, kind=Kind.COMPANY, fields={}, actor=ACTOR)
    assert set(caught.value.errors) == {"kind"}
    accounts.set_meaning(stored, kind=Kind.CONTACT, fields={}, actor=ACTOR)
    assert stored.meaning == {}


def test_a_meaning_of_a_column_that_is_gone_does_no_harm(apps, table):
    accounts.set_meaning(table, kind=None, fields={"mail_addr": FieldMeaning("email")}, actor=ACTOR)
    apps.tables.objects["customers"] = contacts(name="customers")
    (refreshed,) = accounts.refresh_objects(table.account)
    assert accounts.resource_of(refreshed).field("mail_addr") is None
    assert accounts.meaning_of(refreshed).fields == {"mail_addr": FieldMeaning("email")}
