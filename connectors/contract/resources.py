"""What an account offers: one `Resource` for each object, with everything that the engine must know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .fields import Field, FieldType, Kind
from .records import WriteKind


class ReadStrategy(StrEnum):
    """How the resource is read after the first pass."""

    DELTA = "delta"
    """A feed of changes with tombstones; the cursor may expire (`CursorExpired`)."""
    SINCE = "since"
    """What was modified since the checkpoint; deletions show in a complete listing only."""
    LISTING = "listing"
    """A complete listing each time, compared by version or content."""


class MergeSignal(StrEnum):
    """How it shows that a record was merged into another one."""

    FEED = "feed"
    """The read says so (`Page.merged`)."""
    SURVIVOR = "survivor"
    """The survivor lists them (`Record.merged`)."""
    REDIRECT = "redirect"
    """`get` of the record that is no more answers with the survivor (`Record.merged` names the id that was asked
    for), or with what names it (`Record.merged_into`). The feed may call it deleted: the engine asks before it
    believes that."""
    LOSER = "loser"
    """The one that is no more goes on being shown, and names its survivor (`Record.merged_into`)."""


class Idempotency(StrEnum):
    """What keeps a creation from happening twice when its answer was lost."""

    KEY = "key"
    """Sending the same `Write.key` again is safe: the app answers with the record made first."""
    STAMP = "stamp"
    """The record carries `Write.key`, and `Client.find` finds it."""
    NONE = "none"
    """Neither: the engine looks for a match key, then for an exact twin, among records first seen since."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One object as one account offers it. May be discovered (custom objects, tables)."""

    name: str
    """The app's own name, unchanging."""
    label: str
    """In the plural, for people: "Contacts"."""
    fields: tuple[Field, ...]
    kind: Kind | None = None
    proposed_kind: Kind | None = None
    """A guess from names, where the app does not know; a person confirms it."""
    read: ReadStrategy = ReadStrategy.LISTING
    tombstones: bool = False
    """Deletions are told by the read itself (`Page.deleted`)."""
    merges: frozenset[MergeSignal] = frozenset()
    """How merges show. Where they do not, a record that was merged away looks deleted."""
    writes: frozenset[WriteKind] = frozenset()
    batch: Mapping[WriteKind, int] = field(default_factory=dict)
    """Most writes of a kind that one call of `Client.write` takes; 1 where not named."""
    get_batch: int = 100
    """Most ids that one call of `Client.get` takes."""
    atomic: bool = False
    """A batch is all or nothing: one refused item refuses all (the engine halves it)."""
    lock: bool = False
    """`Write.version` is honoured: a stale one answers `VersionMismatch`."""
    idempotency: Idempotency = Idempotency.NONE
    deadline: int = 60
    """Seconds after which a request that was sent can no longer take effect."""
    settle: int = 0
    """Seconds until a write surely shows in reads."""
    lag: int = 0
    """Seconds until a change surely shows in reads by checkpoint, where that may take longer than `settle`: an index
    that lags now and then. The engine then reads a second time from a checkpoint that trails by so much; one that
    ends a complete pass has to reach back by it."""
    notices: bool = False
    """The app can tell of each change by itself (a webhook): while it does, looks are only a safety net."""
    poll: int = 0
    """Seconds that have to lie between two looks, where the app asks for that."""
    url: str | None = None
    """Where a person sees a record, with ``{id}``; None where there is no such page."""

    def field(self, name: str) -> Field | None:
        return next((f for f in self.fields if f.name == name), None)

    def canonical(self, name: str) -> Field | None:
        """The first field that stands for this canonical name."""
        return next((f for f in self.fields if f.canonical == name), None)

    def batch_size(self, kind: WriteKind) -> int:
        return self.batch.get(kind, 1)


@dataclass(frozen=True, slots=True)
class FieldMeaning:
    """What a person said of one field. None: as the connector proposed."""

    canonical: str | None = None
    type: FieldType | None = None


@dataclass(frozen=True, slots=True)
class ObjectMeaning:
    """What a person said of an object whose meaning the app does not know (a table, a custom object)."""

    kind: Kind | None = None
    fields: Mapping[str, FieldMeaning] = field(default_factory=dict)
    """Field name → meaning; a canonical name of "" takes the proposed one away."""


def interpret(resource: Resource, meaning: ObjectMeaning) -> Resource:
    """`resource` with its kind, canonical names and types as a person understands them."""

    def understood(f: Field) -> Field:
        said = meaning.fields.get(f.name)
        if said is None:
            return f
        canonical = f.canonical if said.canonical is None else said.canonical or None
        return replace(f, canonical=canonical, type=said.type or f.type)

    return replace(resource, kind=meaning.kind or resource.kind, fields=tuple(understood(f) for f in resource.fields))
