"""The hostile app in memory does what its knobs say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.contract import Page, Write, WriteKind
from connectors.testing.hostile import HostileObject
from connectors.testing.memory import contacts


class Moment:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def hostile(**habits: Any) -> tuple[HostileObject, Moment]:
    moment = Moment()
    return HostileObject(contacts(atomic=habits.pop("atomic", False)).resource, moment=moment, **habits), moment


def pass_over(people: HostileObject) -> list[Page]:
    pages = [people.page(None)]
    while pages[-1].more:
        pages.append(people.page(pages[-1].cursor))
    return pages


def ids(*pages: Page) -> list[str]:
    return [record.id for page in pages for record in page.records]


def test_changes_show_late_and_in_their_order() -> None:
    people, moment = hostile(lag=timedelta(seconds=5))
    id_ = people.add(job="Cook")
    assert ids(people.page(None)) == [] and people.held(id_) is not None
    moment.now += timedelta(seconds=5)
    people.edit(id_, job="Baker")
    assert [r.values["job"] for r in people.get([id_])] == ["Cook"]
    people.remove(id_)
    moment.now += timedelta(seconds=5)
    assert people.get([id_]) == []


def test_what_is_removed_between_pages_makes_the_next_one_miss_a_record() -> None:
    people, _ = hostile(drifts=True, page_size=2)
    for number in range(4):
        people.add(job=str(number))
    first = people.page(None)
    people.remove("1")
    assert ids(first, people.page(first.cursor)) == ["1", "2", "4"]


def test_listings_lie_once() -> None:
    people, _ = hostile(page_size=2)
    for number in range(3):
        people.add(job=str(number))
    people.lie("empty")
    assert [(page.records, page.listing) for page in pass_over(people)] == [((), True)]
    people.lie("cut")
    assert ids(*pass_over(people)) == ["1", "2"]
    assert ids(*pass_over(people)) == ["1", "2", "3"]


def test_a_workflow_reacts_after_the_answer_was_made() -> None:
    seen: list[Any] = []
    people, _ = hostile(
        reaction=lambda row, written: {"notes": f"now {row.values['job']}"} if "job" in written else {},
        reacted=lambda id_, values: seen.append((id_, values)),
    )
    (answer,) = people.write([Write(WriteKind.CREATE, {"job": "Cook"}, key="k")])
    assert answer.record.values["notes"] is None and people.values("1")["notes"] == "now Cook"  # type: ignore[union-attr]
    assert seen == [("1", {"notes": "now Cook"})]


def test_nothing_is_told_of_a_batch_that_was_refused_as_a_whole() -> None:
    told: list[Any] = []
    people, _ = hostile(atomic=True, wrote=lambda write, before, outcome: told.append(outcome))
    people.write(
        [Write(WriteKind.CREATE, {"job": "Cook"}, key="k"), Write(WriteKind.CREATE, {"job": "x" * 99}, key="l")]
    )
    assert told == [] and people.rows == {}
