"""A sync with all that hangs on it, in two statements that are written out once.

Every slice begins with this, also one that finds nothing to do. As one query over all eight tables it took PostgreSQL
longer to plan than to answer, and the ORM longer to write down than both.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import JSONField, Model

from connectors.models import AccountObject, ConnectedAccount

from ..models import SettingsVersion, Stream, StreamPair, Sync, SyncState
from .lease import lease_name

_LIVES = "sync.id = %s AND sync.deleted_at IS NULL AND sync.state = %s AND sync.active_id IS NOT NULL"

_STREAMS = f"""
SELECT pair.stream_a_id, pair.stream_b_id
  FROM syncengine_sync sync JOIN syncengine_streampair pair ON pair.id = sync.pair_id
 WHERE {_LIVES}
"""


class Beside:
    """Rows of several tables side by side, by their names in the statement: an instance of each model for each row.

    The statement goes on behind the columns: with more of them, or with FROM. `only`: the columns of a table that are
    needed, where those are not all; the others are loaded when they are asked for.
    """

    def __init__(
        self, statement: str, *, only: Mapping[str, Collection[str]] | None = None, **models: type[Model]
    ) -> None:
        only = only or {}
        fields = {
            alias: [f for f in model._meta.concrete_fields if alias not in only or f.column in only[alias]]
            for alias, model in models.items()
        }
        self._models = [(model, [f.attname for f in fields[alias]]) for alias, model in models.items()]
        columns = [(alias, f) for alias, some in fields.items() for f in some]
        self._sql = "SELECT " + ", ".join(f'{alias}."{f.column}"' for alias, f in columns) + statement
        self._json = [place for place, (_, f) in enumerate(columns) if isinstance(f, JSONField)]

    def find(self, parameters: Sequence[object] | Mapping[str, object]) -> list[list[Any]]:
        """Of each row the instances, and behind them what the statement asks for besides."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            return [self._made(list(row)) for row in cursor.fetchall()]

    def _made(self, row: list[Any]) -> list[Any]:
        for place in self._json:
            if row[place] is not None:
                row[place] = json.loads(row[place])
        made: list[Any] = []
        start = 0
        for model, names in self._models:
            made.append(model.from_db(connection.alias, names, row[start : start + len(names)]))
            start += len(names)
        return made + row[start:]


_SYNC = Beside(
    f"""
      FROM syncengine_sync sync
      JOIN syncengine_settingsversion version ON version.id = sync.active_id
      JOIN syncengine_streampair pair ON pair.id = sync.pair_id
     WHERE {_LIVES}
    """,
    sync=Sync,
    version=SettingsVersion,
    pair=StreamPair,
)
_ENDS = Beside(
    """
      FROM syncengine_stream stream
      JOIN connectors_accountobject object ON object.id = stream.object_id
      JOIN connectors_connectedaccount account ON account.id = object.account_id
     WHERE stream.id IN (%s, %s)
    """,
    stream=Stream,
    object=AccountObject,
    account=ConnectedAccount,
)


def load(sync_id: int) -> Sync | None:
    """The sync if it is on, with its settings, streams, objects and accounts; else None."""
    found = _SYNC.find([sync_id, SyncState.ON])
    if not found:
        return None
    ((sync, version, pair),) = found
    streams = {}
    for stream, obj, account in _ENDS.find([pair.stream_a_id, pair.stream_b_id]):
        obj.account, stream.object = account, obj
        streams[stream.pk] = stream
    pair.stream_a, pair.stream_b = streams[pair.stream_a_id], streams[pair.stream_b_id]
    sync.active, sync.pair = version, pair
    loaded: Sync = sync
    return loaded


def leases_of(sync_id: int) -> Sequence[str] | None:
    """Names of the leases that a slice of the sync takes; None if it is not on.

    The sync first: one writer of a sync, and one sync at a time that reads and creates in a stream (rule 10.5).
    """
    with connection.cursor() as cursor:
        cursor.execute(_STREAMS, [sync_id, SyncState.ON])
        streams = cursor.fetchone()
    return None if streams is None else [lease_name(sync_id), *(f"stream:{pk}" for pk in streams)]
