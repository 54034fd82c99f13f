"""Syncs, settings, runs, records and operations as the API shows them, and what it takes."""

from .changes import MappingChangeSerializer, SettingsChangeSerializer, SyncCreateSerializer
from .plain import SIDES, Plain, names_of
from .records import RecordDetailSerializer, RecordSerializer
from .runs import OperationSerializer, RunSerializer
from .settings import SettingsSerializer, settings_data
from .syncs import SyncDetailSerializer, SyncSerializer, sync_data

__all__ = [
    "SIDES",
    "MappingChangeSerializer",
    "OperationSerializer",
    "Plain",
    "RecordDetailSerializer",
    "RecordSerializer",
    "RunSerializer",
    "SettingsChangeSerializer",
    "SettingsSerializer",
    "SyncCreateSerializer",
    "SyncDetailSerializer",
    "SyncSerializer",
    "names_of",
    "settings_data",
    "sync_data",
]
