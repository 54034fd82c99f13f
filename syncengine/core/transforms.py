"""Transforms named in a mapping (rules 4.1 and 4.4): one side holds the values in a form of its own.

The *shaped* side holds the form that the transform makes; the other is plain. All but `EXTRACT` are lawful two-way
lenses: what was put is what is got (the key of a shaped value is that of the plain one), so that a change of form
alone is no change, and nothing is written when nothing differs. `EXTRACT` loses something, and goes one way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import phonenumbers

from connectors.contract import Field, FieldType, Value

from .compat import TEXTS, Pairing, Unpaired, by_access, pairing
from .convert import Convert, ConvertBack, into, out_of
from .halves import OneField
from .mapping import Direction, FieldMapping, Side, Transform
from .values import Locale, decimal_of, parsed_phone, plain, spaced, text_of

T = FieldType

CASES = frozenset({Transform.UPPER, Transform.LOWER, Transform.TITLE})
SHAPES = CASES | {
    Transform.TRIM,
    Transform.PHONE,
    Transform.DATE,
    Transform.NUMBER,
    Transform.REPLACE,
    Transform.EXTRACT,
}
"""Transforms that are judged here; the others are lenses of their own."""

PHONE_FORMS = ("e164", "international", "national")
DATE_FORMS = ("DD.MM.YYYY", "D.M.YYYY", "DD/MM/YYYY", "MM/DD/YYYY", "DD-MM-YYYY", "YYYY/MM/DD", "YYYYMMDD")
NUMBER_FORMS: Mapping[str, tuple[str, str]] = {
    "1234.56": ("", "."),
    "1234,56": ("", ","),
    "1,234.56": (",", "."),
    "1.234,56": (".", ","),
    "1 234,56": (" ", ","),
    "1'234.56": ("'", "."),
}
"""Form → what stands between groups of three digits, and before the fraction."""
EXTRACTS = ("domain", "first_word", "last_word", "before", "after")
"""`before` and `after` name their separator behind a colon: ``before:@``."""

ARGUMENTS: Mapping[Transform, tuple[str, ...]] = {
    Transform.PHONE: PHONE_FORMS,
    Transform.DATE: DATE_FORMS,
    Transform.NUMBER: tuple(NUMBER_FORMS),
    Transform.EXTRACT: EXTRACTS,
}
"""Transform → what its argument may be; those that are missing take none."""

_TEXTUAL = TEXTS | {T.EMAIL, T.URL, T.PHONE}
_ENDS: Mapping[Transform, tuple[frozenset[FieldType], frozenset[FieldType]]] = {
    **dict.fromkeys((*CASES, Transform.TRIM, Transform.REPLACE), (TEXTS, TEXTS)),
    Transform.PHONE: (TEXTS | {T.PHONE}, TEXTS | {T.PHONE}),
    Transform.DATE: (frozenset({T.DATE, T.DATETIME}), TEXTS),
    Transform.NUMBER: (frozenset({T.INTEGER, T.NUMBER}), TEXTS),
    Transform.EXTRACT: (_TEXTUAL, TEXTS | {T.URL}),
}
"""Transform → types of the plain side, types of the shaped side."""


def argument_fault(transform: Transform, argument: str) -> str:
    """Why the argument does not fit the transform; blank where it does."""
    known = ARGUMENTS.get(transform, ())
    name, colon, separator = argument.partition(":")
    if transform is Transform.EXTRACT and name in ("before", "after"):
        return "" if colon and separator else "Say before or after which characters."
    if argument in known and argument not in ("before", "after"):
        return ""
    if not known:
        return f"“{transform.value}” takes no further choice." if argument else ""
    return f"“{argument}” is none of: {', '.join(known)}." if argument else "Choose a form."


def pairing_of(a: Field, b: Field, mapping: FieldMapping) -> Pairing | Unpaired:
    """May these two be mapped as this mapping says, and which way?"""
    return _shaped_pairing(a, b, mapping) if mapping.transform in SHAPES else pairing(a, b, mapping.transform)


def _shaped_pairing(a: Field, b: Field, mapping: FieldMapping) -> Pairing | Unpaired:
    fault = argument_fault(mapping.transform, mapping.argument)
    if fault:
        return Unpaired(fault)
    if mapping.transform is Transform.REPLACE and not mapping.options:
        return Unpaired("Name at least one pair of texts that are replaced by each other.")
    fields = {Side.A: a, Side.B: b}
    plain_field, shaped = fields[mapping.shaped.other], fields[mapping.shaped]
    plains, shapes = _ENDS[mapping.transform]
    if plain_field.type not in plains or shaped.type not in shapes:
        return Unpaired(f"“{plain_field.label}” and “{shaped.label}” do not fit this transform.")
    if mapping.transform is Transform.EXTRACT:
        found = Pairing(T.TEXT, Direction.toward(mapping.shaped), "what was left out cannot be put back.")
    else:
        found = Pairing(_common(mapping.transform, plain_field), Direction.TWO_WAY)
    return by_access(a, b, found)


def _common(transform: Transform, plain_field: Field) -> FieldType:
    if transform is Transform.PHONE:
        return T.PHONE
    if transform is Transform.DATE:
        return T.DATE
    return plain_field.type if transform is Transform.NUMBER else T.TEXT


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a transform does to one value in common form."""

    shape: Callable[[str], str]
    """Plain → shaped; what cannot be understood stays as it is."""
    plain: Callable[[str], str] = text_of
    """Shaped → plain."""
    fold: Callable[[str], str] = text_of
    """The form in which both are compared."""


