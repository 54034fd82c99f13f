"""What a database can hold of a record's values, and the fingerprint that tells whether they have changed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import orjson

from connectors.contract import Values

_NUL = b"\\u0000"


def storable_print(values: Values) -> tuple[Values, str]:
    """(what of these can be stored, twelve hex digits that change when any of it does).

    Each record of each pass comes through here: nearly all hold nothing that a database refuses.
    """
    try:
        text = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # Halves of surrogate pairs, numbers of more than 64 bits.
        text = None
    if text is None or _NUL in text:
        values = storable(values)
        text = _json(values)
    return values, hashlib.blake2b(text, digest_size=6).hexdigest()


def storable(values: Values) -> Values:
    """What PostgreSQL takes: it knows neither NUL characters nor halves of surrogate pairs."""
    return {name: _storable(value) for name, value in values.items()}


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        if "\x00" not in value and value.isascii():
            return value
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_storable(v) for v in value]
    if isinstance(value, dict):
        return {k: _storable(v) for k, v in value.items()}
    return value


def _json(values: Values) -> bytes:
    """The same text as for equal values that need no second look."""
    try:
        return orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str).encode()
