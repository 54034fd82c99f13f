"""Our database is set back to an older backup, and the apps are not (failure mode A6): nothing is deleted, nothing is
there twice, and what both sides changed is a conflict as any other."""

from __future__ import annotations

from django.db import transaction

from connectors.contract import WriteKind
from syncengine.core.mapping import Side
from syncengine.models import Operation

from .conftest import MakeWorld

ANN = {"first": "Ann", "last": "Lee"}


def test_rule_10_4_a_restored_database_deletes_and_doubles_nothing(make_world: MakeWorld) -> None:
    world = make_world(deletions={Side.A: WriteKind.DELETE, Side.B: WriteKind.DELETE})
    for n in range(8):
        world.a.add(ANN, mail=f"p{n}@example.com")
    world.rest()
    backup, before = transaction.savepoint(), world.now
    world.a.edit("1", job="Cook")
    world.b.edit("2", job="Baker")
    late = world.a.add(ANN, mail="late@example.com")
    other = world.b.add(ANN, mail="other@example.com")
    world.a.remove("3")
    world.rest()
    assert "3" not in world.b.rows and len(world.a.rows) == len(world.b.rows) == 9
    world.a.edit("4", job="Left")
    world.b.edit("4", job="Right")
    transaction.savepoint_rollback(backup)
    world.sync.refresh_from_db()
    world.now = max(world.now, before)
    removed = [write for write in (*world.left.sent, *world.right.sent) if write.kind is WriteKind.DELETE]
    world.wait(minutes=11)
    world.rest()
    after = [write for write in (*world.left.sent, *world.right.sent) if write.kind is WriteKind.DELETE]
    assert after == removed and not Operation.objects.filter(kind=WriteKind.DELETE).exists()
    assert len(world.a.rows) == len(world.b.rows) == 9 and world.states() == {"in_sync": 9}
    assert world.link(a=late).is_whole and world.link(b=other).is_whole
    assert (world.a.values("1")["job"], world.b.values("1")["job"]) == ("Cook", "Cook")
    assert (world.a.values("2")["job"], world.b.values("2")["job"]) == ("Baker", "Baker")
    assert world.b.values("4")["job"] == "Left", "the winner decides"
    world.rests()