_Ways = dict[Side, tuple[Callable[[str], str], Callable[[str], str]]]


def shaped_halves(mapping: FieldMapping, a: Field, b: Field, found: Pairing, locale: Locale) -> dict[Side, OneField]:
    """Both sides of a mapping with one of these transforms."""
    fields = {Side.A: a, Side.B: b}
    if mapping.transform is Transform.REPLACE:
        table = _Table(mapping.options)
        return {s: _half(f, found, locale, table.into(s), table.out_of(s), table.fold) for s, f in fields.items()}
    shape = _shape_of(mapping, locale)
    if mapping.transform is Transform.EXTRACT:
        ways: _Ways = {mapping.shaped.other: (shape.shape, text_of), mapping.shaped: (text_of, text_of)}
    else:
        ways = {mapping.shaped.other: (text_of, text_of), mapping.shaped: (shape.plain, shape.shape)}
    return {s: _half(f, found, locale, *ways[s], shape.fold) for s, f in fields.items()}


def _half(
    field: Field,
    found: Pairing,
    locale: Locale,
    to: Callable[[str], str],
    back: Callable[[str], str],
    fold: Callable[[str], str],
) -> OneField:
    first, last = into(field, found.common, locale), out_of(field, found.common, locale)
    as_text = field.type in _TEXTUAL

    def common(value: Value) -> Value:
        return first(to(text_of(value)) if as_text else value)

    def written(value: Value, now: Value) -> Value:
        return last(back(text_of(value)) if as_text else value, now)

    convert: tuple[Convert, ConvertBack] = (common, written)
    folding = (lambda value: fold(value) if isinstance(value, str) else value) if fold is not text_of else None
    return OneField(field, found.common, *convert, locale, fold=folding)


def _shape_of(mapping: FieldMapping, locale: Locale) -> _Shape:
    argument = mapping.argument
    if mapping.transform is Transform.TRIM:
        return _Shape(trimmed, fold=trimmed)
    if mapping.transform is Transform.PHONE:
        return _Shape(lambda text: phone_in(text, argument, locale.country))
    if mapping.transform is Transform.DATE:
        return _Shape(lambda text: date_in(text, argument), lambda text: date_out_of(text, argument))
    if mapping.transform is Transform.NUMBER:
        return _Shape(lambda text: number_in(text, argument), lambda text: number_out_of(text, argument))
    if mapping.transform is Transform.EXTRACT:
        return _Shape(lambda text: extracted(text, argument))
    return _Shape(
        {Transform.UPPER: str.upper, Transform.LOWER: str.lower}.get(mapping.transform, titled), fold=caseless
    )


# --- Each of them -------------------------------------------------------------------------------------------


def caseless(text: str) -> str:
    """Two texts that differ in upper and lower case alone have the same; stronger than `str.casefold`."""
    return text_of(text.upper().casefold().upper().casefold())


_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def titled(text: str) -> str:
    """Each word begins with a capital: ``Ann O'Neil-Smith``."""

    def word(match: re.Match[str]) -> str:
        first, *rest = re.split(r"(['’])", match[0])
        short = len(first) == 1  # O'Neil, D'Arcy; but they're.
        return first.capitalize() + "".join(part.capitalize() if short else part.lower() for part in rest)

    return _WORD.sub(word, text)


def trimmed(text: str) -> str:
    """Each line without white space around it, and with single spaces within."""
    return "\n".join(spaced(line) for line in text_of(text).split("\n")).strip()


