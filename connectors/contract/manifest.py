"""An app's facts as data: what the marketplace shows and what the connect page asks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .fields import Kind


class SettingKind(StrEnum):
    TEXT = "text"
    URL = "url"
    SECRET = "secret"
    """Stored encrypted, never shown again."""
    INTEGER = "integer"
    CHOICE = "choice"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class Setting:
    """One input of the connect page. Its value travels as a string ("true"/"false" for a boolean)."""

    name: str
    label: str
    kind: SettingKind = SettingKind.TEXT
    required: bool = True
    help: str = ""
    placeholder: str = ""
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    """(value, label) for a choice."""


@dataclass(frozen=True, slots=True)
class Manifest:
    name: str
    """Lower case, unchanging: the name of the entry point."""
    label: str
    summary: str
    """One sentence for the marketplace."""
    category: str
    """"Contacts", "CRM", "Databases", …"""
    kinds: tuple[Kind, ...]
    """What it usually offers; an account may offer more."""
    settings: tuple[Setting, ...]
    icon: str = ""
    """Name of a Lucide icon."""
    description: str = ""
    """A few plain paragraphs for the app's page."""
    limits: tuple[str, ...] = ()
    """Sentences: what it cannot do."""
    custom_objects: bool = False
    """Objects are discovered, and a person says what kind they are."""
    requests_per_second: float | None = None
    """The account's rate budget, shared by all workers; None: the app sets no limit."""
    burst: int = 10
    """Requests that may go out at once, where the app counts by a bucket that fills again."""
    window: float | None = None
    """Seconds, where the app counts in a sliding window instead: in any such time at most `requests_per_second` times
    as many, however they are spread (11.0 and 10.0: 110 in any 10 seconds). `burst` says nothing then."""
    requests_per_day: int | None = None
    """The account's daily quota; what the app tells of it (`Environment.remaining`) counts for more."""
    at_once: int = 1
    """Calls of one client that may be under way at a time, each in a thread of its own. More than 1 only where all of
    its methods but `close` may be called in several threads, and where the app does not mind."""
    api_version: int = 1
