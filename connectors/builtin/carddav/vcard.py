"""A vCard as the list of its lines, each kept exactly as it came until it is changed.

An address book belongs to its owner: whatever stands in a card that we do not understand must still stand
there, byte for byte and in its place, after we changed a phone number. So a card is not turned into a model
and written anew; it stays a list of content lines (RFC 2425, 2426, 6350) of which single ones are replaced.
The model of `vobject` sorts lines, drops values behind an unescaped comma and knows nothing of 4.0, and its
pattern for a line takes time exponential in the commas of a malformed one; the tests use it to check that
others can read what is written here.
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

Params = tuple[tuple[str, tuple[str, ...]], ...]
"""(NAME, values) in the order of the line. A bare parameter, as in 2.1, has no values."""

FOLD_AT = 75
"""Octets of a line, without its end (RFC 6350, 3.2)."""

# Possessive quantifiers: a malformed line costs no more than a good one.
_PHYSICAL = re.compile(r"[^\n]*+\n|[^\n]++")
_NAME = re.compile(r'(?:([^.:;"\s]++)\.)?+([^.:;"\s]++)(?=[:;])')
_HEAD = re.compile(r'((?:[^":]|"[^"]*+")*+):', re.DOTALL)
_ESCAPED = re.compile(r"\\([\\,;:nN])")
_TO_ESCAPE = re.compile(r"[\\,;\n]")
_SOFT_BREAK = re.compile(r"=[ \t]*\r?\n")
# What neither XML 1.0 nor a text column of a database can hold.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

LABELS = frozenset({"X-ABLABEL", "X-ABADR"})
"""Lines that only say something of the other line in their group (Apple)."""


class NotACard(ValueError):
    """The text holds no vCard."""


def clean(text: str) -> str:
    """Text that every app can hold: one kind of line end, no control characters, no halves of characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _LONE_SURROGATE.sub("\ufffd", _UNSTORABLE.sub("", text))


def escape(text: str) -> str:
    """The form of a text inside a line."""
    return _TO_ESCAPE.sub(lambda found: "\\n" if found[0] == "\n" else "\\" + found[0], text)


def unescape(text: str) -> str:
    """The text that a line stands for. A backslash before anything else is left as it is."""
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)


def split_value(value: str, separator: str) -> list[str]:
    """The still escaped parts of a structured value."""
    return re.findall(rf"(?:^|{separator})((?:[^\\{separator}]|\\.|\\$)*+)", value, re.DOTALL)