def phone_in(text: str, form: str, country: str) -> str:
    """A number as people there write it; one that cannot be read stays as it is."""
    number = parsed_phone(text, country)
    if number is None:
        return text
    forms = phonenumbers.PhoneNumberFormat
    home = bool(country) and phonenumbers.region_code_for_number(number) == country.upper()
    if form == "e164" and not number.extension:
        return phonenumbers.format_number(number, forms.E164)
    # Without its country code a foreign number would be another one.
    national = form == "national" and home
    written = phonenumbers.format_number(number, forms.NATIONAL if national else forms.INTERNATIONAL)
    return written if parsed_phone(written, country) == parsed_phone(text, country) else text


def date_in(text: str, form: str) -> str:
    """An ISO date in this form."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return text
    parts = {"YYYY": f"{day.year:04}", "MM": f"{day.month:02}", "DD": f"{day.day:02}", "M": str(day.month)}
    parts["D"] = str(day.day)
    return re.sub("YYYY|MM|DD|M|D", lambda match: parts[match[0]], form)


_DIGITS = {"YYYY": r"(?P<y>\d{4})", "MM": r"(?P<m>\d{2})", "DD": r"(?P<d>\d{2})"}
_DIGITS |= {"M": r"(?P<m>\d{1,2})", "D": r"(?P<d>\d{1,2})"}


def date_out_of(text: str, form: str) -> str:
    """The ISO date of a text in this form; another text stays as it is."""
    pattern = "".join(_DIGITS.get(part, re.escape(part)) for part in re.split("(YYYY|MM|DD|M|D)", form))
    found = re.fullmatch(pattern, text.strip(), re.ASCII)
    try:
        return date(int(found["y"]), int(found["m"]), int(found["d"])).isoformat() if found else text
    except ValueError:
        return text


def number_in(text: str, form: str) -> str:
    """A decimal in this form, with as many places as it has."""
    number = decimal_of(text)
    if number is None:
        return text
    group, point = NUMBER_FORMS[form]
    sign, digits = ("-", plain(number)[1:]) if number < 0 else ("", plain(number))
    whole, _, fraction = digits.partition(".")
    grouped = f"{int(whole):,}".replace(",", group) if group else whole
    return sign + grouped + (point + fraction if fraction else "")


def number_out_of(text: str, form: str) -> str:
    """The decimal of a text in this form; another text stays as it is."""
    group, point = NUMBER_FORMS[form]
    bare = re.sub(r"[\u00a0\u202f]", " ", text.strip()).replace("’", "'")
    grouped = rf"\d{{1,3}}(?:{re.escape(group)}\d{{3}})+" if group else r"\d+"
    if not re.fullmatch(rf"[-+]?(?:\d+|{grouped})(?:{re.escape(point)}\d+)?", bare, re.ASCII):
        return text
    return (bare.replace(group, "") if group else bare).replace(point, ".")


def extracted(text: str, what: str) -> str:
    """A part of the text; blank where it has no such part."""
    name, _, separator = what.partition(":")
    words = text.split()
    if name == "first_word":
        return words[0] if words else ""
    if name == "last_word":
        return words[-1] if words else ""
    if name == "domain":
        host = re.sub(r"^[a-z][a-z0-9+.\-]*://", "", text.strip().lower()).rpartition("@")[2]
        return re.split(r"[/?#:]", host)[0].removeprefix("www.")
    before, found, after = text.partition(separator)
    return (before if name == "before" else after).strip() if found else ""


class _Table:
    """Texts of both sides that stand for each other; what is not named goes over as it is.

    The common form is the first text of side A that is paired with it, whichever side it was read from.
    """

    def __init__(self, pairs: tuple[tuple[str, str], ...]) -> None:
        self._class: dict[tuple[Side, str], str] = {}
        self._member: dict[tuple[Side, str], str] = {}
        for x, y in pairs:
            kind = self._class.get((Side.A, caseless(x))) or self._class.get((Side.B, caseless(y))) or f"≡{caseless(x)}"
            for side, text in ((Side.A, x), (Side.B, y)):
                self._class.setdefault((side, caseless(text)), kind)
                self._member.setdefault((side, kind), text)

    def into(self, side: Side) -> Callable[[str], str]:
        def kind(text: str) -> str:
            folded = caseless(text)
            return self._class.get((side, folded)) or self._class.get((side.other, folded)) or text

        return kind

    def out_of(self, side: Side) -> Callable[[str], str]:
        return lambda kind: self._member.get((side, kind), kind)

    @staticmethod
    def fold(kind: str) -> str:
        return kind
