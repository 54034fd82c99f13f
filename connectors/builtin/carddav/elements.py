"""One element of a field that has several: how an e-mail address, a number, a postal address stands in a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.contract import ADDRESS_PARTS, Value

from .vcard import Line, Params, clean, escape, make_line, unescape

_URI_NUMBER = re.compile(r"tel:", re.IGNORECASE)
_MAILTO = re.compile(r"mailto:", re.IGNORECASE)

MOBILE_TYPES = frozenset({"cell", "mobile"})
OTHER_DEVICES = frozenset({"pager", "modem", "bbs", "isdn", "textphone", "video", "telex"})
"""Numbers that nobody calls: left in the card, not synced."""

_FIRST_PART = 2
"""In front of an address's parts stand the post office box and the extended address, which are kept."""


def blank_to_none(text: str) -> str | None:
    """`text` as it can be stored, or None where there is nothing but space."""
    text = clean(text)
    return text if text.strip() else None


@dataclass(frozen=True, slots=True)
class Element:
    """How one element is read from a line and written to one."""

    name: str
    """Of the property."""
    belongs: Callable[[Line], bool]
    read: Callable[[Line], Value]
    """None: the line holds no element, and is left alone."""
    tidy: Callable[[Value], Value]
    """The element as `read` would answer it after writing; None for a blank one. Raises TypeError."""
    write: Callable[[Line, Value], Line]
    """The line with another element, its parameters kept."""
    encode: Callable[[Value], str]
    params: Params = ()
    """Of a new line in a card of version 3.0; in 4.0 without INTERNET, which is no type there."""

    def make(self, value: Value, *, v4: bool) -> Line:
        params = tuple(p for p in self.params if not (v4 and p == ("TYPE", ("INTERNET",))))
        return make_line(self.name, self.encode(value), params=params)


def text_element(
    name: str,
    *,
    belongs: Callable[[Line], bool] = lambda line: True,
    scheme: re.Pattern[str] | None = None,
    params: Params = (),
) -> Element:
    """An element that is one text. A URI of `scheme` is read without it, and written as a plain text."""

    def read(line: Line) -> Value:
        text = line.text
        if text is None:
            return None
        text = text.strip()
        found = scheme.match(text) if scheme else None
        return blank_to_none(text[found.end() :]) if found else text

    def tidy(value: Value) -> Value:
        if not isinstance(value, str):
            raise TypeError("a text is expected")
        text = blank_to_none(value)
        if text is None:
            return None
        text = text.strip()
        found = scheme.match(text) if scheme else None
        return blank_to_none(text[found.end() :]) if found else text

    def write(line: Line, value: Value) -> Line:
        uri = scheme is not None and (line.param("VALUE") or "").lower() == "uri"
        return line.with_value(escape(value), without={"VALUE"} if uri else ())

    return Element(name=name, belongs=belongs, read=read, tidy=tidy, write=write, encode=escape, params=params)


EMAIL = text_element("EMAIL", scheme=_MAILTO, params=(("TYPE", ("INTERNET",)),))
URL = text_element("URL")


def _is_mobile(line: Line) -> bool:
    return bool(line.types & MOBILE_TYPES)


def _is_fax(line: Line) -> bool:
    return "fax" in line.types and not _is_mobile(line)


def _is_phone(line: Line) -> bool:
    return not (_is_mobile(line) or _is_fax(line) or line.types & OTHER_DEVICES)


PHONE = text_element("TEL", belongs=_is_phone, scheme=_URI_NUMBER, params=(("TYPE", ("VOICE",)),))
MOBILE = text_element("TEL", belongs=_is_mobile, scheme=_URI_NUMBER, params=(("TYPE", ("CELL",)),))
FAX = text_element("TEL", belongs=_is_fax, scheme=_URI_NUMBER, params=(("TYPE", ("FAX",)),))


def _read_address(line: Line) -> Value:
    # Commas between the values of one part are left standing: most that are met were meant as commas.
    texts = [blank_to_none(unescape(part)) for part in line.parts()[_FIRST_PART:]]
    texts += [None] * len(ADDRESS_PARTS)
    address = dict(zip(ADDRESS_PARTS, texts, strict=False))
    return address if any(address.values()) else None


def _tidy_address(value: Value) -> Value:
    if not isinstance(value, Mapping):
        raise TypeError("an address is expected")
    if set(value) - set(ADDRESS_PARTS) or any(not isinstance(p, str | None) for p in value.values()):
        raise TypeError("an address has the parts " + ", ".join(ADDRESS_PARTS))
    address = {name: blank_to_none(value.get(name) or "") for name in ADDRESS_PARTS}
    return address if any(address.values()) else None


def _write_address(line: Line, value: Value) -> Line:
    parts = line.parts()
    parts += [""] * (_FIRST_PART + len(ADDRESS_PARTS) - len(parts))
    old = _read_address(line) or {}
    for place, name in enumerate(ADDRESS_PARTS, start=_FIRST_PART):
        if value[name] != old.get(name):
            parts[place] = escape(value[name] or "")
    # LABEL is the whole old address, formatted.
    return line.with_value(";".join(parts), without={"LABEL"})


def _encode_address(value: Value) -> str:
    return ";".join(["", "", *(escape(value[name] or "") for name in ADDRESS_PARTS)])


ADDRESS = Element(
    name="ADR",
    belongs=lambda line: True,
    read=_read_address,
    tidy=_tidy_address,
    write=_write_address,
    encode=_encode_address,
)
