"""Complete passes, passes by the time of change, and everything that happens to a table meanwhile."""

import json

import pytest

from connectors.builtin.sql import connector, reading
from connectors.contract import (
    ConnectorBroken,
    CursorExpired,
    FieldMeaning,
    ObjectMeaning,
    ReadStrategy,
    ResourceGone,
    Retry,
    VersionMismatch,
    Write,
    WriteKind,
    Written,
)
from connectors.testing import passes
from connectors.testing.environment import OpenEnvironment

from .sql_databases import resource

OLD = "2020-01-01 08:00:00"


def read_pass(client, offered, cursor=None):
    """A pass, with the values of what it only named."""
    whole = passes.read_pass(client, offered, cursor)
    whole.records |= passes.fetch(client, offered, whole.versions)
    return whole


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(reading.read_page, "__defaults__", (200,))
    monkeypatch.setattr(reading, "VERSIONS", 200)


@pytest.fixture
def contacts(database):
    """An empty table with a time of change."""
    database.run(
        f"CREATE TABLE contacts (id {database.counter}, name varchar(100), updated_at {database.moment})",
    )
    return database


def add(database, *names, at=OLD):
    rows = [(name, at) for name in names]
    database.fill("INSERT INTO contacts (name, updated_at) VALUES (%s, %s)", rows)


def names(whole):
    return sorted(record.values["name"] for record in whole.records.values())


def settled(client, offered, database):
    """The checkpoint of a table at which nobody has done anything for long."""
    cursor = json.loads(read_pass(client, offered).cursor)
    cursor["checkpoint"]["seen"] = "2021-01-01T00:00:00Z"
    return read_pass(client, offered, json.dumps(cursor)).cursor


