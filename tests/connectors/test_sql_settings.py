"""What a person types to connect: refused in plain words, field by field, and never repeated aloud."""

import socket

import pytest

from connectors.builtin.sql import connector
from connectors.contract import Retry, SettingsInvalid, SignInAgain
from connectors.testing.environment import OpenEnvironment

from .sql_databases import PASSWORD, resource

SERVER = {
    "database_kind": "postgresql",
    "host": "db.example.com",
    "database": "crm",
    "user": "ann",
    "password": PASSWORD,
}


def errors(settings, *, identify=False, **environment):
    with pytest.raises(SettingsInvalid) as refused:
        client = connector.connect(settings, OpenEnvironment(**environment))
        if identify:
            try:
                client.identify()
            finally:
                client.close()
    assert all(message.endswith((".", "?")) or ":" in message for message in refused.value.errors.values())
    assert PASSWORD not in str(refused.value)
    return set(refused.value.errors)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"database_kind": "oracle"}, {"database_kind"}),
        ({"host": ""}, {"host"}),
        ({"host": "https://db.example.com/"}, {"host"}),
        ({"host": "ann@db.example.com"}, {"host"}),
        ({"host": "a,b"}, {"host"}),
        ({"port": "99999"}, {"port"}),
        ({"port": "five"}, {"port"}),
        ({"user": "", "database": " "}, {"user", "database"}),
        ({"tls": "sometimes"}, {"tls"}),
        ({"database": "a\0b"}, {"database"}),
    ],
)
def test_what_can_be_seen_is_said_at_once(changes, fields):
    assert errors({**SERVER, **changes}) == fields


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "[::1]", "::ffff:127.0.0.1", "fd00::1", "0.0.0.0"]
)
def test_addresses_inside_the_operators_network_are_refused(host):
    assert errors({**SERVER, "host": host}, allow_private_addresses=False) == {"host"}
    connector.connect({**SERVER, "host": host}, OpenEnvironment()).close()


@pytest.mark.parametrize("host", ["localhost", "0x7f.1", "2130706433"])
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_names_that_lead_inside_are_refused_before_anything_is_sent(host, kind):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.05)
        settings = {**SERVER, "database_kind": kind, "host": host, "port": str(listener.getsockname()[1])}
        assert errors(settings, identify=True, allow_private_addresses=False) == {"host"}
        with pytest.raises(TimeoutError):
            listener.accept()


def test_files_are_refused_unless_the_operator_allows_them(sqlite, tmp_path):
    assert errors(sqlite.settings, allow_files=False) == {"path"}
    file = {"database_kind": "sqlite"}
    assert errors({**file, "path": ""}) == {"path"}
    assert errors({**file, "path": "customers.sqlite3"}) == {"path"}
    assert errors({**file, "path": str(tmp_path / "none")}, identify=True) == {"path"}
    assert not (tmp_path / "none").exists()
    other = tmp_path / "text"
    other.write_text("This is no database, but some text that is long enough." * 20)
    assert errors({**file, "path": str(other)}, identify=True) == {"path"}
    assert errors({**file, "path": str(tmp_path)}, identify=True) == {"path"}


def test_a_file_that_may_not_be_written_is_read(sqlite, monkeypatch):
    sqlite.run("PRAGMA journal_mode = DELETE", "CREATE TABLE contacts (id INTEGER PRIMARY KEY, name text)")
    sqlite.run("INSERT INTO contacts (name) VALUES ('Ann')")
    monkeypatch.setattr("connectors.builtin.sql.vendors.sqlite.os.access", lambda path, mode: False)
    with sqlite.client() as client:
        offered = resource(client, "contacts")
        assert not offered.writes
        assert client.read(offered, None).records[0].values["name"] == "Ann"


def test_an_account_is_known_by_host_port_and_database(postgresql, mariadb, sqlite):
    for database in (postgresql, mariadb):
        with database.client() as client:
            identity = client.identify()
        settings = database.settings
        assert identity.id == f"{settings['host']}:{settings['port']}/{settings['database']}"
    link = f"{sqlite.settings['path']}.link"
    import os

    os.symlink(sqlite.settings["path"], link)
    with sqlite.client() as client:
        identity = client.identify()
    sqlite.settings["path"] = link
    with sqlite.client() as client:
        assert client.identify() == identity
    assert identity.id.endswith("customers.sqlite3") and identity.label == "customers.sqlite3"


@pytest.mark.parametrize("server", ["postgresql", "mariadb"])
def test_what_the_server_will_not_have_is_said_at_its_field(server, request):
    settings = request.getfixturevalue(server).settings
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert errors({**settings, "port": str(unused.getsockname()[1])}, identify=True) == {"port"}
    assert errors({**settings, "host": "no-such-host.invalid"}, identify=True) == {"host"}
    assert errors({**settings, "tls": "require"}, identify=True) == {"tls"}
    assert errors({**settings, "tls": "verify"}, identify=True) == {"tls"}
    if server == "postgresql":
        assert errors({**settings, "database": "no_such_database"}, identify=True) == {"database"}
        assert errors({**settings, "schema": "no_such_schema"}, identify=True) == {"schema"}
    for wrong in ({"password": "not-this-one"}, {"password": ""}, {"user": "nobody_of_this_name"}):
        with pytest.raises(SignInAgain) as refused:
            client = connector.connect({**settings, **wrong}, OpenEnvironment())
            client.identify()
        assert "not-this-one" not in str(refused.value)


def test_an_unknown_database_of_mysql(mariadb):
    assert errors({**mariadb.settings, "database": "no_such_database"}, identify=True) == {"database"}


def test_a_server_that_is_away_for_a_while_is_tried_again(postgresql):
    postgresql.run("CREATE TABLE contacts (id serial PRIMARY KEY)")
    with postgresql.client() as client:
        offered = resource(client, "contacts")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        postgresql.settings["port"] = str(unused.getsockname()[1])
        with postgresql.client() as client, pytest.raises(Retry):
            client.read(offered, None)


def test_a_password_is_in_no_representation(postgresql):
    with postgresql.client() as client:
        client.identify()
        seen = [repr(client._target), repr(client._vendor.__dict__), repr(client._session._engine.url)]
        seen.append(repr(client._session._connection))
    assert not [text for text in seen if PASSWORD in text]
