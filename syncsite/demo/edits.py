"""A few edits on both sides, made through the counterparts' own interfaces, to watch them cross."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from syncsite.demo import book, sales
from syncsite.demo.people import Person

EDITED_EACH_TIME = 4


@dataclass(frozen=True, slots=True)
class Edit:
    """What was done, and where it will show once it has crossed."""

    where: str
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class _Pair:
    """A person whom both sides know."""

    card: book.Card
    contact: dict[str, Any]

    @property
    def who(self) -> str:
        return f"{self.contact['first_name']} {self.contact['last_name']} <{self.contact['email']}>"


def edit(*, address_book: book.Book, database: sales.Sales, counter: Path) -> Sequence[Edit]:
    """Six edits, three on each side, other people each time; the counter file remembers how often.

    Raises Unusable.
    """
    turn = int(counter.read_text()) + 1 if counter.exists() else 1
    pairs = sorted(_pairs(book.read(address_book), sales.contacts(database)), key=lambda p: p.contact["id"])
    first = (turn - 1) * EDITED_EACH_TIME
    one, two, three, four = (pairs[(first + step) % len(pairs)] for step in range(EDITED_EACH_TIME))
    counter.write_text(f"{turn}\n")
    return [
        _change_phone(address_book, one, f"+4930220{turn % 10000:04}"),
        _change_title(address_book, two, f"Head of Project {turn}"),
        _add_card(address_book, turn),
        *_edit_sales(database, three, four, turn),
    ]


def _pairs(cards: Sequence[book.Card], contacts: Sequence[dict[str, Any]]) -> Iterator[_Pair]:
    """Those who have the same main address on both sides, and on no second card or contact."""
    by_address: dict[str, list[dict[str, Any]]] = {}
    for contact in contacts:
        by_address.setdefault((contact["email"] or "").lower(), []).append(contact)
    cards_by_address: dict[str, list[book.Card]] = {}
    for card in cards:
        for line in card.parsed.contents.get("email", []):
            cards_by_address.setdefault(line.value.lower(), []).append(card)
    for address, holders in cards_by_address.items():
        known = by_address.get(address, [])
        if len(holders) == len(known) == 1:
            yield _Pair(holders[0], known[0])


def _change_phone(address_book: book.Book, pair: _Pair, number: str) -> Edit:
    parsed = pair.card.parsed
    lines = [x for x in parsed.contents.get("tel", []) if "CELL" not in x.params.get("TYPE", [])]
    before = lines[0].value if lines else "none"
    if lines:
        lines[0].value = number
    else:
        line = parsed.add("tel")
        line.value, line.type_param = number, "WORK"
    book.put(address_book, pair.card.href, parsed.serialize(), pair.card.etag)
    return Edit("address book", pair.who, f"phone: {before} → {number}")


def _change_title(address_book: book.Book, pair: _Pair, title: str) -> Edit:
    parsed = pair.card.parsed
    lines = parsed.contents.get("title", [])
    before = lines[0].value if lines else "none"
    (lines[0] if lines else parsed.add("title")).value = title
    book.put(address_book, pair.card.href, parsed.serialize(), pair.card.etag)
    return Edit("address book", pair.who, f"job title: {before} → {title}")


def _add_card(address_book: book.Book, turn: int) -> Edit:
    name = f"card-{turn}"
    person = _newcomer("Rosa", "Neumann", name)
    book.put(address_book, f"/{book.USER}/people/{name}.vcf", book.card_of(person, 1_000_000 + turn), None)
    return Edit("address book", f"{person.given} {person.family} <{person.emails[0]}>", "new card")


def _edit_sales(database: sales.Sales, one: _Pair, two: _Pair, turn: int) -> Iterator[Edit]:
    with psycopg.connect(database.url, connect_timeout=10, row_factory=dict_row) as connection:
        number, city = f"+447400{turn % 1_000_000:06}", ("Ghent", "Graz", "Turku", "Cork", "Basel")[turn % 5]
        connection.execute("UPDATE contacts SET mobile = %s WHERE id = %s", [number, one.contact["id"]])
        connection.execute("UPDATE contacts SET city = %s WHERE id = %s", [city, two.contact["id"]])
        person = _newcomer("Viktor", "Adler", f"row-{turn}")
        row = sales.row_of(person, {})
        names, marks = ", ".join(row), ", ".join(f"%({name})s" for name in row)
        connection.execute(f"INSERT INTO contacts ({names}) VALUES ({marks})", row)
    before = one.contact["mobile"] or "none"
    yield Edit("sales database", one.who, f"mobile: {before} → {number}")
    yield Edit("sales database", two.who, f"city: {two.contact['city'] or 'none'} → {city}")
    yield Edit("sales database", f"{person.given} {person.family} <{person.emails[0]}>", "new contact")


def _newcomer(given: str, family: str, name: str) -> Person:
    return Person(
        given=given, family=family, emails=(f"{given}.{family}.{name}@mail.example".lower(),),
        phone="+493012345678", mobile="", title="", company=None, street="Lindenallee 7", city="Berlin",
        region="", zip="10115", country="Germany",
    )  # fmt: skip


def lines(edits: Sequence[Edit]) -> list[str]:
    """To print."""
    width = max(len(edit.where) for edit in edits)
    return [f"  {edit.where:<{width}}  {edit.who}: {edit.what}" for edit in edits]