def test_a_page_may_end_anywhere(contacts, small_pages):
    for rows in (0, 199, 200, 201, 400):
        contacts.run("DELETE FROM contacts")
        add(contacts, *(f"{n}" for n in range(rows)))
        with contacts.client() as client:
            whole = read_pass(client, resource(client, "contacts"))
            assert len(whole.records) == rows and whole.listing
            assert whole.pages == max(1, -(-rows // 200))


def test_any_number_of_rows_may_share_one_time_of_change(contacts, monkeypatch):
    # SQLite works out the time of every row for every page.
    size = 1000 if contacts.kind == "sqlite" else 200
    monkeypatch.setattr(reading.read_page, "__defaults__", (size,))
    with contacts.client() as client:
        offered = resource(client, "contacts")
        checkpoint = read_pass(client, offered).cursor
        add(contacts, *(f"{n}" for n in range(25_000)))
        whole = read_pass(client, offered, checkpoint)
        assert len(whole.records) == 25_000
        assert whole.pages == 25_000 // (reading.VERSIONS if contacts.kind == "postgresql" else size)
        assert not whole.listing


def test_nothing_new_costs_one_query_and_answers_nothing(contacts):
    add(contacts, "Ann", "Bea")
    with contacts.client() as client:
        offered = resource(client, "contacts")
        checkpoint = settled(client, offered, contacts)
        asked = _statements(client)
        page = client.read(offered, checkpoint)
        assert page.records == () and not page.more and page.cursor == checkpoint
        assert len([statement for statement in asked if "contacts" in statement]) == 1
        assert not [statement for statement in asked if "clock_timestamp" in statement or "UTC_" in statement]


def test_an_edit_after_rest_is_read_alone(contacts):
    add(contacts, "Ann", "Bea")
    with contacts.client() as client:
        offered = resource(client, "contacts")
        checkpoint = settled(client, offered, contacts)
        contacts.run(f"UPDATE contacts SET name = 'Eve', updated_at = {contacts.now} WHERE name = 'Bea'")
        later = read_pass(client, offered, checkpoint)
        assert names(later) == ["Eve"]
        (record,) = later.records.values()
        assert record.modified_at == record.values["updated_at"] > "2026"
        again = json.loads(later.cursor)["checkpoint"]
        assert again["newest"] == record.modified_at and not again["settled"]


def test_a_row_that_is_committed_late_is_read(contacts):
    """Stamped before the checkpoint, and visible only after it."""
    add(contacts, "Ann", at="2026-02-01 12:00:00")
    with contacts.client() as client:
        offered = resource(client, "contacts")
        checkpoint = read_pass(client, offered).cursor
        add(contacts, "Late", at="2026-02-01 11:56:00")
        later = read_pass(client, offered, checkpoint)
        assert names(later) == ["Ann", "Late"]
        add(contacts, "Later", at="2026-02-01 11:55:30")
        assert "Later" in names(read_pass(client, offered, later.cursor))


@pytest.mark.parametrize("server", ["postgresql", "mariadb"])
def test_a_transaction_that_is_open_during_a_pass_is_not_lost(server, request):
    """C3: its row is stamped first and shows last, when a later stamp has been read already."""
    contacts = request.getfixturevalue(server)
    contacts.run(f"CREATE TABLE contacts (id {contacts.counter}, name varchar(100), updated_at {contacts.moment})")
    slow = contacts.connect()
    slow.cursor().execute("ROLLBACK")
    with contacts.client() as client:
        offered = resource(client, "contacts")
        checkpoint = read_pass(client, offered).cursor
        slow.autocommit = False if server == "postgresql" else slow.autocommit(False)
        slow.cursor().execute(f"INSERT INTO contacts (name, updated_at) VALUES ('slow', {contacts.now})")
        contacts.run(f"INSERT INTO contacts (name, updated_at) VALUES ('quick', {contacts.now})")
        later = read_pass(client, offered, checkpoint)
        assert names(later) == ["quick"]
        slow.commit()
        slow.close()
        assert names(read_pass(client, offered, later.cursor)) == ["quick", "slow"]


def test_the_window_is_read_once_more_before_it_is_closed(contacts):
    add(contacts, "Ann", at="2026-02-01 12:00:00")
    with contacts.client() as client:
        offered = resource(client, "contacts")
        long_ago = json.loads(read_pass(client, offered).cursor)
        long_ago["checkpoint"]["seen"] = "2026-02-01T12:00:01Z"
        add(contacts, "Late", at="2026-02-01 11:56:00")
        closing = read_pass(client, offered, json.dumps(long_ago))
        assert names(closing) == ["Ann", "Late"]
        assert json.loads(closing.cursor)["checkpoint"]["settled"]
        assert not read_pass(client, offered, closing.cursor).records


def test_edits_during_a_complete_pass_are_read_by_the_next(contacts, small_pages):
    add(contacts, *(f"{n}" for n in range(600)))
    with contacts.client() as client:
        offered = resource(client, "contacts")
        page = client.read(offered, None)
        contacts.run(
            f"UPDATE contacts SET name = 'edited', updated_at = {contacts.now} WHERE name = '5'",
            f"INSERT INTO contacts (name, updated_at) VALUES ('new', {contacts.now})",
            "DELETE FROM contacts WHERE name = '450'",
        )
        seen = {record.values["name"] for record in page.records}
        while page.more:
            page = client.read(offered, page.cursor)
            seen |= {record.values["name"] for record in page.records}
        assert "450" not in seen and "5" in seen and "edited" not in seen
        assert {"edited", "new"} <= set(names(read_pass(client, offered, page.cursor)))


def test_edits_during_a_pass_by_time_are_not_lost(contacts, small_pages):
    with contacts.client() as client:
        offered = resource(client, "contacts")
        checkpoint = read_pass(client, offered).cursor
        add(contacts, *(f"{n}" for n in range(500)))
        page = client.read(offered, checkpoint)
        contacts.run(f"UPDATE contacts SET name = 'edited', updated_at = {contacts.now} WHERE name IN ('1', '499')")
        seen = {record.id: record.values["name"] for record in page.records}
        while page.more:
            page = client.read(offered, page.cursor)
            seen.update((record.id, record.values["name"]) for record in page.records)
        later = read_pass(client, offered, page.cursor)
        seen.update((record.id, record.values["name"]) for record in later.records.values())
        assert len(seen) == 500 and list(seen.values()).count("edited") == 2


def test_a_time_of_change_in_the_future_never_becomes_a_checkpoint(contacts):
    add(contacts, "Ann")
    add(contacts, "Marty", at="2199-01-01 00:00:00")
    with contacts.client() as client:
        offered = resource(client, "contacts")
        checkpoint = settled(client, offered, contacts)
        contacts.run(f"INSERT INTO contacts (name, updated_at) VALUES ('Bea', {contacts.now})")
        later = read_pass(client, offered, checkpoint)
        assert names(later) == ["Bea", "Marty"]
        assert "Eve" not in names(later)
        contacts.run(f"INSERT INTO contacts (name, updated_at) VALUES ('Eve', {contacts.now})")
        assert "Eve" in names(read_pass(client, offered, later.cursor))


def test_rows_without_a_time_of_change_show_in_complete_passes(contacts):
    add(contacts, "Ann")
    contacts.run("INSERT INTO contacts (name) VALUES ('Timeless')")
    with contacts.client() as client:
        whole = read_pass(client, resource(client, "contacts"))
        assert names(whole) == ["Ann", "Timeless"]
        record = next(r for r in whole.records.values() if r.values["name"] == "Timeless")
        assert record.values["updated_at"] is None and record.modified_at is None


def test_times_in_every_notation_of_sqlite_are_one_clock(sqlite):
    sqlite.run("CREATE TABLE contacts (id INTEGER PRIMARY KEY, name text, updated_at datetime)")
    add(sqlite, "Ann", at="2026-02-01T12:00:00Z")
    with sqlite.client() as client:
        offered = resource(client, "contacts")
        checkpoint = settled(client, offered, sqlite)
        add(sqlite, "Bea", at="2026-02-01 12:00:01")
        add(sqlite, "Cleo", at="2026-02-01T14:00:02.5+02:00")
        add(sqlite, "Old", at="2026-02-01T13:59:59+02:00")
        later = read_pass(client, offered, checkpoint)
        assert names(later) == ["Bea", "Cleo"]
        moments = {record.values["name"]: record.values["updated_at"] for record in later.records.values()}
        assert moments == {"Bea": "2026-02-01T12:00:01Z", "Cleo": "2026-02-01T12:00:02.5Z"}


def test_a_table_without_a_time_of_change_is_listed_each_time(database, small_pages):
    database.run(f"CREATE TABLE contacts (id {database.counter}, name varchar(100))")
    database.fill("INSERT INTO contacts (name) VALUES (%s)", [(f"{n}",) for n in range(300)])
    with database.client() as client:
        offered = resource(client, "contacts")
        assert offered.read is ReadStrategy.LISTING
        first = read_pass(client, offered)
        second = read_pass(client, offered, first.cursor)
        assert second.listing and second.records == first.records and second.pages == 2


def test_a_person_says_which_column_keeps_the_time_of_change(database):
    database.run(f"CREATE TABLE contacts (id {database.counter}, name varchar(100), touched {database.moment})")
    database.fill("INSERT INTO contacts (name, touched) VALUES (%s, %s)", [("Ann", OLD)])
    with database.client() as client:
        offered = resource(client, "contacts")
        assert offered.read is ReadStrategy.LISTING
        meaning = ObjectMeaning(fields={"touched": FieldMeaning(canonical="modified_at")})
        known = client.interpret(offered, meaning)
        assert known.read is ReadStrategy.SINCE and known.field("touched").read_only
        checkpoint = settled(client, known, database)
        assert not read_pass(client, known, checkpoint).records

        taken_away = client.interpret(known, ObjectMeaning(fields={"touched": FieldMeaning(canonical="")}))
        assert taken_away.read is ReadStrategy.LISTING
        with pytest.raises(CursorExpired):
            client.read(taken_away, checkpoint)
        (outcome,) = client.write(known, [Write(WriteKind.CREATE, {"name": "Bea"}, key="k")])
        assert names(read_pass(client, known, checkpoint)) == ["Bea"], "what we write shows to those who read by it"
        assert outcome.record.values["touched"] > "2026"


def test_a_strange_cursor_has_expired(contacts):
    with contacts.client() as client:
        offered = resource(client, "contacts")
        for strange in ("", "x", "[]", "{}", '{"last": null}', '{"complete":1,"checkpoint":{"colour":2},"last":null}'):
            if strange:
                with pytest.raises(CursorExpired):
                    client.read(offered, strange)


def test_a_table_that_goes_is_gone_and_not_empty(contacts):
    add(contacts, "Ann")
    with contacts.client() as client, contacts.client() as fresh:
        offered = resource(client, "contacts")
        client.read(offered, None)
        contacts.run("DROP TABLE contacts")
        for asked in (client, fresh):
            with pytest.raises(ResourceGone):
                asked.read(offered, None)
            with pytest.raises(ResourceGone):
                asked.get(offered, ["1"])


def test_a_column_that_goes_is_not_read_and_the_rest_is(contacts):
    contacts.run("ALTER TABLE contacts ADD COLUMN phone varchar(20)")
    add(contacts, "Ann")
    with contacts.client() as client:
        offered = resource(client, "contacts")
        assert client.read(offered, None).records[0].values["phone"] is None
        contacts.run("ALTER TABLE contacts DROP COLUMN phone")
        record = client.read(offered, None).records[0]
        assert "phone" not in record.values and record.values["name"] == "Ann"


def test_a_column_that_becomes_another_kind_is_not_read(postgresql):
    postgresql.run("CREATE TABLE contacts (id serial PRIMARY KEY, age text)", "INSERT INTO contacts (age) VALUES ('7')")
    with postgresql.client() as client:
        offered = resource(client, "contacts")
    postgresql.run("ALTER TABLE contacts ALTER COLUMN age TYPE integer USING age::integer")
    with postgresql.client() as client:
        assert "age" not in client.read(offered, None).records[0].values


def test_a_version_is_the_same_for_whoever_reads(contacts):
    add(contacts, "Ann")
    with contacts.client() as client:
        offered = resource(client, "contacts")
        (seen,) = client.read(offered, None).records
    with contacts.client() as reader, contacts.client() as writer:
        assert reader.get(offered, [seen.id]) == [seen]
        (written,) = writer.write(offered, [Write(WriteKind.UPDATE, {"name": "Bea"}, seen.id, seen.version)])
        assert isinstance(written, Written)
        assert reader.get(offered, [seen.id]) == [written.record]


def test_get_tells_what_is_gone(contacts):
    add(contacts, *(f"{n}" for n in range(1200)))
    with contacts.client() as client:
        offered = resource(client, "contacts")
        ids = ["1", "1200", "1201", "no number", "01", "-1", str(2**80), "1"]
        assert {record.id for record in client.get(offered, ids)} == {"1", "1200"}
        assert client.get(offered, []) == []


def test_views_are_read_and_never_written(database):
    database.run(
        f"CREATE TABLE people (id {database.counter}, name varchar(50))",
        "INSERT INTO people (name) VALUES ('Ann'), ('Bea')",
        "CREATE VIEW contacts AS SELECT id, name FROM people WHERE name = 'Ann'",
        "CREATE VIEW doubled AS SELECT people.id, twice.name FROM people CROSS JOIN people AS twice",
        "CREATE VIEW nameless AS SELECT name FROM people",
    )
    with database.client() as client:
        offered = {r.name: r for r in client.resources()}
        assert set(offered) >= {"people", "contacts", "doubled"} and "nameless" not in offered
        view = offered["contacts"]
        assert not view.writes and view.label == "Contacts (view)" and all(f.read_only for f in view.fields)
        (record,) = client.read(view, None).records
        assert record.values["name"] == "Ann" and client.get(view, [record.id]) == [record]
        with pytest.raises(ConnectorBroken, match="not unique"):
            client.read(offered["doubled"], None)


def test_no_transaction_stays_open_between_calls(postgresql):
    postgresql.run("CREATE TABLE contacts (id serial PRIMARY KEY, name text)")
    with postgresql.client() as client:
        offered = resource(client, "contacts")
        client.read(offered, None)
        client.write(offered, [Write(WriteKind.CREATE, {"name": "Ann"})])
        states = postgresql.rows("SELECT state FROM pg_stat_activity WHERE application_name = 'SyncSite'")
        assert states and {state for (state,) in states} == {"idle"}


def test_reading_a_locked_table_gives_up_and_says_try_again(postgresql, monkeypatch):
    monkeypatch.setattr("connectors.builtin.sql.vendors.postgresql.LOCK_SECONDS", 1)
    postgresql.run("CREATE TABLE contacts (id serial PRIMARY KEY, name text)")
    with postgresql.client() as client, postgresql.connect() as other:
        offered = resource(client, "contacts")
        client.read(offered, None)
        other.autocommit = False
        other.execute("LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Retry):
            client.read(offered, None)
        other.rollback()
        assert client.read(offered, None).records == ()


def test_each_call_takes_from_the_budget(contacts):
    environment = OpenEnvironment()
    with contacts.client(environment) as client:
        offered = resource(client, "contacts")
        client.read(offered, None)
        client.get(offered, ["1"])
        assert environment.taken == 3


def test_the_connector_opens_nothing_before_it_is_asked():
    settings = {"database_kind": "postgresql", "host": "db.invalid", "database": "d", "user": "u", "password": "p"}
    connector.connect(settings, OpenEnvironment()).close()


def _statements(client):
    """What is sent to the database from now on."""
    from sqlalchemy import event

    sent = []
    event.listen(client._session._engine, "before_cursor_execute", lambda c, cursor, text, *rest: sent.append(text))
    return sent


def test_postgresql_tells_of_rows_that_were_read_by_their_versions_only(postgresql, small_pages):
    columns = f"id integer PRIMARY KEY, name varchar(100), updated_at {postgresql.moment}"
    postgresql.run(
        f"CREATE TABLE contacts ({columns})",
        "INSERT INTO contacts SELECT n, n, now() FROM generate_series(1, 450) AS n",
        "CREATE TABLE plain (id integer PRIMARY KEY, name varchar(100))",
        "INSERT INTO plain SELECT n, n FROM generate_series(1, 450) AS n",
        "CREATE TABLE parted (id integer PRIMARY KEY, name varchar(100)) PARTITION BY RANGE (id)",
        "CREATE TABLE part PARTITION OF parted DEFAULT",
        "INSERT INTO parted VALUES (1, 'a')",
        "CREATE VIEW seen AS SELECT * FROM plain",
    )
    with postgresql.client() as client:
        for name in ("contacts", "plain"):
            offered = resource(client, name)
            first = passes.read_pass(client, offered)
            assert len(first.records) == 450 and not first.versions, "what is new is told at once"
            again = passes.read_pass(client, offered, first.cursor)
            assert again.versions == {r.id: r.version for r in first.records.values()} and not again.records
            changed = ", updated_at = now()" if name == "contacts" else ""
            postgresql.run(f"UPDATE {name} SET name = 'new'{changed} WHERE id = 7", f"DELETE FROM {name} WHERE id = 8")
            third = passes.read_pass(client, offered, again.cursor)
            assert {id for id, version in third.versions.items() if again.versions[id] != version} == {"7"}
            assert "8" not in third.versions and third.listing == (name == "plain")
            assert isinstance(
                client.write(offered, [Write(WriteKind.UPDATE, {"name": "x"}, id="7", version=again.versions["7"])])[0],
                VersionMismatch,
            )
            (done,) = client.write(
                offered, [Write(WriteKind.UPDATE, {"name": "x"}, id="7", version=third.versions["7"])]
            )
            assert isinstance(done, Written) and done.record.version not in (None, third.versions["7"])
        for name in ("parted", "seen"):
            offered = resource(client, name)
            first = passes.read_pass(client, offered)
            assert passes.read_pass(client, offered, first.cursor).records == first.records != {}
