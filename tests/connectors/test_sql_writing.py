"""Batches: what lands, what is refused, and what happens when somebody else is there too."""

import threading
import uuid

import pytest

from connectors.contract import (
    DuplicateRecord,
    Idempotency,
    NotFound,
    Refusal,
    Refused,
    Retry,
    VersionMismatch,
    Write,
    WriteKind,
    Written,
)

from .sql_databases import resource

COMPANIES = "CREATE TABLE companies (id {counter}, name varchar(100), code varchar(10) UNIQUE)"
CONTACTS = {
    "postgresql": "CREATE TABLE contacts (id {counter}, email varchar(40) NOT NULL, age smallint CHECK (age >= 0),"
    " stage varchar(10) CHECK (stage IN ('new', 'won')), born date, company_id integer REFERENCES companies (id),"
    " nick varchar(20), UNIQUE (email), CONSTRAINT one_nick UNIQUE (nick, company_id))",
    "mysql": "CREATE TABLE contacts (id {counter}, email varchar(40) NOT NULL, age smallint CHECK (age >= 0),"
    " stage enum('new', 'won'), born date, company_id integer, FOREIGN KEY (company_id) REFERENCES companies (id),"
    " nick varchar(20), UNIQUE (email), CONSTRAINT one_nick UNIQUE (nick, company_id))",
    "sqlite": "CREATE TABLE contacts (id {counter}, email varchar(40) NOT NULL, age smallint CHECK (age >= 0),"
    " stage varchar(10) CHECK (stage IN ('new', 'won')), born date, company_id integer REFERENCES companies (id),"
    " nick varchar(20), UNIQUE (email), CONSTRAINT one_nick UNIQUE (nick, company_id))",
}


@pytest.fixture
def contacts(database):
    database.run(
        COMPANIES.format(counter=database.counter),
        CONTACTS[database.kind].format(counter=database.counter),
        "INSERT INTO companies (name, code) VALUES ('Acme', 'A')",
    )
    return database


def create(**values):
    return Write(WriteKind.CREATE, values, key=str(uuid.uuid4()))


def update(id, version=None, /, **values):
    return Write(WriteKind.UPDATE, values, id=id, version=version)


def delete(id, version=None):
    return Write(WriteKind.DELETE, id=id, version=version)


def count(database, table="contacts"):
    return database.rows(f"SELECT count(*) FROM {table}")[0][0]


# refusals


@pytest.mark.parametrize("bad", [1, 7, 100])
def test_the_good_rows_of_a_batch_land_once(contacts, bad):
    wrong = {round(n * 100 / bad) for n in range(bad)}
    writes = [create(email=f"{n}@example.com", age=-1 if n in wrong else 30) for n in range(100)]
    with contacts.client() as client:
        outcomes = client.write(resource(client, "contacts"), writes)
    assert {n for n, outcome in enumerate(outcomes) if isinstance(outcome, Refused)} == wrong
    assert {outcomes[n].reason for n in wrong} == {Refusal.INVALID_VALUE}
    there = dict(contacts.rows("SELECT id, email FROM contacts"))
    assert len(there) == 100 - bad
    for n, outcome in enumerate(outcomes):
        if isinstance(outcome, Written):
            assert there[int(outcome.id)] == f"{n}@example.com" == outcome.record.values["email"]


