"""What an account's records are made of: types, fields and the form in which values travel.

A value travels in *wire form*: plain JSON, the same in the database, in tests and in a connector.

========================  ==================================================================
type                      wire form (``None`` is always blank)
========================  ==================================================================
text, long text, e-mail,  ``str``
phone, URL, choice
integer                   ``int``
number                    ``str``, a decimal such as ``"12.50"`` (never a float)
money                     ``{"amount": "12.50", "currency": "EUR"}``; currency may be ``None``
boolean                   ``bool``
date                      ``str``, ``"2026-01-31"``
datetime                  ``str``, UTC, ``"2026-01-31T09:30:00Z"``, with a fraction if there is one
multi-choice              ``list`` of ``str``
reference                 ``{"id": "12", "label": "Acme"}``; label may be ``None``; of several, with
                          ``"primary": True`` in the one that the app marks, if it marks one
address                   ``{"street", "city", "region", "zip", "country"}``, each ``str`` or ``None``
owner                     ``{"id": "7", "email": "ann@example.com"}``; e-mail may be ``None``
multi-valued field        ``list`` of the above, the primary element first
========================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

Value: TypeAlias = Any
"""One value in wire form (see the table above): None, str, int, bool, dict or list."""

Values: TypeAlias = Mapping[str, Value]
"""Field name → value. A field that is missing was *not read*; a blank one is ``None``."""

ADDRESS_PARTS = ("street", "city", "region", "zip", "country")


class FieldType(StrEnum):
    TEXT = "text"
    LONG_TEXT = "long_text"
    EMAIL = "email"
    PHONE = "phone"
    URL = "url"
    INTEGER = "integer"
    NUMBER = "number"
    MONEY = "money"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    CHOICE = "choice"
    MULTI_CHOICE = "multi_choice"
    REFERENCE = "reference"
    ADDRESS = "address"
    OWNER = "owner"


class Kind(StrEnum):
    """What an object is, across all apps. A custom object has none until a person assigns one."""

    CONTACT = "contact"
    LEAD = "lead"
    COMPANY = "company"
    DEAL = "deal"
    PRODUCT = "product"
    LINE_ITEM = "line_item"
    INVOICE = "invoice"
    ACTIVITY = "activity"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a choice, multi-choice or owner field (an owner's label is the e-mail address)."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """One property of an object, as one account offers it."""

    name: str
    """The app's own name, unchanging: the key in `Record.values`."""
    label: str
    type: FieldType
    canonical: str | None = None
    """What the field stands for in every app (see `CANONICAL`); equal names are paired by default."""
    required: bool = False
    """A record cannot be created without it."""
    read_only: bool = False
    unique: bool = False
    multi_valued: bool = False
    options: tuple[Option, ...] = ()
    target: str | None = None
    """For a reference: the name of the resource that it points to."""
    target_kind: Kind | None = None
    """What that resource is, as a person understands it. Filled in by the account, never by a connector."""
    max_length: int | None = None
    """In characters; None where the app sets no limit."""
    tells_blank: bool = True
    """False where the account cannot tell a blank value from one that it did not return."""


CANONICAL: dict[str, str] = {
    # persons
    "full_name": "Full name",
    "first_name": "First name",
    "last_name": "Last name",
    "middle_name": "Middle name",
    "prefix": "Title before the name",
    "suffix": "Suffix after the name",
    "nickname": "Nickname",
    "email": "E-mail address",
    "phone": "Phone",
    "mobile": "Mobile phone",
    "fax": "Fax",
    "job_title": "Job title",
    "department": "Department",
    "company": "Company",
    "birthday": "Birthday",
    # persons and companies
    "name": "Name",
    "domain": "Domain",
    "website": "Website",
    "address": "Address",
    "street": "Street",
    "city": "City",
    "region": "Region",
    "zip": "Postal code",
    "country": "Country",
    "industry": "Industry",
    "employees": "Employees",
    "description": "Description",
    "notes": "Notes",
    "owner": "Owner",
    "language": "Language",
    "tags": "Tags",
    "status": "Status",
    # deals, products, line items, invoices, activities
    "title": "Title",
    "amount": "Amount",
    "currency": "Currency",
    "stage": "Stage",
    "pipeline": "Pipeline",
    "close_date": "Close date",
    "probability": "Probability",
    "sku": "SKU",
    "price": "Price",
    "cost": "Cost",
    "quantity": "Quantity",
    "discount": "Discount",
    "tax": "Tax",
    "number": "Number",
    "issue_date": "Issue date",
    "due_date": "Due date",
    "total": "Total",
    "subject": "Subject",
    "body": "Body",
    "start": "Start",
    "end": "End",
    # references
    "company_ref": "Company (association)",
    "contact_ref": "Contact (association)",
    "deal_ref": "Deal (association)",
    "product_ref": "Product (association)",
    "invoice_ref": "Invoice (association)",
    # kept by the app
    "created_at": "Created",
    "modified_at": "Last modified",
}
"""Canonical field name → label. A connector names the one that its field stands for, or none."""
