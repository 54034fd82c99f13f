"""Connected accounts: the only code that opens a credential, and the one door for site, API, admin and engine.

`lifecycle` connects, reconnects, disconnects, renames; `session` opens a client; `objects` keeps what an
account offers and what a person said of it. An app is never asked inside a database transaction.
"""

from .errors import AccountError, AlreadyConnected, AnotherAccount, SettingsRefused
from .guarded import GuardedClient, open_guarded
from .lifecycle import check, connect, disconnect, reconnect, rename, set_home, test_settings
from .objects import (
    look_at_objects,
    meaning_of,
    refresh_objects,
    resource_of,
    sensible_types,
    set_meaning,
    snapshot_of,
    with_target_kinds,
)
from .session import mark_state, open_client

__all__ = [
    "AccountError",
    "AlreadyConnected",
    "AnotherAccount",
    "GuardedClient",
    "SettingsRefused",
    "check",
    "connect",
    "disconnect",
    "look_at_objects",
    "mark_state",
    "meaning_of",
    "open_client",
    "open_guarded",
    "reconnect",
    "refresh_objects",
    "rename",
    "resource_of",
    "sensible_types",
    "set_home",
    "set_meaning",
    "snapshot_of",
    "test_settings",
    "with_target_kinds",
]