def test_the_good_changes_of_a_batch_land(contacts):
    with contacts.client() as client:
        offered = resource(client, "contacts")
        made = client.write(offered, [create(email=f"{n}@example.com") for n in range(100)])
        writes = [update(made[n].id, age=-1 if n % 15 == 0 else n) for n in range(100)]
        outcomes = client.write(offered, writes)
    refused = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Refused)]
    assert refused == list(range(0, 100, 15))
    assert len(contacts.rows("SELECT id FROM contacts WHERE age IS NULL")) == 7


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"age": 3}, Refusal.MISSING_REQUIRED, "email"),
        ({"email": "x" * 41}, Refusal.TOO_LONG, "email"),
        ({"email": "a", "stage": "lost"}, Refusal.UNKNOWN_OPTION, "stage"),
        ({"email": "a", "age": 40_000}, Refusal.INVALID_VALUE, None),
        ({"email": "a", "age": 2**70}, Refusal.INVALID_VALUE, "age"),
        ({"email": "a", "age": "12"}, Refusal.INVALID_VALUE, "age"),
        ({"email": "a", "age": True}, Refusal.INVALID_VALUE, "age"),
        ({"email": "a", "born": "yesterday"}, Refusal.INVALID_VALUE, "born"),
        ({"email": "a", "born": "2026-02-30"}, Refusal.INVALID_VALUE, "born"),
        ({"email": "NUL \0"}, Refusal.INVALID_VALUE, "email"),
        ({"email": "half \ud83d"}, Refusal.INVALID_VALUE, "email"),
        ({"email": "a", "company_id": {"id": "77", "label": "None"}}, Refusal.INVALID_VALUE, "company_id"),
        ({"email": "a", "company_id": {"id": "acme", "label": "Acme"}}, Refusal.INVALID_VALUE, "company_id"),
        ({"email": "a", "company_id": {"id": None, "label": "Acme"}}, Refusal.INVALID_VALUE, "company_id"),
        ({"email": "a", "colour": "red"}, Refusal.INVALID_VALUE, "colour"),
        ({"email": "a", "id": 5}, Refusal.INVALID_VALUE, "id"),
    ],
)
def test_a_refusal_says_why_and_names_the_field(contacts, values, reason, field):
    if contacts.kind == "sqlite" and values.get("age") == 40_000:
        pytest.skip("SQLite has numbers of one size only")
    with contacts.client() as client:
        offered = resource(client, "contacts")
        (created,) = client.write(offered, [create(**values)])
        assert isinstance(created, Refused), created
        assert created.reason is reason and created.message
        assert created.field in (field, "age" if field is None else field)
        if "email" in values:
            (made,) = client.write(offered, [create(email="b")])
            (changed,) = client.write(offered, [update(made.id, **values)])
            assert isinstance(changed, Refused) and (changed.reason, changed.field) == (reason, created.field)


def test_what_must_not_be_blank_cannot_be_cleared(contacts):
    with contacts.client() as client:
        offered = resource(client, "contacts")
        (made,) = client.write(offered, [create(email="a@example.com")])
        (outcome,) = client.write(offered, [update(made.id, email=None)])
        assert isinstance(outcome, Refused) and outcome.reason is Refusal.MISSING_REQUIRED
        assert outcome.field == "email"


def test_a_duplicate_names_the_row_that_is_there(contacts):
    with contacts.client() as client:
        offered = resource(client, "contacts")
        acme = {"id": "1", "label": "Acme"}
        made = client.write(
            offered,
            [create(email="a", nick="Al", company_id=acme), create(email="b", nick="Bo", company_id=acme)],
        )
        outcomes = client.write(offered, [create(email="c"), create(email="a"), create(email="d")])
        assert [type(o) for o in outcomes] == [Written, DuplicateRecord, Written]
        assert outcomes[1].existing_id == made[0].id and outcomes[1].message
        (by_two,) = client.write(offered, [create(email="e", nick="Bo", company_id=acme)])
        assert isinstance(by_two, DuplicateRecord) and by_two.existing_id == made[1].id
        (changed,) = client.write(offered, [update(made[1].id, nick="Al")])
        assert isinstance(changed, DuplicateRecord) and changed.existing_id == made[0].id


def test_two_equal_rows_in_one_batch_are_one_row_and_a_duplicate(contacts):
    with contacts.client() as client:
        outcomes = client.write(resource(client, "contacts"), [create(email="a"), create(email="a")])
    assert [type(o) for o in outcomes] == [Written, DuplicateRecord]
    assert outcomes[1].existing_id == outcomes[0].id


def test_a_row_that_others_refer_to_stays(contacts):
    with contacts.client() as client:
        client.write(resource(client, "contacts"), [create(email="a", company_id={"id": "1", "label": None})])
        companies = resource(client, "companies")
        (spare,) = client.write(companies, [create(name="Globex", code="G")])
        outcomes = client.write(companies, [delete("1"), delete(spare.id), delete("99")])
    assert isinstance(outcomes[0], Refused) and isinstance(outcomes[1], Written) and outcomes[2] == NotFound()
    if contacts.kind != "sqlite":
        assert outcomes[0].reason is Refusal.APP_RULE


def test_a_rule_of_the_databases_owner_is_told_in_its_words(postgresql):
    postgresql.run(
        "CREATE TABLE deals (id serial PRIMARY KEY, amount numeric)",
        "CREATE FUNCTION mind() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN IF NEW.amount > 10 THEN RAISE 'ask the boss first'; END IF; NEW.amount := NEW.amount + 1;"
        " RETURN NEW; END$$",
        "CREATE TRIGGER mind BEFORE INSERT ON deals FOR EACH ROW EXECUTE FUNCTION mind()",
    )
    with postgresql.client() as client:
        outcomes = client.write(resource(client, "deals"), [create(amount="11"), create(amount="2")])
    assert outcomes[0] == Refused(Refusal.APP_RULE, "ask the boss first")
    assert outcomes[1].record.values["amount"] == "3", "what a trigger made of it is read back"


