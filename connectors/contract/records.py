"""What a connector hands over when it reads, and what it is handed when it writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .fields import Values


@dataclass(frozen=True, slots=True)
class Record:
    """One record as the app showed it."""

    id: str
    values: Values
    """Only fields that were read; a blank one is None."""
    version: str | None = None
    """The app's own mark of this state (ETag, revision), if it has one."""
    created_at: str | None = None
    modified_at: str | None = None
    """The app's own clock, as a UTC datetime in wire form. A hint, never a proof of change."""
    merged: tuple[str, ...] = ()
    """Ids of records that were merged into this one: the app's own list on the survivor, or the id that `get` was
    asked for where it answers with the survivor (`MergeSignal`)."""
    merged_into: str | None = None
    """This one is no more, and the app still shows it: the id of its survivor. Its values count for nothing."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a pass over a resource.

    The cursor is the connector's own and holds everything that it needs to go on. The engine stores it
    in the same transaction as the page, and hands it back unread: after a crash the pass goes on there.
    """

    records: tuple[Record, ...] = ()
    cursor: str = ""
    """Where to go on: with `more`, in this pass; without, the checkpoint for the next pass."""
    more: bool = False
    """Another page of this pass follows."""
    ahead: tuple[str, ...] = ()
    """Where pages after the next one begin, as far as that is known already (numbered pages, ranges of ids): they may
    be asked for at once, before the ones between have come. The pass goes by `cursor` all the same: a place that it
    does not come to is left out."""
    listing: bool = False
    """This pass lists *every* record of the resource, so that an id missing from it may be gone."""
    deleted: tuple[str, ...] = ()
    """Ids that the app itself says are deleted (tombstones)."""
    merged: tuple[tuple[str, str], ...] = ()
    """(id that is gone, id of the record that it was merged into)."""
    versions: tuple[tuple[str, str], ...] = ()
    """(id, version) of records that exist but whose values were not read. The engine asks `Client.get`
    for those whose version is new to it."""


class WriteKind(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    ARCHIVE = "archive"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Write:
    """One change of one record."""

    kind: WriteKind
    values: Values = field(default_factory=dict)
    """Only what changes; None clears."""
    id: str | None = None
    """The record, except for a creation."""
    version: str | None = None
    """Write only if the record still has this version (where the resource has `lock`)."""
    key: str | None = None
    """For a creation: a UUID that stays the same however often it is sent (idempotency key, stamp)."""


@dataclass(frozen=True, slots=True)
class Written:
    """The app carried it out."""

    id: str
    """Of a change of a record that was merged away, the survivor's, where the app changed that."""
    record: Record | None = None
    """What the app answered, or a read-back. None: the answer did not tell, and the engine reads it."""


class Refusal(StrEnum):
    """Why an app refuses a record for good (until somebody changes something)."""

    MISSING_REQUIRED = "missing_required"
    INVALID_VALUE = "invalid_value"
    UNKNOWN_OPTION = "unknown_option"
    TOO_LONG = "too_long"
    APP_RULE = "app_rule"
    PERMISSION = "permission"


@dataclass(frozen=True, slots=True)
class Refused:
    """The app will not have this record, or this value of it."""

    reason: Refusal
    message: str
    """The app's own answer, in its words, without secrets."""
    field: str | None = None
    """The field that it named, if it did."""


@dataclass(frozen=True, slots=True)
class DuplicateRecord:
    """The app says that such a record exists already. An ordinary answer: the record is planned again."""

    existing_id: str | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class VersionMismatch:
    """The record has changed since it was read. An ordinary answer: the record is planned again."""

    current: Record | None = None
    """What it holds now; the survivor, where it was merged away."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """There is no such record any more."""


Outcome = Written | Refused | DuplicateRecord | VersionMismatch | NotFound
