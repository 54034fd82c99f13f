"""What a connector author reads first. Pure: standard library only, no Django, no network, no clock.

Reading order: `manifest` (an app's facts), `fields` (types and the form of values), `records` (what is read
and written), `resources` (what an account offers), `client` (what a connector implements), `errors`.
"""

from .client import API_VERSION, Client, Connector, Environment, Identity
from .errors import (
    ConnectorBroken,
    ConnectorError,
    CursorExpired,
    PermissionLost,
    QuotaUsedUp,
    RateLimited,
    ResourceGone,
    Retry,
    SettingsInvalid,
    SignInAgain,
)
from .fields import ADDRESS_PARTS, CANONICAL, Field, FieldType, Kind, Option, Value, Values
from .manifest import Manifest, Setting, SettingKind
from .records import (
    DuplicateRecord,
    NotFound,
    Outcome,
    Page,
    Record,
    Refusal,
    Refused,
    VersionMismatch,
    Write,
    WriteKind,
    Written,
)
from .resources import FieldMeaning, Idempotency, MergeSignal, ObjectMeaning, ReadStrategy, Resource, interpret

__all__ = [
    "ADDRESS_PARTS",
    "API_VERSION",
    "CANONICAL",
    "Client",
    "Connector",
    "ConnectorBroken",
    "ConnectorError",
    "CursorExpired",
    "DuplicateRecord",
    "Environment",
    "Field",
    "FieldMeaning",
    "FieldType",
    "Idempotency",
    "Identity",
    "Kind",
    "Manifest",
    "MergeSignal",
    "NotFound",
    "ObjectMeaning",
    "Option",
    "Outcome",
    "Page",
    "PermissionLost",
    "QuotaUsedUp",
    "RateLimited",
    "ReadStrategy",
    "Record",
    "Refusal",
    "Refused",
    "Resource",
    "ResourceGone",
    "Retry",
    "Setting",
    "SettingKind",
    "SettingsInvalid",
    "SignInAgain",
    "Value",
    "Values",
    "VersionMismatch",
    "Write",
    "WriteKind",
    "Written",
    "interpret",
]
