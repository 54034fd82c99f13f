"""The demo's two counterparts, real ones: filled once, edited and compared from outside."""

import secrets
import shutil
import subprocess
import time
from dataclasses import replace

import psycopg
import pytest

from syncsite import embedded
from syncsite.demo import book, check, edits, sales
from syncsite.demo.people import World, invent
from syncsite.place import Unusable, data_directory, make_directory


@pytest.fixture(scope="module")
def directory():
    """A place that PostgreSQL's user can reach, too: pytest's own is closed to others."""
    path = make_directory(data_directory() / f"counterparts-{secrets.token_hex(4)}")
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def server_url(directory):
    yield embedded.start(directory / "postgres", durable=False)
    embedded.stop(directory / "postgres")


@pytest.fixture(scope="module")
def address_book(directory):
    prepared = book.prepare(directory / "book")
    with open(directory / "radicale.log", "wb") as log:
        process = subprocess.Popen(prepared.command, stdout=log, stderr=log)
    deadline = time.monotonic() + 30
    while not book.answers(prepared):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield prepared
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module")
def database(directory, server_url):
    return sales.access(directory / "sales", server_url)


@pytest.fixture
def filled(address_book, database, server_url):
    """Both as the demo leaves them at first."""
    world = invent()
    book.fill(address_book, world.book)
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {sales.DATABASE}")
    sales.make(database, server_url, world)


def verdict_of(address_book, database):
    cards = map(check.human_of_card, book.read(address_book))
    return check.compare(cards, map(check.human_of_contact, sales.contacts(database)))


def test_the_book_is_filled_as_a_whole(address_book, filled):
    assert book.is_filled(address_book)
    assert len(book.read(address_book)) == 500


def test_the_sales_database_is_filled_once(database, server_url, filled):
    with psycopg.connect(database.url) as connection:
        connection.execute("DELETE FROM deals")
        connection.execute("DELETE FROM contacts WHERE id > 10")
    sales.make(database, server_url, invent())
    assert len(sales.contacts(database)) == 10


def test_half_a_sales_database_is_made_anew(database, server_url, filled):
    with psycopg.connect(database.url) as connection:
        connection.execute(f"COMMENT ON DATABASE {sales.DATABASE} IS NULL")
        connection.execute("DROP TABLE deals")
    sales.make(database, server_url, invent())
    assert len(sales.contacts(database)) == 600


def test_a_database_of_somebody_else_is_left_alone(database, server_url, filled):
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE {sales.DATABASE}")
        server.execute(f"CREATE DATABASE {sales.DATABASE}")
        with pytest.raises(Unusable, match="not the demo's"):
            sales.make(database, server_url, invent())
        server.execute(f"DROP DATABASE {sales.DATABASE}")


def test_works_for_a_user_who_is_no_superuser(directory, server_url):
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {sales.DATABASE}")
        server.execute(f"DROP ROLE IF EXISTS {sales.ROLE}")
        server.execute("CREATE ROLE plain LOGIN PASSWORD 'plain' CREATEDB CREATEROLE")
        server.execute("CREATE ROLE poor LOGIN PASSWORD 'poor'")
    where = server_url.rpartition("@")[2]
    database = sales.access(directory / "sales", server_url)
    with pytest.raises(Unusable, match="start with --no-demo"):
        sales.make(database, f"postgresql://poor:poor@{where}", invent())
    sales.make(database, f"postgresql://plain:plain@{where}", invent())
    sales.make(database, f"postgresql://plain:plain@{where}", invent())
    assert len(sales.contacts(database)) == 600


def test_an_edit_moves_the_time_of_change(database, filled):
    with psycopg.connect(database.url) as connection:
        connection.execute("UPDATE contacts SET city = 'Ghent' WHERE id = 7")
    changed = [row["id"] for row in sales.contacts(database) if row["updated_at"] > row["created_at"]]
    assert changed == [7]


def test_edits_touch_both_sides_and_say_so(address_book, database, filled, tmp_path):
    cards = {card.href: card.text for card in book.read(address_book)}
    rows = {row["id"]: row for row in sales.contacts(database)}
    done = edits.edit(address_book=address_book, database=database, counter=tmp_path / "edits")
    changed_cards = [card for card in book.read(address_book) if cards.get(card.href) != card.text]
    changed_rows = [row for row in sales.contacts(database) if rows.get(row["id"]) != row]
    assert (len(changed_cards), len(changed_rows), len(done)) == (3, 3, 6)
    assert len({edit.who for edit in done}) == 6
    again = edits.edit(address_book=address_book, database=database, counter=tmp_path / "edits")
    assert {edit.who for edit in again}.isdisjoint(edit.who for edit in done)


def test_the_check_sees_what_is_not_in_step(address_book, database, filled):
    found = verdict_of(address_book, database)
    assert not found.good
    assert found.in_step > 20
    assert len(found.differing) > 100
    assert len(found.only_in_book) > 150
    assert len(found.only_in_sales) > 250
    assert len(found.unclear) == 2
    assert found.without_email > 30


def test_the_check_is_content_when_both_know_the_same(address_book, database, server_url):
    people = [
        replace(person, emails=person.emails[:1])
        for place, person in enumerate(invent().sales)
        if "not known yet" not in person.emails and place < 200
    ]
    book.fill(address_book, people)
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {sales.DATABASE}")
    sales.make(database, server_url, World(invent().companies, tuple(people), tuple(people)))
    found = verdict_of(address_book, database)
    assert found.good
    assert found.in_step == 200
    with psycopg.connect(database.url) as connection:
        connection.execute("UPDATE contacts SET job_title = 'Nobody' WHERE id = 1")
        connection.execute("DELETE FROM deals WHERE contact_id = 2")
        connection.execute("DELETE FROM contacts WHERE id = 2")
        connection.execute("UPDATE contacts SET phone = phone || ' ' WHERE id = 3")
    found = verdict_of(address_book, database)
    assert not found.good
    assert "job title" in found.differing[0]
    assert (found.in_step, len(found.differing), len(found.only_in_book)) == (198, 1, 1)
