"""The two systems that the journeys connect: an address book in Radicale and a customer database in PostgreSQL.

Both are filled, edited and read directly, never through our code.
"""

from __future__ import annotations

import re
import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from syncsite.demo import book, sales
from syncsite.demo.people import Person

Known = dict[str, str]
"""What one side knows of a person: given, family, phone (digits), title, city. Blank is ""."""

START_SECONDS = 30
GIVEN = ("Ada", "Bela", "Chloé", "Dario", "Edda", "Femi", "Greta", "Hugo", "Ines", "Jón", "Kaya", "Lev")
FAMILY = ("Adler", "Brandt", "Costa", "Diallo", "Eriksen", "Fischer", "Grünwald", "Haddad", "Ivanova", "Jansen")

# Who is where at the beginning.
IN_BOTH, ONLY_IN_BOOK, ONLY_IN_CRM, NO_EMAIL_IN_BOOK, NO_EMAIL_IN_CRM = 12, 8, 5, 2, 1
NO_SURNAME = 1
"""Cards that the database refuses, since its column for the last name may not be blank."""


def email(number: int) -> str:
    return f"person{number}@mail.example"


def person(number: int, **known: Any) -> Person:
    blank = Person(
        given=GIVEN[number % len(GIVEN)],
        family=FAMILY[number // len(GIVEN) % len(FAMILY)],
        emails=(email(number),),
        phone=f"+4930901{number:04}",
        mobile="", title="", company=None, street="", city="", region="", zip="", country="",
    )  # fmt: skip
    return replace(blank, **known)


def people_of_book() -> list[Person]:
    """Their job titles are others than in the database; the second's phone is another one, the first has one alone."""
    both = [person(n, title="Clerk") for n in range(IN_BOTH)]
    both[1] = replace(both[1], phone="+49309019999")
    alone = [person(IN_BOTH + n, city="Ghent") for n in range(ONLY_IN_BOOK)]
    nameless = [person(1000 + n, emails=()) for n in range(NO_EMAIL_IN_BOOK)]
    return [*both, *alone, *nameless, *(person(2000 + n, family="") for n in range(NO_SURNAME))]


def people_of_crm() -> list[Person]:
    both = [person(n, title="Manager") for n in range(IN_BOTH)]
    both[0] = replace(both[0], phone="")
    first = IN_BOTH + ONLY_IN_BOOK
    alone = [person(first + n, city="Graz") for n in range(ONLY_IN_CRM)]
    return [*both, *alone, *(person(3000 + n, emails=()) for n in range(NO_EMAIL_IN_CRM))]


def crowd(size: int) -> list[Person]:
    """More people, of whom neither side has heard yet."""
    return [person(5000 + n) for n in range(size)]


def digits(number: str | None) -> str:
    return re.sub(r"\D", "", number or "")


# --- The address book ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddressBook:
    """A Radicale server that runs, with one address book."""

    server: book.Book

    @property
    def user(self) -> str:
        return book.USER

    @property
    def settings(self) -> dict[str, str]:
        """What the connector asks for."""
        return {"address": self.server.url, "user": self.user, "password": self.server.password}

    def read(self) -> dict[str, Known]:
        """By e-mail address."""
        found = {}
        for card in book.read(self.server):
            one = {name: _main(lines).value for name, lines in card.parsed.contents.items()}
            if "email" in one:
                found[one["email"]] = {
                    "given": one["n"].given,
                    "family": one["n"].family,
                    "phone": digits(one.get("tel")),
                    "title": one.get("title", ""),
                    "city": one["adr"].city if "adr" in one else "",
                }
        return found

    def change(self, address: str, line: str, value: str) -> None:
        """As a phone or a mail program would: over the card as it is now."""
        card = next(c for c in book.read(self.server) if address in c.text)
        parsed = card.parsed
        parsed.contents[line][0].value = value
        book.put(self.server, card.href, parsed.serialize(), card.etag)


def _main(lines: Sequence[Any]) -> Any:
    """The line that is marked as preferred, else the first (RFC 2426, 3.3.1)."""
    return next((line for line in lines if "PREF" in line.params.get("TYPE", ())), lines[0])


@contextmanager
def address_book(directory: Path) -> Iterator[AddressBook]:
    """The server as a process of its own, filled, for as long as the block runs."""
    server = book.prepare(directory)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(server.command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not book.answers(server):
            assert process.poll() is None and time.monotonic() < deadline, (directory / "log").read_text()
            time.sleep(0.05)
        book.fill(server, people_of_book())
        yield AddressBook(server)
    finally:
        process.terminate()
        process.wait(START_SECONDS)


# --- The customer database ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Crm:
    """A database of its own, with a user of its own: tables companies, contacts and deals."""

    host: str
    port: int
    database: str
    user: str
    password: str

    @property
    def settings(self) -> dict[str, str]:
        """What the connector asks for."""
        return {
            "database_kind": "postgresql", "host": self.host, "port": str(self.port), "database": self.database,
            "user": self.user, "password": self.password,
        }  # fmt: skip

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows, if there are any."""
        access = {"host": self.host, "port": self.port, "user": self.user, "password": self.password}
        with psycopg.connect(**access, dbname=self.database, row_factory=dict_row) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def add(self, people: Sequence[Person]) -> None:
        rows = [sales.row_of(one, {}) for one in people]
        names = list(rows[0])
        marks = ", ".join(f"({', '.join(['%s'] * len(names))})" for _ in rows)
        values = [row[name] for row in rows for name in names]
        self.run(f"INSERT INTO contacts ({', '.join(names)}) VALUES {marks}", values)

    def read(self) -> dict[str, Known]:
        """By e-mail address."""
        rows = self.run("SELECT * FROM contacts WHERE email IS NOT NULL")
        return {
            row["email"]: {
                "given": row["first_name"] or "",
                "family": row["last_name"],
                "phone": digits(row["phone"]),
                "title": row["job_title"] or "",
                "city": row["city"] or "",
            }
            for row in rows
        }


@contextmanager
def crm(server: psycopg.Connection[Any], name: str) -> Iterator[Crm]:
    """Made on the server of this connection (of one who may), filled, and dropped after the block."""
    made = Crm(server.info.host, server.info.port, name, name, secrets.token_urlsafe(12))
    what = {"name": sql.Identifier(name), "password": sql.Literal(made.password)}
    _drop(server, name)
    server.execute(sql.SQL("CREATE ROLE {name} LOGIN PASSWORD {password}").format(**what))
    try:
        server.execute(sql.SQL("CREATE DATABASE {name} OWNER {name}").format(**what))
        made.run(sales.SCHEMA)
        made.add(people_of_crm())
        yield made
    finally:
        _drop(server, name)


def _drop(server: psycopg.Connection[Any], name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
    server.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