@dataclass(frozen=True, eq=False)
class Line:
    """One content line. Equal only to itself: two like ones in a card are still two."""

    raw: str
    """As it came, with folds and the line end."""

    @cached_property
    def _unfolded(self) -> str:
        return re.sub(r"\r?\n[ \t]", "", self.raw).rstrip("\r\n")

    @cached_property
    def _names(self) -> tuple[str, str]:
        # The first physical line nearly always holds the name; unfolding a photo for it would be a waste.
        found = _NAME.match(self.raw) or _NAME.match(self._unfolded)
        return (found[1] or "", found[2].upper()) if found else ("", "")

    @property
    def group(self) -> str:
        return self._names[0]

    @property
    def name(self) -> str:
        """In capitals; "" for what is no content line."""
        return self._names[1]

    @cached_property
    def _head_and_value(self) -> tuple[str, str]:
        found = _HEAD.match(self._unfolded)
        if found:
            return found[1], self._unfolded[found.end() :]
        head, _, value = self._unfolded.partition(":")
        return head, value

    @cached_property
    def params(self) -> Params:
        return tuple(map(_param, _split_quoted(self._head_and_value[0], ";")[1:]))

    def param(self, name: str) -> str | None:
        """The first value of the parameter, without quotes."""
        return next((values[0] for n, values in self.params if n == name and values), None)

    @cached_property
    def types(self) -> frozenset[str]:
        """TYPE in small letters, bare parameters of 2.1 among them."""
        found = (values or (name,) for name, values in self.params if name == "TYPE" or not values)
        return frozenset(value.lower() for values in found for value in values)

    @property
    def rank(self) -> int:
        """Smaller is preferred: a PREF type, then PREF=1 to 100, then no preference."""
        if "pref" in self.types:
            return 0
        level = self.param("PREF") or ""
        return int(level) if re.fullmatch(r"\d{1,3}", level, re.ASCII) else 101

    @cached_property
    def value(self) -> str:
        """Still escaped; quoted-printable decoded."""
        value = self._head_and_value[1]
        if not self._quoted_printable:
            return clean(value)
        plain = quopri.decodestring(_SOFT_BREAK.sub("", value).encode("utf-8", "replace"))
        try:
            return clean(plain.decode(self.param("CHARSET") or "utf-8", "replace"))
        except LookupError:
            return clean(plain.decode("utf-8", "replace"))

    @property
    def _quoted_printable(self) -> bool:
        return "quoted-printable" in self.types or ((self.param("ENCODING") or "").lower() == "quoted-printable")

    @property
    def text(self) -> str | None:
        """The value as one text; None where there is nothing but space."""
        text = unescape(self.value)
        return text if text.strip() else None

    def parts(self, separator: str = ";") -> list[str]:
        """The still escaped parts of a structured value."""
        return split_value(self.value, separator)

    def with_value(self, value: str, *, without: Iterable[str] = ()) -> Line:
        """The same line with another (escaped) value, and without parameters that spoke of the old one."""
        gone = {"ENCODING", "CHARSET", "QUOTED-PRINTABLE", *without}
        if any(name in gone for name, _ in self.params):
            params = tuple(p for p in self.params if p[0] not in gone)
            return make_line(self._written_name, value, params=params)
        return Line(_fold(f"{self._head_and_value[0]}:{value}"))

    def with_params(self, params: Params) -> Line:
        return make_line(self._written_name, self._head_and_value[1], params=params)

    @property
    def _written_name(self) -> str:
        return _split_quoted(self._head_and_value[0], ";")[0]


def make_line(name: str, value: str, *, params: Params = ()) -> Line:
    """A new line. `name` may carry a group; `value` is escaped already."""
    written = "".join(f";{n}={','.join(map(_quoted, values))}" if values else f";{n}" for n, values in params)
    return Line(_fold(f"{name}{written}:{value}"))