def test_what_is_checked_at_the_end_is_told_of_its_row(postgresql):
    postgresql.run(
        "CREATE TABLE companies (id integer PRIMARY KEY)",
        "CREATE TABLE contacts (id serial PRIMARY KEY, company_id integer REFERENCES companies"
        " DEFERRABLE INITIALLY DEFERRED)",
    )
    with postgresql.client() as client:
        wrong = create(company_id={"id": "7", "label": None})
        outcomes = client.write(resource(client, "contacts"), [create(), wrong])
    assert isinstance(outcomes[0], Written) and outcomes[1].field == "company_id"


def test_a_right_that_is_missing_refuses_and_does_not_sign_out(postgresql):
    user = postgresql.settings["user"]
    postgresql.run(
        "CREATE TABLE contacts (id serial PRIMARY KEY, name text)", "CREATE TABLE secret (id int PRIMARY KEY)"
    )
    with postgresql.client() as client:
        offered = resource(client, "contacts")
        (made,) = client.write(offered, [create(name="Ann")])
        postgresql.run(f"REVOKE UPDATE ON contacts FROM {user}", f"REVOKE SELECT ON secret FROM {user}")
        (outcome,) = client.write(offered, [update(made.id, name="Bea")])
        assert isinstance(outcome, Refused) and outcome.reason is Refusal.PERMISSION
        now = {r.name: r for r in client.resources()}
        assert now["contacts"].writes == {WriteKind.CREATE} and "secret" not in now


# keys, clocks, defaults


def test_creations_with_a_key_of_ours_can_be_sent_again(database):
    kind = {"postgresql": "uuid", "mysql": "char(36)", "sqlite": "varchar(36)"}[database.kind]
    database.run(f"CREATE TABLE contacts (id {kind} PRIMARY KEY NOT NULL, name varchar(50))")
    with database.client() as client:
        offered = resource(client, "contacts")
        assert offered.idempotency is Idempotency.KEY and offered.field("id").read_only
        writes = [create(name=f"{n}") for n in range(5)]
        first = client.write(offered, writes[:3])
        again = client.write(offered, writes)
        assert [o.id for o in again] == [w.key for w in writes]
        assert [o.record for o in again[:3]] == [o.record for o in first]
        assert set(client.find(offered, [writes[0].key, str(uuid.uuid4())])) == {writes[0].key}
    assert count(database) == 5


def test_the_same_creation_from_two_sides_at_once_makes_one_row(postgresql):
    postgresql.run("CREATE TABLE contacts (id uuid PRIMARY KEY, name text)")
    writes = [create(name=f"{n}") for n in range(50)]
    answers = []

    def send():
        with postgresql.client() as client:
            answers.append(client.write(resource(client, "contacts"), writes))

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [[o.id for o in answer] for answer in answers] == [[w.key for w in writes]] * 3
    assert count(postgresql) == 50


def test_composite_keys_lead_back_to_their_rows(database):
    database.run(
        "CREATE TABLE prices (country char(2) NOT NULL, sku varchar(20) NOT NULL, amount decimal(8, 2),"
        " PRIMARY KEY (country, sku))"
    )
    skus = ["a", "a,b", "a%2Cb", "50%", ",", "é🌻"]
    with database.client() as client:
        offered = resource(client, "prices")
        outcomes = client.write(offered, [create(country="DE", sku=sku, amount="1.00") for sku in skus])
        ids = [o.id for o in outcomes]
        assert ids[1] == "DE,a%2Cb" and len(set(ids)) == len(skus)
        found = client.get(offered, [*ids, "DE", "DE,nothing", "DE,a,b"])
        assert {r.id: r.values["sku"] for r in found} == dict(zip(ids, skus, strict=True))
        changed = client.write(offered, [update(id, amount="2.00") for id in ids])
        assert {o.record.values["amount"] for o in changed} <= {"2.00", "2"}
        (moved,) = client.write(offered, [update(ids[0], sku="z")])
        assert isinstance(moved, Refused) and moved.field == "sku"
        (doubled,) = client.write(offered, [create(country="DE", sku="a")])
        assert doubled == DuplicateRecord(existing_id=ids[0], message=doubled.message)
        assert all(isinstance(o, Written) for o in client.write(offered, [delete(id) for id in ids]))
    assert count(database, "prices") == 0


