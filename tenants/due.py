"""What is to happen when, for all workspaces in one table. Workers claim from it without meeting each other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet, prefetch_related_objects

from .context import current_workspace
from .models import Due

_SCHEDULE = """
INSERT INTO tenants_due AS due (workspace_id, kind, target, at)
VALUES (%(workspace)s, %(kind)s, %(target)s, %(at)s)
ON CONFLICT (workspace_id, kind, target) DO UPDATE SET
    at = CASE WHEN due.claimed_until IS NOT NULL THEN due.at
              WHEN %(later)s THEN EXCLUDED.at
              ELSE LEAST(due.at, EXCLUDED.at) END,
    wanted_at = CASE WHEN due.claimed_until IS NULL THEN due.wanted_at
                     ELSE LEAST(due.wanted_at, EXCLUDED.at) END
"""

# A workspace's items take turns with those of the others: its first before anybody's second. What it has
# claimed already counts as taken. Of long work no more than a few are under way at a time, over all workspaces, so
# that what takes a moment never waits for a worker to end a slice. The conditions on claimed_until stand twice
# because a row that another worker has claimed since is looked at anew only by those of the outer SELECT.
_CLAIM = """
WITH line AS MATERIALIZED (
    SELECT due.id, due.is_long, due.at, COALESCE(due.claimed_until > %(now)s, FALSE) AS claimed,
           row_number() OVER (
               PARTITION BY due.workspace_id
               ORDER BY (COALESCE(due.claimed_until > %(now)s, FALSE)) DESC, due.at, due.id
           ) AS turn
      FROM tenants_due due
      JOIN tenants_workspace workspace ON workspace.id = due.workspace_id
     WHERE due.at <= %(now)s AND workspace.suspended_at IS NULL
), ranked AS MATERIALIZED (
    SELECT id, turn,
           NOT is_long OR %(longest)s::int IS NULL
               OR row_number() OVER (PARTITION BY is_long ORDER BY claimed DESC, turn, at, id) <= %(longest)s AS let_in
      FROM line
), picked AS MATERIALIZED (
    SELECT due.id
      FROM tenants_due due
      JOIN ranked ON ranked.id = due.id
     WHERE due.at <= %(now)s AND (due.claimed_until IS NULL OR due.claimed_until <= %(now)s) AND ranked.let_in
     ORDER BY ranked.turn, due.at, due.id
     LIMIT %(limit)s
       FOR UPDATE OF due SKIP LOCKED
)
UPDATE tenants_due due
   SET claimed_until = %(until)s, claims = LEAST(due.claims + 1, 1000),
       wanted_at = CASE WHEN due.wanted_at <= %(now)s THEN NULL ELSE due.wanted_at END
  FROM picked
 WHERE due.id = picked.id
RETURNING due.*
"""

_DONE = """
UPDATE tenants_due
   SET at = LEAST(%(at)s, wanted_at), wanted_at = NULL, claimed_until = NULL, claims = 0,
       looked_at = COALESCE(%(looked_at)s, looked_at), is_long = %(is_long)s
 WHERE workspace_id = %(workspace)s AND kind = %(kind)s AND target = %(target)s
   AND COALESCE(%(at)s, wanted_at) IS NOT NULL
"""

_EVERYWHERE = """
INSERT INTO tenants_due (workspace_id, kind, target, at)
SELECT id, %(kind)s, %(target)s, %(at)s FROM tenants_workspace
ON CONFLICT (workspace_id, kind, target) DO NOTHING
"""


def schedule(kind: str, target: int, at: datetime, *, later: bool = False) -> None:
    """Have this happen at a time, in the current workspace. The earlier of two times stays, unless `later`.

    While it is being worked on, the wish is kept: it is due again at `at`, whatever `done` then says.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _SCHEDULE,
            {"workspace": current_workspace().pk, "kind": kind, "target": target, "at": at, "later": later},
        )


def cancel(kind: str, target: int) -> None:
    """Have this happen no more. What is being worked on is not stopped, and does not come back by `done`."""
    _item(kind, target).delete()


def claim(now: datetime, limit: int, hold: timedelta, *, longest: int | None = None) -> list[Due]:
    """Up to `limit` items that are due, nobody else's until now + hold; fair between workspaces.

    Long work is claimed as long as less than `longest` of it is under way (None: always). Items of suspended
    workspaces wait. Whoever claims answers with `done`, in the item's workspace; an item whose holder died may be
    claimed again after `hold`.
    """
    params = {"now": now, "until": now + hold, "limit": limit, "longest": longest}
    found = list(Due.objects.raw(_CLAIM, params))
    prefetch_related_objects(found, "workspace__plan")
    return sorted(found, key=lambda item: (item.at, item.pk))


def done(
    kind: str,
    target: int,
    next_at: datetime | None,
    *,
    looked_at: datetime | None = None,
    is_long: bool = False,
) -> None:
    """The claimed item of the current workspace is dealt with: due again at `next_at`, or not at all (None).

    A wish that came in meanwhile is not lost: the earlier time counts. What was cancelled stays so. `looked_at`: there
    was nothing to do then. `is_long`: there is a lot left to do.
    """
    params = {
        "workspace": current_workspace().pk, "kind": kind, "target": target, "at": next_at, "looked_at": looked_at,
        "is_long": is_long,
    }  # fmt: skip
    if next_at is None:
        with transaction.atomic():
            if _item(kind, target).select_for_update().filter(wanted_at=None).first() is not None:
                _item(kind, target).delete()
                return
    with connection.cursor() as cursor:
        cursor.execute(_DONE, params)


def items(kind: str, targets: Iterable[int]) -> list[Due]:
    """What is due of these in the current workspace, at whatever time."""
    return list(Due.objects.filter(workspace=current_workspace(), kind=kind, target__in=list(targets)))


def _item(kind: str, target: int) -> QuerySet[Due]:
    return Due.objects.filter(workspace=current_workspace(), kind=kind, target=target)


def schedule_everywhere(kind: str, target: int, at: datetime) -> int:
    """Have this happen in every workspace where it is not due already. Returns in how many that was."""
    with connection.cursor() as cursor:
        cursor.execute(_EVERYWHERE, {"kind": kind, "target": target, "at": at})
        return int(cursor.rowcount)
