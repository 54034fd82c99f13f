"""When two values are the same: the normal form of a value, by type (rule 3.1).

A *key* is what is compared and kept in a baseline: a short string, ``None`` for blank, or a sorted list of
strings for a set. Two values of a type are equal when their keys are.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

import phonenumbers

from connectors.contract import ADDRESS_PARTS, FieldType, Value

Key: TypeAlias = str | list[str] | None

LONGEST_KEY = 120
"""Characters; a longer normal form is kept as a hash, so that baselines stay small."""

LONGEST_NUMBER = 400
"""Digits before or after the point; what is longer is no number of any app."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SPACES = re.compile(r"\s+")
_HOST = re.compile(r"[^/?#]*")
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\".]+(\.[^@\s,;<>\".]+)+")
_TEXT_TYPES = frozenset({FieldType.TEXT, FieldType.LONG_TEXT, FieldType.CHOICE})
_NUMBER_TYPES = frozenset({FieldType.INTEGER, FieldType.NUMBER, FieldType.MONEY})


@dataclass(frozen=True, slots=True)
class Locale:
    """What a workspace says of itself, where a value alone does not tell."""

    country: str = ""
    """ISO 3166 code in which phone numbers without a country code are read (rule 4.8)."""
    zone: str = "UTC"
    """Time zone whose midnight a date is (rule 4.1)."""


def blank(value: Value) -> bool:
    """True for what counts as no value: None, empty or white text, empty lists, addresses without a part."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, list):
        return all(blank(v) for v in value)
    if isinstance(value, dict):
        if "amount" in value:
            return blank(value["amount"])
        if "id" in value:
            return blank(value["id"])
        return all(blank(v) for v in value.values())
    return False


def key_of(value: Value, type_: FieldType, locale: Locale) -> str | None:
    """The key of one single value; None if it is blank. Never raises: what makes no sense is compared as text.

    A key can always be stored: one with characters that a database refuses is kept as a hash too.
    """
    if isinstance(value, str):  # By far the most frequent case, without a look at what else it might be.
        text = text_of(value)
        if not text:
            return None
        normal = _normal_of_text(text, type_, locale) or text
    elif blank(value):
        return None
    else:
        normal = _normal(value, type_, locale) or text_of(value)
    if len(normal) > LONGEST_KEY or (not normal.isprintable() and _UNSTORABLE.search(normal)):
        return "#" + hashlib.blake2b(normal.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return normal


def keying(type_: FieldType, locale: Locale) -> Callable[[Value], str | None]:
    """`key_of` for one type, made ready: plain text of the usual length, which nearly all is, takes the short way."""
    if type_ in _TEXT_TYPES:

        def of_text(value: Value) -> str | None:
            if type(value) is str and value.isascii() and value.isprintable() and len(value) <= LONGEST_KEY:
                return value.strip() or None
            return key_of(value, type_, locale)

        return of_text
    shorts: dict[FieldType, Callable[[str], str]] = {
        FieldType.EMAIL: str.lower,
        FieldType.URL: url_key,
        FieldType.PHONE: lambda text: phone_key(text, locale.country),
    }
    normal = shorts.get(type_)
    if normal is None:
        return lambda value: key_of(value, type_, locale)

    def of_other(value: Value) -> str | None:
        if type(value) is str and value.isascii() and value.isprintable() and len(value) <= LONGEST_KEY:
            text = value.strip()
            return (normal(text) or text) if text else None
        return key_of(value, type_, locale)

    return of_other


def _normal(value: Value, type_: FieldType, locale: Locale) -> str:
    if isinstance(value, dict):
        return _normal_of_dict(value, type_)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _normal_of_text(text_of(value), type_, locale)


def _normal_of_text(text: str, type_: FieldType, locale: Locale) -> str:
    if type_ in _TEXT_TYPES:
        return text
    if type_ in _NUMBER_TYPES:
        number = decimal_of(text)
        return text if number is None else plain(number)
    if type_ is FieldType.EMAIL:
        return text.casefold()
    if type_ is FieldType.PHONE:
        return phone_key(text, locale.country)
    if type_ is FieldType.URL:
        return url_key(text)
    if type_ is FieldType.DATETIME:
        moment = datetime_of(text)
        return text if moment is None else iso(moment)
    if type_ is FieldType.DATE:
        day = date_of(text)
        return text if day is None else day.isoformat()
    return text


def _normal_of_dict(value: dict[str, Value], type_: FieldType) -> str:
    if "amount" in value:
        number = decimal_of(value["amount"])
        amount = text_of(value["amount"]) if number is None else plain(number)
        return f"{amount} {text_of(value.get('currency') or '').upper()}".strip()
    if type_ is FieldType.ADDRESS:
        return "\n".join(spaced(text_of(value.get(part) or "")) for part in ADDRESS_PARTS)
    if "id" in value:
        return text_of(value["id"])
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def text_of(value: Value) -> str:
    """Text with one kind of line end, one Unicode form and no white space around it."""
    text = value if isinstance(value, str) else str(value)
    if text.isascii():
        return text.replace("\r\n", "\n").strip() if "\r" in text else text.strip()
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()


def spaced(text: str) -> str:
    """Every run of white space as one space."""
    return " ".join(text.split())


def decimal_of(value: Value) -> Decimal | None:
    """The exact number, or None if it is none. NaN, infinities and `1e999999999` are none."""
    if isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value).strip())
    except (InvalidOperation, ValueError):
        return None
    if (
        not number.is_finite()
        or abs(number.adjusted()) > LONGEST_NUMBER
        or -int(number.as_tuple().exponent) > LONGEST_NUMBER
    ):
        return None
    return number


def whole(number: Decimal) -> int:
    """The nearest integer, exactly, whatever its size; a half goes to the even one."""
    return int(number.to_integral_value(rounding=ROUND_HALF_EVEN))


def plain(number: Decimal) -> str:
    """Without exponent or trailing zeros: ``1``, ``12.5``, ``-0.001``."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def datetime_of(text: str) -> datetime | None:
    """An aware UTC datetime, or None. One without a zone is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


def date_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def moment_of(value: Value, locale: Locale) -> datetime | None:
    """What a date or a datetime stands for: a day is its midnight in the workspace's zone."""
    text = str(value)
    day = date_of(text)
    return datetime_of(text) if day is None else datetime.combine(day, time(), ZoneInfo(locale.zone))


