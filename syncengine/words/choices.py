"""What a person chooses for a sync: matching, conditions, transforms, and how a mapping writes."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from connectors.contract import Kind, WriteKind

from ..core.mapping import Begins, ClearPolicy, History, MatchBy, Transform, Which, WriteMode
from ..core.match import PERSONS
from ..core.transforms import ARGUMENTS, SHAPES
from .base import Text

CLEARS: Mapping[ClearPolicy, Text] = {
    ClearPolicy.KEEP: _("The other side keeps its value"),
    ClearPolicy.CLEAR: _("The other side is cleared too"),
}

MODES: Mapping[WriteMode, Text] = {
    WriteMode.OVERWRITE: _("Overwrites"),
    WriteMode.FILL_BLANK: _("Only fills blanks"),
    WriteMode.ON_CREATION: _("Only on new records"),
}


def preset_of(kind: Kind | None) -> Text:
    """How records of a kind are matched unless somebody chooses otherwise (rules 5.3 to 5.5)."""
    if kind in PERSONS:
        return _(
            "By any e-mail address in common. Where one of them has none: by the same full name and the same company."
        )
    return {
        Kind.COMPANY: _(
            "By the same name; of several with one name, the one with the same domain. The domain decides where "
            "one of them has no name."
        ),
        Kind.PRODUCT: _("By SKU, then by name."),
        Kind.INVOICE: _("By number."),
    }.get(kind, _("Records of this kind are never matched by themselves: each is copied to the other side."))  # type: ignore[call-overload]


DELETIONS: Mapping[str, Text] = {
    "": _("Leave it, and list it"),
    WriteKind.ARCHIVE: _("Archive it"),
    WriteKind.DELETE: _("Delete it"),
}
"""What a deletion on one side does on the other."""

MATCHES: Mapping[MatchBy, Text] = {
    MatchBy.DEFAULT: _("As usual for this kind"),
    MatchBy.DOMAIN_FIRST: _("By domain, then by name"),
    MatchBy.FIELD: _("By a field of your own choosing, and only that"),
    MatchBy.NOTHING: _("Not at all: every record without a counterpart is copied"),
}

WHICH: Mapping[Which, Text] = {
    Which.PRIMARY: _("Only the primary one; where the app marks none, the first listed"),
    Which.ALL: _("All of them"),
}

HISTORIES: Mapping[History, Text] = {
    History.ALL: _("All records that are there"),
    History.FROM_NOW: _("Only what is created or changed from now on"),
}

BEGINS: Mapping[Begins, Text] = {
    Begins.COMPARED: _("Compare it on the records that are linked already"),
    Begins.LATER: _("Leave them as they are; only later changes count"),
}

TRANSFORMS: Mapping[Transform, Text] = {
    Transform.NONE: _("As it is"),
    Transform.NAME: _("First and last name as one"),
    Transform.ADDRESS: _("An address by its parts"),
    Transform.PARSE: _("Text that is read back as what it stands for"),
    Transform.UPPER: _("In capital letters"),
    Transform.LOWER: _("In small letters"),
    Transform.TITLE: _("Each Word With a Capital"),
    Transform.TRIM: _("Without superfluous white space"),
    Transform.PHONE: _("Phone numbers in one form"),
    Transform.DATE: _("Dates as text"),
    Transform.NUMBER: _("Numbers as text"),
    Transform.REPLACE: _("Texts replaced by a table"),
    Transform.EXTRACT: _("A part of the text"),
}

ARGUMENT_WORDS: Mapping[str, Text] = {
    "e164": _("+49301234567"),
    "international": _("+49 30 1234567"),
    "national": _("030 1234567, in the workspace's country"),
    "domain": _("The domain of an address"),
    "first_word": _("The first word"),
    "last_word": _("The last word"),
    "before": _("What stands before …"),
    "after": _("What stands after …"),
}


def arguments_of(transform: Transform) -> list[tuple[str, Text]]:
    """(argument, words) of a transform that takes one."""
    return [(name, ARGUMENT_WORDS.get(name, name)) for name in ARGUMENTS.get(transform, ())]


def transform_choices() -> list[tuple[str, Text]]:
    """Transforms that a person may name for two single fields."""
    named = [t for t in Transform if t in SHAPES]
    return [(t.value, TRANSFORMS[t]) for t in (Transform.NONE, Transform.PARSE, *named)]