class Card:
    """One vCard. Reading and changing work on the lines between its BEGIN and its END."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = list(lines)
        self._index: dict[str, list[Line]] | None = None

    @classmethod
    def parse(cls, text: str) -> Card:
        """Raises NotACard. Everything else is kept, however odd."""
        card = cls([Line(raw) for raw in _logical_lines(text)])
        if not card._inside:
            raise NotACard("no BEGIN:VCARD and END:VCARD")
        return card

    @classmethod
    def new(cls, *, version: str, uid: str, product: str) -> Card:
        lines = [("BEGIN", "VCARD"), ("VERSION", version), ("PRODID", product), ("UID", uid), ("END", "VCARD")]
        return cls([make_line(name, value) for name, value in lines])

    @property
    def text(self) -> str:
        """Exactly what was parsed, but for the lines that were changed since."""
        return "".join(line.raw for line in self._lines)

    @property
    def wire(self) -> bytes:
        """What is sent: as `text`, each line ending in CRLF (a card that came inside XML has lost the CR)."""
        return re.sub(r"\r?\n", "\r\n", self.text).encode("utf-8", "replace")

    def __iter__(self) -> Iterator[Line]:
        """Every line, also those around and within."""
        return iter(self._lines)

    def copy(self) -> Card:
        return Card(self._lines)

    @property
    def version(self) -> str:
        return (self.first("VERSION") or "3.0").strip()

    @property
    def is_v4(self) -> bool:
        return self.version.startswith("4")

    def lines(self, name: str) -> list[Line]:
        """In the order of the card."""
        if self._index is None:
            self._index = {}
            for line in self._inside:
                self._index.setdefault(line.name, []).append(line)
        return self._index.get(name, [])

    def ranked(self, name: str) -> list[Line]:
        """The preferred line first."""
        lines = self.lines(name)
        return sorted(lines, key=lambda line: line.rank) if len(lines) > 1 else lines

    def first(self, name: str) -> str | None:
        """The text of the preferred line of that name."""
        return next((line.text for line in self.ranked(name)), None)

    @property
    def is_group(self) -> bool:
        """A list of members, not a person (RFC 6350 KIND; Apple's way of saying it in 3.0)."""
        kind = self.first("KIND") or self.first("X-ADDRESSBOOKSERVER-KIND") or ""
        return kind.strip().lower() == "group"

    def replace(self, old: Line, new: Line) -> None:
        self._lines[self._lines.index(old)] = new
        self._index = None

    def remove(self, line: Line) -> None:
        """Take a line out, and with it the labels that said something of it alone."""
        self._lines.remove(line)
        if line.group:
            left = [other for other in self._inside if other.group == line.group]
            if all(other.name in LABELS for other in left):
                self._lines = [other for other in self._lines if other not in left]
        self._index = None

    def add(self, line: Line) -> None:
        """Put a line behind the last one of its name, else at the end."""
        alike = self.lines(line.name)
        last = self._lines.index(alike[-1]) if alike else self._lines.index(self._inside[-1])
        before = self._lines[last]
        if not before.raw.endswith("\n"):
            self._lines[last] = Line(before.raw + "\r\n")
        self._lines.insert(last + 1, line)
        self._index = None

    def put(self, name: str, value: str | None) -> None:
        """One line of that name with this (escaped) value: the preferred one is changed. None: no such line."""
        lines = self.ranked(name)
        if value is None:
            for line in lines:
                self.remove(line)
        elif lines:
            self.replace(lines[0], lines[0].with_value(value))
        else:
            self.add(make_line(name, value))

    @property
    def _inside(self) -> list[Line]:
        """BEGIN and what follows it up to END; lines of a card within the card left out."""
        inside: list[Line] = []
        depth = 0
        for line in self._lines:
            begins, ends = line.name == "BEGIN", line.name == "END"
            if begins:
                depth += 1
            if ends and depth == 1:
                return inside if inside[0].value.strip().upper() == "VCARD" else []
            if depth == 1:
                inside.append(line)
            if ends and depth:
                depth -= 1
        return []


def _logical_lines(text: str) -> Iterable[str]:
    """Physical lines joined with their continuations: folds, and soft breaks of quoted-printable."""
    gathered = ""
    soft = False
    for physical in _PHYSICAL.findall(text):
        # A soft break in the last line of a value is a mistake, and must not swallow the end of the card.
        continues = physical[0] in " \t" or (soft and not physical.upper().startswith("END:"))
        if gathered and not continues:
            yield gathered
            gathered = ""
        gathered += physical
        soft = physical.rstrip().endswith("=") and "quoted-printable" in gathered.partition(":")[0].lower()
    if gathered:
        yield gathered


def _split_quoted(text: str, separator: str) -> list[str]:
    """Split where the separator stands outside double quotes."""
    return re.findall(rf'(?:^|{separator})((?:[^"{separator}]|"[^"]*+"|")*+)', text)


def _param(text: str) -> tuple[str, tuple[str, ...]]:
    name, equals, values = text.partition("=")
    found = tuple(value.strip().strip('"') for value in _split_quoted(values, ",")) if equals else ()
    return name.strip().upper(), found


def _quoted(value: str) -> str:
    return f'"{value}"' if re.search(r"[,;:]", value) else value


def _fold(line: str) -> str:
    """A line in pieces of at most 75 octets, never within a character, ended with CRLF."""
    if len(line) < FOLD_AT and line.isascii():
        return line + "\r\n"
    pieces: list[str] = []
    start = 0
    while start < len(line):
        end = _fold_end(line, start, FOLD_AT if not pieces else FOLD_AT - 1)
        pieces.append(line[start:end])
        start = end
    return "\r\n ".join(pieces) + "\r\n"


def _fold_end(line: str, start: int, octets: int) -> int:
    end = start
    size = 0
    while end < len(line) and (size := size + len(line[end].encode("utf-8", "replace"))) <= octets:
        end += 1
    # Some servers drop a piece of nothing but space as if it were an empty line.
    while end < len(line) and line[start:end].isspace():
        end += 1
    return end
