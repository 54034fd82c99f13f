"""The fields of a contact, and what happens to a card when some of them change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from connectors.contract import Field, FieldType, Record, Refusal, Refused, Value, Values

from . import elements
from .lenses import (
    NAME_PLACES,
    DateLens,
    Lens,
    ListLens,
    PartLens,
    RevisionLens,
    TextLens,
    ValueRefused,
    WordsLens,
    composed_names,
    stamp,
)
from .vcard import Card, escape, make_line

PRODUCT = "-//SyncSite//CardDAV//EN"

FULL_NAME = "full_name"


@dataclass(frozen=True, slots=True)
class CardField:
    field: Field
    lens: Lens


def _card_field(
    name: str,
    label: str,
    lens: Lens,
    type: FieldType = FieldType.TEXT,
    *,
    multi_valued: bool = False,
    read_only: bool = False,
) -> CardField:
    field = Field(name=name, label=label, type=type, canonical=name, multi_valued=multi_valued, read_only=read_only)
    return CardField(field, lens)


def _name_part(name: str, label: str) -> CardField:
    return _card_field(name, label, PartLens("N", NAME_PLACES[name], width=len(NAME_PLACES)))


_CARD_FIELDS = (
    _card_field(FULL_NAME, "Full name", TextLens("FN")),
    _name_part("prefix", "Title before the name"),
    _name_part("first_name", "First name"),
    _name_part("middle_name", "Middle name"),
    _name_part("last_name", "Last name"),
    _name_part("suffix", "Suffix after the name"),
    _card_field("nickname", "Nickname", TextLens("NICKNAME")),
    _card_field("email", "E-mail", ListLens(elements.EMAIL), FieldType.EMAIL, multi_valued=True),
    _card_field("phone", "Phone", ListLens(elements.PHONE), FieldType.PHONE, multi_valued=True),
    _card_field("mobile", "Mobile phone", ListLens(elements.MOBILE), FieldType.PHONE, multi_valued=True),
    _card_field("fax", "Fax", ListLens(elements.FAX), FieldType.PHONE, multi_valued=True),
    _card_field("address", "Address", ListLens(elements.ADDRESS), FieldType.ADDRESS, multi_valued=True),
    _card_field("company", "Company", PartLens("ORG", 0)),
    _card_field("department", "Department", PartLens("ORG", 1)),
    _card_field("job_title", "Job title", TextLens("TITLE")),
    _card_field("website", "Website", ListLens(elements.URL), FieldType.URL, multi_valued=True),
    _card_field("birthday", "Birthday", DateLens("BDAY"), FieldType.DATE),
    _card_field("notes", "Notes", TextLens("NOTE"), FieldType.LONG_TEXT),
    _card_field("tags", "Tags", WordsLens("CATEGORIES"), multi_valued=True),
    _card_field("modified_at", "Last modified", RevisionLens(), FieldType.DATETIME, read_only=True),
)

CARD_FIELDS: Mapping[str, CardField] = {each.field.name: each for each in _CARD_FIELDS}
FIELDS: tuple[Field, ...] = tuple(each.field for each in _CARD_FIELDS)


class CardRefused(ValueError):
    """These values cannot stand in a card."""

    def __init__(self, reason: Refusal, message: str, field: str) -> None:
        super().__init__(message)
        self.outcome = Refused(reason=reason, message=message, field=field)


def values_of(card: Card) -> dict[str, Value]:
    """Every field of the card in wire form."""
    return {name: each.lens.get(card) for name, each in CARD_FIELDS.items()}


def record_of(card: Card, *, id: str, version: str | None) -> Record:
    values = values_of(card)
    return Record(id=id, values=values, version=version, modified_at=values["modified_at"])


def create_card(values: Values, *, uid: str, version: str, now: datetime) -> Card:
    """A new card. Raises CardRefused; also when nothing in it could serve as its name."""
    card = Card.new(version=version, uid=uid, product=PRODUCT)
    # FN and N first, where people expect them. 3.0 requires both; FN gets its value below.
    card.add(make_line("FN", ""))
    card.add(make_line("N", ";;;;"))
    _put_all(card, values)
    if CARD_FIELDS[FULL_NAME].lens.get(card) is None:
        _compose_full_name(card, form=0)
    stamp(card, now)
    return card


def change_card(card: Card, values: Values, *, now: datetime) -> Card:
    """The card with these values; the very card where they are its own already. Raises CardRefused.

    Only lines of fields that differ change. A full name that was made of the parts of the old name (in
    one of the usual orders) follows when they change and the full name itself is not among `values`.
    A card cannot be without full name: one that is cleared is made anew of what the card holds.
    """
    changed = card.copy()
    _put_all(changed, values)
    form = _form_of(values_of(card))
    if FULL_NAME in values:
        if CARD_FIELDS[FULL_NAME].lens.get(changed) is None:
            _compose_full_name(changed, form=form or 0)
    elif form is not None and not NAME_PLACES.keys().isdisjoint(values):
        _compose_full_name(changed, form=form)
    if changed.text == card.text:
        return card
    stamp(changed, now)
    return changed


def _put_all(card: Card, values: Values) -> None:
    for name, value in values.items():
        each = CARD_FIELDS.get(name)
        if each is None:
            raise CardRefused(Refusal.INVALID_VALUE, f"There is no field {name}.", name)
        if each.lens.get(card) == value:
            continue
        try:
            each.lens.put(card, value)
        except ValueRefused as error:
            raise CardRefused(Refusal.INVALID_VALUE, f"{each.field.label}: {error}.", name) from error


def _compose_full_name(card: Card, *, form: int) -> None:
    """Make FN of the parts of the name, else of what else a contact may be called by. Raises CardRefused."""
    values = values_of(card)
    full_name = composed_names(_names(values))[form].strip(" ,") or _stand_in(values) or values[FULL_NAME]
    if not full_name:
        raise CardRefused(Refusal.MISSING_REQUIRED, "A contact needs a name.", FULL_NAME)
    if full_name != values[FULL_NAME]:
        card.put("FN", escape(full_name))


def _form_of(values: Values) -> int | None:
    """Which of the composed names the full name is; None for a full name of its own."""
    full_name = " ".join((values[FULL_NAME] or "").split())
    if full_name == (_stand_in(values) or "") and not any(_names(values).values()):
        return 0
    names = composed_names(_names(values)) if full_name else []
    return names.index(full_name) if full_name in names else None


def _names(values: Values) -> dict[str, str | None]:
    return {name: values.get(name) for name in NAME_PLACES}


def _stand_in(values: Values) -> str | None:
    """What a contact without a name is called in an address book."""
    several = [value for name in ("email", "phone", "mobile") for value in values.get(name) or []]
    candidates = [values.get("nickname"), values.get("company"), *several]
    return next((value for value in candidates if value), None)
