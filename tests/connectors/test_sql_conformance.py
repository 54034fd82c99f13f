"""The inherited suite on real databases: what the connector's resources declare is so."""

import pytest

from connectors.builtin.sql import connector
from connectors.contract import ReadStrategy
from connectors.testing.conformance import ConnectorConformance

CONTACTS = {
    "postgresql": """CREATE TABLE contacts (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, email varchar(120) UNIQUE,
        notes text, salary numeric(12, 2), score double precision, active boolean, born date, met timestamp,
        stage text CHECK (stage IN ('new', 'won')), tags text[], visits bigint,
        company_id integer REFERENCES companies, updated_at timestamptz DEFAULT now())""",
    "mysql": """CREATE TABLE contacts (
        id integer AUTO_INCREMENT PRIMARY KEY, name varchar(100) NOT NULL, email varchar(120) UNIQUE,
        notes text, salary decimal(12, 2), score double, active tinyint(1), born date, met datetime(6),
        stage enum('new', 'won'), tags set('red', 'blue', 'green'), visits bigint,
        company_id integer, FOREIGN KEY (company_id) REFERENCES companies (id), updated_at datetime(6))""",
    "sqlite": """CREATE TABLE contacts (
        id INTEGER PRIMARY KEY, name text NOT NULL, email varchar(120) UNIQUE, notes text,
        salary decimal(12, 2), score real, active boolean, born date, met datetime,
        stage text CHECK (stage IN ('new', 'won')), visits integer,
        company_id integer REFERENCES companies (id), updated_at datetime)""",
}


class Contacts(ConnectorConformance):
    connector = connector
    resource_name = "contacts"
    fixture: str

    @pytest.fixture
    def account(self, request):
        database = request.getfixturevalue(self.fixture)
        database.run(
            f"CREATE TABLE companies (id {database.counter}, name varchar(100))",
            CONTACTS[database.kind],
            "INSERT INTO companies (name) VALUES ('Acme'), ('Globex')",
        )
        return database.settings

    @pytest.fixture
    def wrong_account(self, account):
        return {**account, "password": "not-this-one"}

    def sample(self, number):
        return {
            "name": f"Ann {number}",
            "email": f"ann{number}@example.com",
            "notes": "One\nTwo 🌻",
            "salary": "1234.50",
            "score": "0.1",
            "active": True,
            "born": "1980-02-29",
            "met": "2026-01-31T09:30:00.125Z",
            "stage": "new",
            "visits": 2**53 + 1,
            "company_id": {"id": "1", "label": "Acme"},
        }

    def change(self, number):
        return {
            "name": f"Bea {number}",
            "company_id": {"id": "2", "label": "Globex"},
            "active": False,
            "notes": None,
            "stage": "won",
        }

    def bad_values(self):
        return {"name": "Eve", "stage": "no such stage"}

    def test_it_is_read_by_its_time_of_change(self, resource):
        assert resource.read is ReadStrategy.SINCE and resource.lock


class TestPostgreSQL(Contacts):
    fixture = "postgresql"

    def sample(self, number):
        return {**super().sample(number), "tags": ["red", "blue"]}


class TestMariaDB(Contacts):
    fixture = "mariadb"

    def sample(self, number):
        return {**super().sample(number), "tags": ["red", "blue"]}


class TestSQLite(Contacts):
    fixture = "sqlite"

    @pytest.fixture
    def wrong_account(self):
        return None


class TestKeysOfOurOwn(ConnectorConformance):
    """A table whose key is a UUID: creations can be sent twice."""

    connector = connector
    resource_name = "people"

    @pytest.fixture
    def account(self, postgresql):
        postgresql.run("CREATE TABLE people (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, email text)")
        return postgresql.settings

    def sample(self, number):
        return {"name": f"Ann {number}", "email": f"ann{number}@example.com"}

    def change(self, number):
        return {"name": f"Bea {number}"}

    def bad_values(self):
        return {"name": "NUL \x00"}


class TestTextKeysInSQLite(TestKeysOfOurOwn):
    @pytest.fixture
    def account(self, sqlite):
        sqlite.run("CREATE TABLE people (id varchar(36) PRIMARY KEY NOT NULL, name text, email text)")
        return sqlite.settings


class TestKeysOfTheRecordsOwn(TestKeysOfOurOwn):
    """A composite key, which the record brings along."""

    @pytest.fixture
    def account(self, mariadb):
        mariadb.run(
            "CREATE TABLE people (country char(2), code varchar(20), name text, email text,"
            " PRIMARY KEY (country, code))"
        )
        return mariadb.settings

    def sample(self, number):
        return {**super().sample(number), "country": "DE", "code": f"50%,{number}"}
