"""One door for site, API and admin: everything that a person can do to a sync as a whole.

Plain functions. What cannot be done raises `SyncError`, by field, in plain words.
"""

from ..run.context import DUE_KIND
from .checking import resources_of
from .creating import create_sync, objects_to_sync, proposed_settings
from .errors import SyncError
from .retrying import retry, retry_all
from .running import (
    change_settings,
    delete_sync,
    ensure_run,
    pause,
    refuse_unusable_accounts,
    resume,
    run_now,
    start,
    turn_off,
)
from .standing import Standing, Status, looks_of, status_of, status_with
from .streams import disconnect_account, forget_records, look_again, look_at_stream, mark_dirty, syncs_of
from .versions import current_settings, discard_draft, index_own_keys, save_settings

__all__ = [
    "DUE_KIND",
    "Standing",
    "Status",
    "SyncError",
    "change_settings",
    "create_sync",
    "current_settings",
    "delete_sync",
    "discard_draft",
    "disconnect_account",
    "ensure_run",
    "forget_records",
    "index_own_keys",
    "look_again",
    "look_at_stream",
    "looks_of",
    "mark_dirty",
    "objects_to_sync",
    "pause",
    "proposed_settings",
    "refuse_unusable_accounts",
    "resources_of",
    "resume",
    "retry",
    "retry_all",
    "run_now",
    "save_settings",
    "start",
    "status_of",
    "status_with",
    "syncs_of",
    "turn_off",
]
