"""Work on sets, not on rows: how many statements a pass needs does not grow with the records in it."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from connectors.contract import WriteKind
from connectors.testing.memory import contacts
from syncengine.run.clock import Clock
from tenants.models import Workspace
from tests.bench.apply import changed
from tests.run.conftest import MakeWorld, World


def statements_of_edits(world: World, count: int) -> int:
    for n, id_ in enumerate(list(world.a.rows)[:count]):
        world.a.edit(id_, notes=f"edit {world.now} {n}")
    world.wait(minutes=1)
    with CaptureQueriesContext(connection) as asked:
        world.rest()
    return len(asked)


def test_a_pass_asks_the_database_no_question_a_record(make_world: MakeWorld) -> None:
    batches = dict.fromkeys(WriteKind, 100)
    left, right = (contacts(batch=batches, lock=True, versions=True) for _ in range(2))
    world = make_world(left, right)
    for n in range(40):
        world.a.add(first=f"P{n}", last="X", mail=f"p{n}@example.com")
        world.b.add(first=f"P{n}", last="X", mail=f"p{n}@example.com")
    world.rest()
    few, many = (statements_of_edits(world, count) for count in (2, 20))
    assert len(world.right.sent) == 22
    assert many <= few, "a statement for each record"


def test_every_changed_record_arrives_with_the_fewest_requests(workspace: Workspace) -> None:
    """The benchmark of changed records (`./run bench apply`), in short."""
    figures = changed(300, 100, Clock())
    assert figures["requests"] == {"made": 7, "fewest": 7}
    assert figures["worker_us"] > 0 and figures["floor"]["worker_us"] > 0