def iso(moment: datetime) -> str:
    """Wire form of a UTC datetime."""
    text = moment.replace(tzinfo=None).isoformat()
    if "." in text:
        text = text.rstrip("0")
    return text + "Z"


@lru_cache(maxsize=200_000)
def phone_key(text: str, country: str) -> str:
    """E.164 with ``;ext=`` where it can be read, else what is left without spacing and punctuation."""
    number = parsed_phone(text, country)
    if number is None:
        return re.sub(r"[\s().\-/–]", "", text).casefold()
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{written};ext={number.extension}" if number.extension else written


def parsed_phone(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    """None where the text is no phone number that could be called."""
    try:
        number = phonenumbers.parse(text, country.upper() or None)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) else None


def url_key(text: str) -> str:
    """Host in lower case, no final slash; http and https, or no scheme at all, are one form of the same page."""
    scheme = text[:8].lower()
    rest = text[7:] if scheme.startswith("http://") else text[8:] if scheme == "https://" else text
    host = _HOST.match(rest)
    end = host.end() if host else 0
    return (rest[:end].lower() + rest[end:]).rstrip("/")


def domain_key(text: str) -> str | None:
    """A domain without scheme, ``www.``, port and path (rule 5.7)."""
    host = re.sub(r"^[a-z][a-z0-9+.\-]*://", "", text_of(text).casefold()).split("/")[0].split("?")[0].split(":")[0]
    return host.removeprefix("www.").strip(".") or None


def valid_email(value: Value) -> bool:
    """An address that could be written to: one @, a host with a dot, no white space."""
    return isinstance(value, str) and _EMAIL.fullmatch(value.strip()) is not None


def valid_phone(value: str) -> bool:
    """At least three digits: extensions and short codes are phone numbers too."""
    return sum(c.isdigit() for c in value) >= 3


def valid_url(value: str) -> bool:
    text = value.strip()
    return bool(text) and not _SPACES.search(text) and ("." in text or "://" in text)
