"""Objects in memory that refer to each other: every kind that there is, for tests of associations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..contract import Field, FieldType, Kind, Value
from .memory import companies, contacts, memory_object
from .memory_object import MemoryObject

T = FieldType


def ref(id_: str | None, label: str | None = None) -> Value:
    """A reference in wire form; None for None."""
    return None if id_ is None else {"id": id_, "label": label}


def _reference(name: str, target: str, canonical: str | None, *, many: bool = False, required: bool = False) -> Field:
    return Field(
        name,
        name.replace("_", " ").capitalize(),
        T.REFERENCE,
        canonical=canonical,
        target=target,
        multi_valued=many,
        required=required,
    )


COMPANY = _reference("company_id", "companies", "company_ref")
COMPANIES = _reference("company_id", "companies", "company_ref", many=True)
CONTACT = _reference("contact_id", "contacts", "contact_ref")
CONTACTS = _reference("contact_id", "contacts", "contact_ref", many=True)
DEAL = _reference("deal_id", "deals", "deal_ref")
PRODUCT = _reference("product_id", "products", "product_ref")
MAIN_CONTACT = _reference("main_contact", "contacts", "contact_ref")


def firms(*references: Field, **changes: Any) -> MemoryObject:
    """Companies; with `MAIN_CONTACT`, they and their contacts refer to each other."""
    return _with(companies(**changes), references)


def people(*references: Field, **changes: Any) -> MemoryObject:
    """Contacts that belong to a company."""
    return _with(contacts(**changes), references or (COMPANY,))


def leads(*references: Field, **changes: Any) -> MemoryObject:
    return people(*references, **{"name": "leads", "label": "Leads", "kind": Kind.LEAD, **changes})


def deals(*references: Field, **changes: Any) -> MemoryObject:
    fields = (
        Field("title", "Title", T.TEXT, canonical="title", required=True),
        Field("amount", "Amount", T.MONEY, canonical="amount"),
        *(references or (COMPANY, CONTACTS)),
    )
    return memory_object("deals", fields, Kind.DEAL, **changes)


def products(**changes: Any) -> MemoryObject:
    fields = (
        Field("name", "Name", T.TEXT, canonical="name", required=True),
        Field("sku", "SKU", T.TEXT, canonical="sku"),
        Field("price", "Price", T.NUMBER, canonical="price"),
    )
    return memory_object("products", fields, Kind.PRODUCT, **changes)


def line_items(*references: Field, **changes: Any) -> MemoryObject:
    """Without its deal there is none."""
    fields = (
        Field("title", "Title", T.TEXT, canonical="title"),
        Field("quantity", "Quantity", T.NUMBER, canonical="quantity"),
        *(references or (_reference("deal_id", "deals", "deal_ref", required=True), PRODUCT)),
    )
    return memory_object("line_items", fields, Kind.LINE_ITEM, **changes)


def invoices(*references: Field, **changes: Any) -> MemoryObject:
    fields = (
        Field("number", "Number", T.TEXT, canonical="number"),
        Field("total", "Total", T.MONEY, canonical="total"),
        *(references or (CONTACT,)),
    )
    return memory_object("invoices", fields, Kind.INVOICE, **changes)


def activities(*references: Field, **changes: Any) -> MemoryObject:
    fields = (
        Field("subject", "Subject", T.TEXT, canonical="subject"),
        Field("start", "Start", T.DATETIME, canonical="start"),
        *(references or (CONTACTS, DEAL)),
    )
    return memory_object("activities", fields, Kind.ACTIVITY, **changes)


def groups(*references: Field, **changes: Any) -> MemoryObject:
    fields = (
        Field("name", "Name", T.TEXT, canonical="name", required=True),
        *(references or (_reference("members", "contacts", "contact_ref", many=True),)),
    )
    return memory_object("groups", fields, Kind.GROUP, **changes)


def custom(name: str = "vehicles", *references: Field, **changes: Any) -> MemoryObject:
    """An object of which the app does not say what it is."""
    fields = (
        Field("plate", "Plate", T.TEXT, canonical="name"),
        Field("colour", "Colour", T.TEXT),
        *references,
    )
    return memory_object(name, fields, None, **changes)


def _with(one: MemoryObject, references: tuple[Field, ...]) -> MemoryObject:
    one.resource = replace(one.resource, fields=(*one.resource.fields, *references))
    return one
