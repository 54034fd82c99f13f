"""Particular falls of the driver in memory, which the machine meets only once in a long while (rules 3.7, 10.4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.contract import Idempotency, Kind, Values
from connectors.testing.memory import MemoryApp, contacts
from syncengine.core.mapping import FieldMapping, Side, SyncSettings
from syncengine.core.merge import Reason

from .build import A, B
from .driver import Driver, Stopped


def driver_of(
    *, winner: Side = A, rewrite: Callable[[Values], Values] = lambda values: values, **declared: object
) -> Driver:
    names = ("first", "last", "mail", "job")
    settings = SyncSettings(
        kind=Kind.CONTACT,
        winner=winner,
        email_only=False,
        mappings=tuple(FieldMapping(n, (n,), (n,)) for n in names),
    )
    return Driver(settings, MemoryApp(contacts()), MemoryApp(contacts(rewrite=rewrite, **declared)), "contacts")


def stopped(driver: Driver, side: Side, *, took_effect: bool) -> None:
    driver.apps[side].fail_next("write", Stopped(), effect=None if took_effect else 0)
    with pytest.raises(Stopped):
        driver.run()
    driver.stop()


def lower(values: Values) -> Values:
    return {n: v.lower() if isinstance(v, str) else v for n, v in values.items()}


def people(driver: Driver, side: Side) -> list[Values]:
    return list(driver.apps[side]["contacts"].all_values().values())


@pytest.mark.parametrize("took_effect", [True, False])
@pytest.mark.parametrize("tells", Idempotency)
def test_rule_10_4_a_creation_whose_answer_was_lost_happens_once(tells, took_effect):
    driver = driver_of(idempotency=tells)
    driver.apps[A]["contacts"].add(first="Ann", mail="ann@x.de")
    stopped(driver, B, took_effect=took_effect)
    while driver.run():
        pass
    assert len(people(driver, B)) == driver.apps[B]["contacts"].created_by_write == 1
    assert [set(link.ends.values()) for link in driver.links] == [{"1"}]


@pytest.mark.parametrize("took_effect", [True, False])
def test_rule_10_4_without_any_key_it_is_not_repeated_but_put_to_a_person(took_effect):
    """A name alone is no match key (5.3), and an app that rewrites leaves no exact twin."""
    driver = driver_of(rewrite=lower)
    driver.apps[A]["contacts"].add(first="Ann", last="Lee")
    stopped(driver, B, took_effect=took_effect)
    while driver.run():
        pass
    assert len(driver.in_doubt) == 1
    assert len(people(driver, B)) == int(took_effect)


@pytest.mark.parametrize("winner", list(Side))
def test_rule_3_7_an_update_whose_answer_was_lost_never_comes_back_rewritten(winner):
    """B keeps lower case. Compared anew, “boss” would look like an edit of B, and win over what was typed."""
    driver = driver_of(winner=winner, rewrite=lower)
    id_ = driver.apps[A]["contacts"].add(mail="ann@x.de", job="Clerk")
    while driver.run():
        pass
    driver.apps[A]["contacts"].edit(id_, job="Boss")
    stopped(driver, B, took_effect=True)
    while driver.run():
        pass
    assert [person["job"] for person in people(driver, A)] == ["Boss"]
    assert [person["job"] for person in people(driver, B)] == ["boss"]
    assert Reason.REWRITTEN in driver.links[0].notes.values()


def test_rule_8_1_a_deletion_is_neither_passed_on_nor_undone():
    driver = driver_of()
    id_ = driver.apps[A]["contacts"].add(mail="ann@x.de")
    while driver.run():
        pass
    driver.apps[A]["contacts"].remove(id_)
    driver.apps[B]["contacts"].edit("1", job="Boss")
    assert driver.run() == 0
    assert (len(people(driver, A)), len(people(driver, B))) == (0, 1)
    driver.apps[A]["contacts"].restore(id_)
    driver.run()
    assert people(driver, A)[0]["job"] == "Boss"


def test_rule_5_9_a_link_whose_other_end_was_deleted_takes_the_one_that_came_instead():
    driver = driver_of()
    id_ = driver.apps[A]["contacts"].add(mail="ann@x.de")
    while driver.run():
        pass
    driver.apps[A]["contacts"].remove(id_)
    driver.run()
    driver.apps[A]["contacts"].add(mail="ann@x.de", job="Boss")
    while driver.run():
        pass
    assert len(driver.links) == 1 and len(people(driver, B)) == 1
    assert people(driver, B)[0]["job"] == "Boss"
