"""Rule 10.3 through the engine: a checkpoint never runs ahead of what is stored."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connectors.contract import ReadStrategy
from connectors.testing.memory import contacts
from syncengine.models import RemoteRecord, Stream
from syncengine.run import read

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee"}


def stream_a(world: World) -> Stream:
    return Stream.objects.get(pk=world.sync.pair.stream_a_id)


class Broken(Exception):
    """The database gave up in the middle of storing a page."""


def test_rule_10_3_a_page_that_is_not_stored_moves_no_checkpoint(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(contacts(page_size=2, read=ReadStrategy.DELTA, tombstones=True))
    world.a.add(ANN, mail="p0@example.com")
    world.rest()
    checkpoint = stream_a(world).cursor
    late = world.a.add(ANN, mail="late@example.com")
    world.wait(minutes=1)
    with monkeypatch.context() as patch:

        def give_up(*_: object) -> None:
            raise Broken

        patch.setattr(read, "mark_gone", give_up)
        world.a.remove(world.a.add(ANN, mail="gone@example.com"))
        world.slice()
    assert stream_a(world).cursor == checkpoint
    assert not RemoteRecord.objects.filter(stream=stream_a(world), remote_id=late).exists(), "all of the page, or none"
    world.wait(minutes=1)
    world.rest()
    assert world.link(a=late).is_whole
    world.rests()


def test_rule_10_3_each_page_is_kept_with_the_checkpoint_behind_it(make_world: MakeWorld) -> None:
    """A pass in slices of one page: what is stored is always just what the cursor has passed."""
    world = make_world(contacts(page_size=2, read=ReadStrategy.DELTA, tombstones=True))
    for n in range(7):
        world.a.add(ANN, mail=f"p{n}@example.com")
    stored = []
    while len(stored) < 4:
        world.slice(slice=timedelta(0))
        stored.append(RemoteRecord.objects.filter(stream=stream_a(world)).count())
    assert stored == [2, 4, 6, 7] and world.left.calls["read"] == 4
    world.rest()
    world.rests()


@pytest.mark.parametrize("page_size", [1, 3, 100])
def test_rule_10_3_any_number_of_records_share_one_time_of_change(make_world: MakeWorld, page_size: int) -> None:
    """The app's clock stands still: whatever is made or edited bears the time at which the last pass ended."""
    world = make_world(contacts(page_size=page_size, read=ReadStrategy.SINCE, tombstones=True))
    ids = [world.a.add(ANN, mail=f"p{n}@example.com") for n in range(7)]
    world.rest()
    for n, id_ in enumerate(ids):
        world.a.edit(id_, job=f"job {n}")
        late = world.a.add(ANN, mail=f"late{n}@example.com")
        world.wait(minutes=1)
        world.rest()
        assert world.b.values(str(world.link(a=id_).b_id))["job"] == f"job {n}"
        assert world.link(a=late).is_whole
    world.rests()
