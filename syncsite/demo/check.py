"""Are the demo's two counterparts in step? `python -m syncsite.demo.check [--wait SECONDS]`

Reads both directly, by plain HTTP and SQL, and compares with rules of its own; nothing of the product's
connectors or engine takes part. Exit code 0: in step, 1: not, 2: could not be read.

A card and a contact belong together when they share an e-mail address. Those without a valid one stay out;
where one address is on several cards or contacts, nobody but a person can say what belongs together.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from syncsite.demo import book, sales
from syncsite.demo.place import book_found, sales_found
from syncsite.place import Unusable

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Human:
    """One person on one side, in a form that can be compared: blank is "", phones are E.164."""

    where: str
    emails: tuple[str, ...]
    values: dict[str, tuple[str, ...]]
    """Field → every value that the side has for it, the first one first."""

    def __str__(self) -> str:
        name = " ".join(v[0] for f in ("first name", "last name") if (v := self.values[f]))
        return f"{name} <{', '.join(self.emails) or 'no e-mail'}>"


@dataclass(slots=True)
class Verdict:
    in_step: int = 0
    differing: list[str] = field(default_factory=list)
    only_in_book: list[str] = field(default_factory=list)
    only_in_sales: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    """What is there several times on both sides: nothing that a sync would do by itself."""
    unclear: list[str] = field(default_factory=list)
    without_email: int = 0

    @property
    def good(self) -> bool:
        return not (self.differing or self.only_in_book or self.only_in_sales or self.twice)


def compare(cards: Iterable[Human], contacts: Iterable[Human]) -> Verdict:
    """What is in step and what is not. Pure."""
    verdict = Verdict()
    for group in _groups([*cards, *contacts]):
        left = [human for human in group if human.where == "book"]
        right = [human for human in group if human.where == "sales"]
        if not any(human.emails for human in group):
            verdict.without_email += len(group)
        elif len(left) == len(right) == 1:
            found = _differences(left[0], right[0])
            if found:
                verdict.differing.append(f"{left[0]}: {'; '.join(found)}")
            else:
                verdict.in_step += 1
        elif not right:
            verdict.only_in_book += map(str, left)
        elif not left:
            verdict.only_in_sales += map(str, right)
        elif len(left) > 1 and len(right) > 1:
            verdict.twice += map(str, group)
        else:
            verdict.unclear.append(f"{group[0]} ({len(left)} cards, {len(right)} contacts)")
    return verdict


def human_of_card(card: book.Card) -> Human:
    parsed = card.parsed
    numbers = {"CELL": [], "WORK": []}  # type: dict[str, list[str]]
    for line in parsed.contents.get("tel", []):
        kinds = {kind.upper() for kind in line.params.get("TYPE", [])}
        if "FAX" not in kinds:
            numbers["CELL" if "CELL" in kinds else "WORK"].append(_phone(line.value))
    name, address = _only(parsed, "n"), _only(parsed, "adr")
    return Human(
        "book",
        _emails(line.value for line in parsed.contents.get("email", [])),
        {
            "first name": _texts(name.given if name else ""),
            "last name": _texts(name.family if name else ""),
            "phone": tuple(numbers["WORK"]),
            "mobile": tuple(numbers["CELL"]),
            "job title": _texts(_only(parsed, "title") or ""),
            "street": _texts(address.street if address else ""),
            "city": _texts(address.city if address else ""),
            "postal code": _texts(address.code if address else ""),
            "country": _texts(address.country if address else ""),
            "birthday": _texts(re.sub(r"T.*|-", "", _only(parsed, "bday") or "")),
            "notes": _texts(_only(parsed, "note") or ""),
        },
    )


def human_of_contact(row: dict[str, Any]) -> Human:
    born = row["birthday"]
    return Human(
        "sales",
        _emails([row["email"] or ""]),
        {
            "first name": _texts(row["first_name"]),
            "last name": _texts(row["last_name"]),
            "phone": (_phone(row["phone"]),) if row["phone"] else (),
            "mobile": (_phone(row["mobile"]),) if row["mobile"] else (),
            "job title": _texts(row["job_title"]),
            "street": _texts(row["street"]),
            "city": _texts(row["city"]),
            "postal code": _texts(row["zip"]),
            "country": _texts(row["country"]),
            "birthday": _texts(born.strftime("%Y%m%d") if born else ""),
            "notes": _texts(row["notes"]),
        },
    )


def _differences(card: Human, contact: Human) -> list[str]:
    """A contact has one value of each field; a card may have more, of which it has to be one."""
    found = []
    for name, ours in card.values.items():
        theirs = contact.values[name]
        if bool(ours) != bool(theirs) or not set(theirs) <= set(ours):
            shown = [" / ".join(values) or "blank" for values in (ours, theirs)]
            found.append(f"{name} {shown[0]!r} in the address book, {shown[1]!r} in sales")
    return found


def _groups(humans: Sequence[Human]) -> list[list[Human]]:
    """Those who share an address, directly or over others; who has none is a group alone."""
    leader: dict[str, str] = {}

    def head(address: str) -> str:
        while leader.setdefault(address, address) != address:
            address = leader[address]
        return address

    for human in humans:
        for address in human.emails[1:]:
            leader[head(address)] = head(human.emails[0])
    groups: dict[object, list[Human]] = defaultdict(list)
    for human in humans:
        groups[head(human.emails[0]) if human.emails else id(human)].append(human)
    return list(groups.values())


def _emails(texts: Iterable[str]) -> tuple[str, ...]:
    """Only the valid ones, in lower case."""
    valid = []
    for text in texts:
        try:
            valid.append(validate_email(text.strip(), check_deliverability=False).normalized.lower())
        except EmailNotValidError:
            continue
    return tuple(valid)


def _phone(text: str) -> str:
    try:
        number = phonenumbers.parse(re.sub(r"^00", "+", text.strip()), None)
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        return text.strip()


def _texts(value: object) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else [value or ""]
    text = unicodedata.normalize("NFC", " ".join(" ".join(str(part) for part in parts).split()))
    return (text,) if text else ()


def _only(parsed: Any, name: str) -> Any:
    lines = parsed.contents.get(name)
    return lines[0].value if lines else None


def _print(verdict: Verdict) -> None:
    print(f"{verdict.in_step} people in step, {verdict.without_email} without a valid e-mail address left out")
    for title, people in (
        ("differ", verdict.differing),
        ("only in the address book", verdict.only_in_book),
        ("only in the sales database", verdict.only_in_sales),
        ("several times on both sides", verdict.twice),
        ("for a person to decide", verdict.unclear),
    ):
        if people:
            print(f"{len(people)} {title}:")
            for line in people[:SHOWN]:
                print(f"  {line}")
            if len(people) > SHOWN:
                print(f"  and {len(people) - SHOWN} more")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m syncsite.demo.check", description=__doc__.split("\n")[0])
    parser.add_argument("--wait", type=float, default=0, help="seconds to wait until both are in step")
    deadline = time.monotonic() + parser.parse_args(arguments).wait
    try:
        while True:
            cards = map(human_of_card, book.read(book_found()))
            verdict = compare(cards, map(human_of_contact, sales.contacts(sales_found())))
            if verdict.good or time.monotonic() > deadline:
                break
            time.sleep(2)
    except Unusable as error:
        print(f"cannot be checked: {error}", file=sys.stderr)
        return 2
    _print(verdict)
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