def test_the_databases_clock_stamps_what_we_write(database):
    database.run(
        f"CREATE TABLE contacts (id {database.counter}, name varchar(50),"
        f" created_at {database.moment}, updated_at {database.moment})"
    )
    with database.client() as client:
        offered = resource(client, "contacts")
        (made,) = client.write(offered, [create(name="Ann")])
        assert made.record.created_at and made.record.modified_at > "2026"
        assert made.record.values["created_at"] == made.record.created_at
        (changed,) = client.write(offered, [update(made.id, made.record.version, name="Bea")])
        assert changed.record.modified_at > made.record.modified_at
        assert changed.record.created_at == made.record.created_at


def test_defaults_fill_what_is_not_given(database):
    database.run(
        f"CREATE TABLE contacts (id {database.counter}, name varchar(50) NOT NULL DEFAULT '',"
        " stage varchar(10) NOT NULL DEFAULT 'new', nick varchar(10))"
    )
    with database.client() as client:
        offered = resource(client, "contacts")
        assert not any(field.required for field in offered.fields)
        (made,) = client.write(offered, [create(nick="Al", stage=None)])
        assert made.record.values == {"id": int(made.id), "name": None, "stage": "new", "nick": "Al"}
        (named,) = client.write(offered, [update(made.id, name="Ann", nick=None)])
        assert named.record.values["name"] == "Ann" and named.record.values["nick"] is None
        (cleared,) = client.write(offered, [update(made.id, name=None)])
        assert cleared.record.values["name"] is None
    assert database.rows("SELECT name, nick FROM contacts") == [("", None)]


def test_rows_without_values_can_be_made(database):
    database.run(f"CREATE TABLE contacts (id {database.counter}, name varchar(50))")
    with database.client() as client:
        outcomes = client.write(resource(client, "contacts"), [create(), create(name="Ann"), create()])
    assert len({o.id for o in outcomes}) == 3 and outcomes[1].record.values["name"] == "Ann"


def test_computed_columns_are_read_only(database):
    stored = "" if database.kind == "mysql" else "STORED"
    database.run(
        f"CREATE TABLE line_items (id {database.counter}, price integer, quantity integer,"
        f" total integer GENERATED ALWAYS AS (price * quantity) {stored})"
    )
    with database.client() as client:
        offered = resource(client, "line_items")
        assert offered.field("total").read_only
        (made,) = client.write(offered, [create(price=2, quantity=3)])
        assert made.record.values["total"] == 6
        (refused,) = client.write(offered, [update(made.id, total=7)])
        assert isinstance(refused, Refused) and refused.field == "total"


def test_without_returning_the_ids_are_known_as_well(mariadb):
    """MySQL, which cannot answer with what it inserted."""
    mariadb.run("CREATE TABLE contacts (id integer AUTO_INCREMENT PRIMARY KEY, name varchar(50) UNIQUE)")
    with mariadb.client() as client:
        offered = resource(client, "contacts")
        client._session._engine.dialect.insert_returning = False
        client._session._engine.dialect.insert_executemany_returning = False
        writes = [create(name=f"{n % 90}") for n in range(100)]
        outcomes = client.write(offered, writes)
    there = {name: str(id) for id, name in mariadb.rows("SELECT id, name FROM contacts")}
    assert len(there) == 90
    assert [o.id for o in outcomes[:90]] == [there[f"{n}"] for n in range(90)]
    assert [o.existing_id for o in outcomes[90:]] == [there[f"{n}"] for n in range(10)]


def test_a_table_that_cannot_take_half_a_batch_back_is_read_only(mariadb):
    mariadb.run("CREATE TABLE contacts (id integer PRIMARY KEY, name varchar(50)) ENGINE = MyISAM")
    with mariadb.client() as client:
        offered = resource(client, "contacts")
        assert not offered.writes and all(field.read_only for field in offered.fields)
        (outcome,) = client.write(offered, [create(name="Ann")])
        assert isinstance(outcome, Refused) and outcome.reason is Refusal.PERMISSION


# somebody else


def test_an_edit_between_read_and_write_is_not_overwritten(contacts):
    with contacts.client() as client:
        offered = resource(client, "contacts")
        made = client.write(offered, [create(email=f"{n}", age=1) for n in range(4)])
        contacts.run("UPDATE contacts SET nick = 'theirs' WHERE email = '1'", "DELETE FROM contacts WHERE email = '2'")
        outcomes = client.write(offered, [update(o.id, o.record.version, age=2) for o in made])
        assert [type(o) for o in outcomes] == [Written, VersionMismatch, NotFound, Written]
        assert outcomes[1].current.values["nick"] == "theirs" and outcomes[1].current.values["age"] == 1
        again = client.write(offered, [update(made[1].id, outcomes[1].current.version, age=2)])
        assert isinstance(again[0], Written)
        stale = client.write(offered, [delete(made[0].id, made[0].record.version)])
        assert isinstance(stale[0], VersionMismatch)
    assert contacts.rows("SELECT age FROM contacts WHERE email = '1'") == [(2,)]


