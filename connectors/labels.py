"""Names for people of what the contract names for code."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .contract import CANONICAL, FieldType, Kind

KINDS: dict[Kind, Promise] = {
    Kind.CONTACT: _("Contacts"),
    Kind.LEAD: _("Leads"),
    Kind.COMPANY: _("Companies"),
    Kind.DEAL: _("Deals"),
    Kind.PRODUCT: _("Products"),
    Kind.LINE_ITEM: _("Line items"),
    Kind.INVOICE: _("Invoices"),
    Kind.ACTIVITY: _("Activities"),
    Kind.GROUP: _("Groups"),
}

TYPES: dict[FieldType, Promise] = {
    FieldType.TEXT: _("Text"),
    FieldType.LONG_TEXT: _("Long text"),
    FieldType.EMAIL: _("E-mail"),
    FieldType.PHONE: _("Phone"),
    FieldType.URL: _("Web address"),
    FieldType.INTEGER: _("Whole number"),
    FieldType.NUMBER: _("Number"),
    FieldType.MONEY: _("Money"),
    FieldType.BOOLEAN: _("Yes or no"),
    FieldType.DATE: _("Date"),
    FieldType.DATETIME: _("Date and time"),
    FieldType.CHOICE: _("Choice"),
    FieldType.MULTI_CHOICE: _("Several choices"),
    FieldType.REFERENCE: _("Reference"),
    FieldType.ADDRESS: _("Address"),
    FieldType.OWNER: _("Owner"),
}


def kind_label(kind: Kind | None) -> str:
    return str(KINDS[kind]) if kind else ""


def type_label(type: FieldType) -> str:
    return str(TYPES[type])


def canonical_label(name: str | None) -> str:
    """What a field stands for; a name that is not known any more as it is."""
    return CANONICAL.get(name, name) if name else ""
