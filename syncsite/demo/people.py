"""Who is known to whom: people and companies, invented anew and always the same (fixed seed). Pure."""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date, timedelta

from syncsite.demo.names import (
    COMPANY_FIRST,
    COMPANY_FORMS,
    COMPANY_SECOND,
    COUNTRIES,
    INDUSTRIES,
    JOB_TITLES,
    NOTES,
    PROMOTIONS,
    Country,
)

SEED = 2026
IN_BOTH = 300
ONLY_IN_BOOK = 200
ONLY_IN_SALES = 300
COMPANIES = 120
TWICE_IN_BOOK = (10, 20)


@dataclass(frozen=True, slots=True)
class Company:
    name: str
    domain: str
    industry: str
    city: str
    country: str
    employees: int


@dataclass(frozen=True, slots=True)
class Person:
    given: str
    family: str
    emails: tuple[str, ...]
    """None, one or several; the first is the main one."""
    phone: str
    """E.164, or blank; so is `mobile`."""
    mobile: str
    title: str
    company: Company | None
    street: str
    city: str
    region: str
    zip: str
    country: str
    birthday: date | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """What both counterparts start with."""

    companies: tuple[Company, ...]
    book: tuple[Person, ...]
    """500 people of the address book."""
    sales: tuple[Person, ...]
    """600 contacts of the sales database; the first 300 are people of the address book, with other data."""


def invent(seed: int = SEED) -> World:
    """The same world for the same seed, on every machine."""
    dice = random.Random(seed)
    companies = _companies(dice)
    taken: set[str] = set()
    everybody = [_person(dice, companies, taken) for _ in range(IN_BOTH + ONLY_IN_BOOK + ONLY_IN_SALES)]
    book = everybody[: IN_BOTH + ONLY_IN_BOOK]
    sales = [_as_sales_knows(dice, person) for person in everybody[:IN_BOTH]]
    sales += [replace(p, emails=p.emails[:1]) for p in everybody[IN_BOTH + ONLY_IN_BOOK :]]
    # Of those whom only one side knows, some have no e-mail address: they stay where they are.
    for place in range(IN_BOTH, len(book), 9):
        book[place] = replace(book[place], emails=())
    for place in range(IN_BOTH, len(sales), 25):
        sales[place] = replace(sales[place], emails=())
    sales[IN_BOTH + 7] = replace(sales[IN_BOTH + 7], emails=("not known yet",))
    # Two have a second card: which of them is the contact, only a person can say.
    for place in TWICE_IN_BOOK:
        book[len(book) - 1 - place] = replace(book[place], note="", birthday=None)
    # A few cards lack the address, but name and company tell who it is.
    employed = [place for place in range(50, IN_BOTH) if book[place].company]
    for place in employed[:3]:
        book[place] = replace(book[place], emails=())
    return World(tuple(companies), tuple(book), tuple(sales))


def local_form(phone: str, dice: random.Random) -> str:
    """The same number as somebody else would write it, with its country code."""
    if not phone:
        return ""
    digits = phone[1:]
    code = next(c for c in ("351", "1", "31", "33", "34", "39", "44", "46", "49") if digits.startswith(c))
    rest = digits[len(code) :]
    parts = [rest[:3], rest[3:6], rest[6:]]
    form = dice.choice(("+{c} {a} {b} {r}", "+{c} ({a}) {b}-{r}", "+{c}-{a}-{b}-{r}", "00{c} {a}{b}{r}"))
    return form.format(c=code, a=parts[0], b=parts[1], r=parts[2]).strip(" -")


def _companies(dice: random.Random) -> list[Company]:
    pairs = [(first, second) for first in COMPANY_FIRST for second in COMPANY_SECOND]
    made = []
    for first, second in dice.sample(pairs, COMPANIES):
        country = dice.choice(COUNTRIES)
        made.append(
            Company(
                name=f"{first} {second}{dice.choice(COMPANY_FORMS)}",
                domain=f"{first}-{second}.example".lower(),
                industry=dice.choice(INDUSTRIES),
                city=dice.choice(country.places).city,
                country=country.name,
                employees=dice.choice((4, 12, 25, 60, 140, 420, 1300)),
            )
        )
    return made


def _person(dice: random.Random, companies: list[Company], taken: set[str]) -> Person:
    country = dice.choice(COUNTRIES)
    given, family = _name(dice, country, taken)
    company = dice.choice(companies) if dice.random() < 0.85 else None
    login = _ascii(f"{given}.{family}")
    emails = [f"{login}@{company.domain if company else 'mail.example'}"]
    if dice.random() < 0.2:
        emails.append(f"{login.replace('.', '')}{dice.randint(60, 99)}@home.example")
    place = dice.choice(country.places)
    return Person(
        given=given,
        family=family,
        emails=tuple(emails),
        phone=_digits(dice, place.phone) if dice.random() < 0.8 else "",
        mobile=_digits(dice, country.mobile) if dice.random() < 0.6 else "",
        title=dice.choice(JOB_TITLES) if company else "",
        company=company,
        street=country.street_form.format(number=dice.randint(1, 180), street=dice.choice(country.streets)),
        city=place.city,
        region=place.region,
        zip=_digits(dice, place.zip),
        country=country.name,
        birthday=date(1950, 1, 1) + timedelta(days=dice.randrange(20_000)) if dice.random() < 0.3 else None,
        note=dice.choice(NOTES) if dice.random() < 0.25 else "",
    )


def _name(dice: random.Random, country: Country, taken: set[str]) -> tuple[str, str]:
    """A full name that nobody has yet: a second given name tells namesakes apart."""
    given, family = dice.choice(country.given), dice.choice(country.family).replace("_", " ")
    while _ascii(f"{given}.{family}") in taken:
        given = f"{dice.choice(country.given)}-{dice.choice(country.given)}"
        family = dice.choice(country.family).replace("_", " ")
    taken.add(_ascii(f"{given}.{family}"))
    return given, family


def _as_sales_knows(dice: random.Random, person: Person) -> Person:
    """The same person as a colleague in sales wrote it down: the same address for mail, other details."""
    known = replace(
        person,
        emails=(dice.choice(person.emails),),
        phone=local_form(person.phone, dice),
        mobile=person.mobile if dice.random() < 0.7 else "",
        note="" if dice.random() < 0.6 else person.note,
        birthday=None,
    )
    if dice.random() < 0.25:
        known = replace(known, emails=(known.emails[0].title(),))
    if known.title and dice.random() < 0.3:
        known = replace(known, title=dice.choice(PROMOTIONS) + known.title)
    if dice.random() < 0.15:
        place = dice.choice(next(c for c in COUNTRIES if c.name == person.country).places)
        known = replace(known, city=place.city, region=place.region, zip=_digits(dice, place.zip))
    return known


def _digits(dice: random.Random, form: str) -> str:
    return "".join(str(dice.randint(0, 9)) if sign == "#" else sign for sign in form)


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ø", "o"))
    return re.sub(r"[^a-z.-]", "", plain.encode("ascii", "ignore").decode().lower())