def test_of_two_who_write_the_same_rows_at_once_one_wins(contacts):
    with contacts.client() as client:
        made = client.write(resource(client, "contacts"), [create(email=f"{n}", age=0) for n in range(40)])
    outcomes = []

    def race(number):
        with contacts.client() as client:
            offered = resource(client, "contacts")
            order = made if number % 2 else made[::-1]
            outcomes.extend(client.write(offered, [update(o.id, o.record.version, age=number) for o in order]))

    threads = [threading.Thread(target=race, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(o, Written) for o in outcomes) == 40
    assert sum(isinstance(o, VersionMismatch) for o in outcomes) == 80


def test_a_name_that_a_reference_shows_is_no_part_of_the_version(contacts):
    with contacts.client() as client:
        offered = resource(client, "contacts")
        (made,) = client.write(offered, [create(email="a", company_id={"id": "1", "label": None})])
        assert made.record.values["company_id"] == {"id": "1", "label": "Acme"}
        contacts.run("UPDATE companies SET name = 'Acme Ltd'")
        (now,) = client.get(offered, [made.id])
        assert now.values["company_id"] == {"id": "1", "label": "Acme Ltd"} and now.version == made.record.version


def test_a_connection_that_dies_in_a_batch_leaves_nothing_of_it(postgresql):
    postgresql.run(
        "CREATE TABLE contacts (id serial PRIMARY KEY, name text)",
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS"
        " $$BEGIN IF NEW.name = 'dies' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
        " RETURN NEW; END$$",
        "CREATE TRIGGER die BEFORE INSERT ON contacts FOR EACH ROW EXECUTE FUNCTION die()",
    )
    with postgresql.client() as client:
        offered = resource(client, "contacts")
        with pytest.raises(Retry):
            client.write(offered, [create(name="dies" if n == 60 else f"{n}") for n in range(100)])
        assert count(postgresql) == 0
        outcomes = client.write(offered, [create(name=f"{n}") for n in range(100)])
        assert all(isinstance(o, Written) for o in outcomes), "the next call connects anew"
    assert count(postgresql) == 100


def test_a_killed_connection_is_made_anew(mariadb):
    mariadb.run("CREATE TABLE contacts (id integer AUTO_INCREMENT PRIMARY KEY, name varchar(50))")
    with mariadb.client() as client:
        offered = resource(client, "contacts")
        client.write(offered, [create(name="Ann")])
        ours = mariadb.rows(
            "SELECT id FROM information_schema.processlist WHERE db = 'customers' AND command = 'Sleep'"
        )
        mariadb.run(*(f"KILL {id}" for (id,) in ours))
        with pytest.raises(Retry):
            client.write(offered, [create(name="Bea")])
        assert isinstance(client.write(offered, [create(name="Cleo")])[0], Written)
    assert [name for (name,) in mariadb.rows("SELECT name FROM contacts ORDER BY id")] == ["Ann", "Cleo"]


def test_a_row_that_somebody_holds_is_tried_again_later(contacts, monkeypatch):
    for vendor in ("postgresql", "mysql", "sqlite"):
        monkeypatch.setattr(f"connectors.builtin.sql.vendors.{vendor}.LOCK_SECONDS", 1)
    with contacts.client() as client:
        offered = resource(client, "contacts")
        (made,) = client.write(offered, [create(email="a")])
    other = contacts.connect()
    try:
        with contacts.client() as client:
            other.cursor().execute("BEGIN")
            other.cursor().execute("UPDATE contacts SET age = 7")
            with pytest.raises(Retry):
                client.write(offered, [update(made.id, age=8)])
            other.cursor().execute("COMMIT")
            (outcome,) = client.write(offered, [update(made.id, age=8)])
            assert isinstance(outcome, Written)
    finally:
        other.close()


def test_a_batch_that_takes_too_long_is_taken_back(contacts, monkeypatch):
    monkeypatch.setattr("connectors.builtin.sql.session.CALL_SECONDS", -1)
    with contacts.client() as client, pytest.raises(Retry, match="did not manage"):
        client.write(resource(client, "contacts"), [create(email="a")])
    assert count(contacts) == 0
