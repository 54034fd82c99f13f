"""Two small apps in the catalogue, each with accounts that live in memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from connectors import accounts, registry
from connectors.contract import Field, FieldType, Kind, Option, Resource, Setting, SettingKind, WriteKind
from connectors.testing.memory import MemoryApp, MemoryConnector, MemoryObject, companies, contacts

ACTOR = "ann@example.com"


@dataclass
class Apps:
    """The remote accounts behind the two apps."""

    acme: MemoryApp
    globex: MemoryApp
    tables: MemoryApp
    people: MemoryConnector
    """Knows its objects; accounts "acme" and "globex"."""
    database: MemoryConnector
    """Its objects are tables, whose meaning nobody told; account "sales"."""

    def connect(self, account="acme", *, name="", app="people", password="open sesame"):
        values = {"account": account, "password": password}
        return accounts.connect(app=app, name=name, values=values, actor=ACTOR)

    def connect_tables(self, name="Sales"):
        return self.connect("sales", app="tables", name=name)


def customers() -> MemoryObject:
    fields = (
        Field("id", "id", FieldType.INTEGER, read_only=True),
        Field("full_name", "full_name", FieldType.TEXT, canonical="full_name", max_length=80),
        Field("mail_addr", "mail_addr", FieldType.TEXT),
        Field("stage", "stage", FieldType.CHOICE, options=(Option("new", "New"), Option("won", "Won"))),
        Field("org_id", "org_id", FieldType.REFERENCE, target="orgs"),
    )
    resource = Resource(
        "customers",
        "customers",
        fields,
        proposed_kind=Kind.CONTACT,
        writes=frozenset({WriteKind.CREATE, WriteKind.UPDATE}),
    )
    return MemoryObject(resource=resource)


@pytest.fixture
def apps() -> Iterator[Apps]:
    acme = MemoryApp(contacts(), companies(), identity="acme", label="Acme Inc.")
    globex = MemoryApp(contacts(), identity="globex", label="Globex")
    tables = MemoryApp(customers(), identity="sales", label="sales on db.example.com")
    people = MemoryConnector(
        acme,
        globex,
        name="people",
        label="People",
        summary="An address book.",
        description="Keeps people and companies.\n\nFor everybody.",
        limits=("Pictures are left alone.",),
    )
    database = MemoryConnector(
        tables,
        name="tables",
        label="Tables",
        category="Databases",
        summary="Rows of tables.",
        icon="database",
        kinds=(),
        custom_objects=True,
        settings=(
            Setting("account", "Database"),
            Setting("password", "Password", SettingKind.SECRET),
            Setting("schema", "Schema", required=False, help="Blank for all."),
        ),
    )
    with registry.installed(people, database):
        yield Apps(acme=acme, globex=globex, tables=tables, people=people, database=database)
