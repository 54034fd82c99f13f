"""The three memories and everything around them, in each workspace's schema.

`stream` (what an account was last seen to hold), `sync` (what people chose), `link` (what both sides were when they
last agreed), `run` (passes and operations), `lease` (who may write).
"""

from .lease import Lease
from .link import Decision, FormerEnd, KeptApart, RecordLink, Wish
from .run import BESIDE, LINK_CHANGE, Hold, Operation, OperationState, RunKind, RunPhase, RunState, SyncRun, Untouched
from .stream import DirtyRecord, ListedPage, MatchKey, RemoteRecord, Stream
from .sync import SettingsVersion, StreamPair, Sync, SyncState, VersionState

__all__ = [
    "BESIDE",
    "LINK_CHANGE",
    "Decision",
    "DirtyRecord",
    "FormerEnd",
    "Hold",
    "KeptApart",
    "Lease",
    "ListedPage",
    "MatchKey",
    "Operation",
    "OperationState",
    "RecordLink",
    "RemoteRecord",
    "RunKind",
    "RunPhase",
    "RunState",
    "SettingsVersion",
    "Stream",
    "StreamPair",
    "Sync",
    "SyncRun",
    "SyncState",
    "Untouched",
    "VersionState",
    "Wish",
]
