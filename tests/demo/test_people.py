"""The invented people: always the same, plausible, and known to the two sides as the demo promises."""

import hashlib
from collections import Counter

import phonenumbers
import pytest
from email_validator import validate_email

from syncsite.demo.people import IN_BOTH, TWICE_IN_BOOK, invent


@pytest.fixture(scope="module")
def world():
    return invent()


def addresses(people):
    return [address.lower() for person in people for address in person.emails]


def test_is_the_same_every_time_and_everywhere(world):
    assert invent() == world
    # A changed world would not fit the counterparts that an older demo has filled.
    assert hashlib.sha256(repr(world).encode()).hexdigest()[:12] == "4e6b83058a47"


def test_is_as_large_as_promised(world):
    assert (len(world.book), len(world.sales), len(world.companies)) == (500, 600, 120)


def test_many_are_known_to_both_by_an_address(world):
    shared = set(addresses(world.book)) & set(addresses(world.sales))
    assert len(shared) >= IN_BOTH - 3


def test_both_know_different_things_of_the_same_people(world):
    pairs = list(zip(world.book[:IN_BOTH], world.sales, strict=False))
    for name in ("emails", "phone", "mobile", "title", "city", "note", "birthday"):
        assert sum(getattr(a, name) != getattr(b, name) for a, b in pairs) >= 20, name
    assert all((a.given, a.family, a.company) == (b.given, b.family, b.company) for a, b in pairs)


def test_some_have_no_address_or_no_valid_one(world):
    assert sum(not person.emails for person in world.book) >= 20
    assert sum(not person.emails for person in world.sales) >= 10
    assert "not known yet" in addresses(world.sales)


def test_addresses_are_unique_but_for_those_who_are_there_twice(world):
    twice = {address for address, count in Counter(addresses(world.book)).items() if count > 1}
    assert twice == set(addresses([world.book[place] for place in TWICE_IN_BOOK]))
    assert max(Counter(addresses(world.sales)).values()) == 1


def test_addresses_and_numbers_are_valid(world):
    for person in (*world.book, *world.sales):
        for address in person.emails:
            if address != "not known yet":
                validate_email(address, check_deliverability=False)
        for number in filter(None, (person.phone, person.mobile)):
            international = "+" + number.removeprefix("00") if number.startswith("00") else number
            assert phonenumbers.is_valid_number(phonenumbers.parse(international)), number


def test_a_number_written_differently_is_the_same_number(world):
    for ours, theirs in zip(world.book[:IN_BOTH], world.sales, strict=False):
        if ours.phone:
            international = "+" + theirs.phone.removeprefix("00") if theirs.phone.startswith("00") else theirs.phone
            assert phonenumbers.parse(ours.phone) == phonenumbers.parse(international)
