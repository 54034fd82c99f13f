"""What names tell: guesses that a person confirms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from connectors.contract import FieldType, Kind

_KINDS: dict[Kind, str] = {
    Kind.CONTACT: "contact person people customer client member kontakt kontakte kunde kunden personen personne "
    "persona contacto cliente",
    Kind.COMPANY: "company account organisation organization org firm business vendor supplier firma firmen "
    "unternehmen entreprise societe empresa",
    Kind.DEAL: "deal opportunity chance negocio affaire",
    Kind.LEAD: "lead prospect interessent",
    Kind.LINE_ITEM: "line_item order_line order_item invoice_line invoice_item deal_item opportunity_line_item "
    "opportunity_item quote_line quote_item order_position invoice_position position",
    Kind.PRODUCT: "product article artikel produkt produit producto item",
    Kind.INVOICE: "invoice bill rechnung facture factura",
    Kind.ACTIVITY: "activity task call meeting event appointment interaction aktivitaet aktivitat note",
    Kind.GROUP: "group segment contact_list mailing_list gruppe",
}
_PREFIXES = ("tbl", "t", "crm", "app", "core", "sales", "erp", "wp", "public", "dim", "my")

_COLUMNS: dict[str, str] = {
    "full_name": "full_name fullname display_name contact_name person_name customer_name name complete_name",
    "first_name": "first_name firstname given_name givenname fname forename vorname prenom nombre",
    "last_name": "last_name lastname surname family_name familyname lname nachname familienname nom apellido apellidos",
    "middle_name": "middle_name middlename middle_initial",
    "prefix": "salutation name_prefix honorific anrede prefix",
    "suffix": "name_suffix suffix",
    "nickname": "nickname nick_name nick",
    "email": "email e_mail mail email_address e_mail_address mail_address emailaddress email1 email_1 primary_email "
    "work_email correo courriel",
    "phone": "phone phone_number telephone tel telephone_number phonenumber phone1 phone_1 work_phone business_phone "
    "telefon telefono telefonnummer",
    "mobile": "mobile mobile_phone cell cell_phone cellphone mobile_number handy mobil mobiltelefon movil",
    "fax": "fax fax_number faxnumber",
    "job_title": "job_title jobtitle position job role_title funktion beruf",
    "department": "department dept abteilung",
    "company": "company company_name organisation organization org firma firm employer empresa",
    "birthday": "birthday birth_date birthdate date_of_birth dob geburtsdatum geburtstag",
    "name": "name company_name account_name organisation_name organization_name title product_name firma bezeichnung "
    "group_name",
    "domain": "domain domain_name web_domain",
    "website": "website web_site url homepage web webseite site_web",
    "street": "street street_address address1 address_1 address_line1 address_line_1 addr1 address strasse adresse "
    "rue calle",
    "city": "city town ort stadt ville ciudad",
    "region": "region state province state_province bundesland county",
    "zip": "zip zip_code zipcode postal_code postalcode postcode plz",
    "country": "country country_code country_name land pays pais",
    "industry": "industry sector branche",
    "employees": "employees employee_count number_of_employees num_employees headcount mitarbeiter",
    "description": "description beschreibung descr",
    "notes": "notes note comment comments remarks bemerkung bemerkungen notizen",
    "language": "language lang locale sprache",
    "tags": "tags labels",
    "status": "status state_name lifecycle",
    "title": "title deal_name dealname opportunity_name name",
    "amount": "amount value deal_value deal_amount betrag summe",
    "currency": "currency currency_code waehrung wahrung",
    "stage": "stage deal_stage stage_name phase sales_stage",
    "pipeline": "pipeline pipeline_name",
    "close_date": "close_date closing_date expected_close expected_close_date closed_on closes_on",
    "probability": "probability win_probability",
    "sku": "sku product_code article_number item_code artikelnummer product_number",
    "price": "price unit_price list_price preis",
    "cost": "cost unit_cost",
    "quantity": "quantity qty menge",
    "discount": "discount rabatt",
    "tax": "tax vat tax_amount mwst",
    "number": "number invoice_number invoice_no invoice_num no num rechnungsnummer",
    "issue_date": "issue_date invoice_date date issued_on issued_at rechnungsdatum",
    "due_date": "due_date due due_on payment_due faelligkeit",
    "total": "total total_amount grand_total gesamt",
    "subject": "subject betreff title name",
    "body": "body content text message",
    "start": "start start_time starts_at start_at begin begins_at start_date",
    "end": "end end_time ends_at end_at finish end_date",
    "created_at": "created_at created created_on create_date creation_date date_created created_date createdate "
    "createdat create_time created_time inserted_at insert_date erstellt_am erstellt angelegt_am",
    "modified_at": "modified_at updated_at last_modified modified updated last_modified_at last_updated "
    "last_update modified_on updated_on date_modified date_updated modified_date updated_date update_date "
    "write_date lastmodified updatedat modifiedat update_time modify_time mtime changed_at last_modified_date "
    "last_changed geaendert_am aktualisiert_am",
}
"""Canonical name → names of columns, the surest first; as `words` writes them."""

_PERSON = (
    "full_name first_name last_name middle_name prefix suffix nickname email phone mobile fax job_title department "
    "company birthday street city region zip country website description notes language tags status"
)
_OF_KINDS: dict[Kind | None, str] = {
    Kind.CONTACT: _PERSON,
    Kind.LEAD: _PERSON + " industry",
    Kind.COMPANY: "name domain website email phone fax street city region zip country industry employees description "
    "notes language tags status",
    Kind.DEAL: "title amount currency stage pipeline close_date probability status description notes tags",
    Kind.PRODUCT: "name sku price cost currency description status tags",
    Kind.LINE_ITEM: "name sku quantity price discount tax total currency description",
    Kind.INVOICE: "number issue_date due_date total tax discount currency status notes",
    Kind.ACTIVITY: "subject body start end due_date status notes",
    Kind.GROUP: "name description",
    None: "full_name first_name last_name email phone mobile fax job_title company birthday website street city "
    "region zip country description notes status amount currency stage sku price quantity",
}
_ALWAYS = "created_at modified_at"

_TYPES: dict[str, frozenset[FieldType]] = {
    "created_at": frozenset({FieldType.DATETIME}),
    "modified_at": frozenset({FieldType.DATETIME}),
    "birthday": frozenset({FieldType.DATE, FieldType.DATETIME}),
    "close_date": frozenset({FieldType.DATE, FieldType.DATETIME}),
    "issue_date": frozenset({FieldType.DATE, FieldType.DATETIME}),
    "due_date": frozenset({FieldType.DATE, FieldType.DATETIME}),
    "start": frozenset({FieldType.DATE, FieldType.DATETIME}),
    "end": frozenset({FieldType.DATE, FieldType.DATETIME}),
    **dict.fromkeys(
        ("amount", "probability", "price", "cost", "quantity", "discount", "tax", "total", "employees"),
        frozenset({FieldType.NUMBER, FieldType.INTEGER}),
    ),
    "number": frozenset({FieldType.TEXT, FieldType.INTEGER}),
}
"""The types that a canonical name goes with; every other goes with texts."""

_TEXTS = frozenset({FieldType.TEXT, FieldType.LONG_TEXT, FieldType.CHOICE, FieldType.MULTI_CHOICE})

_REFERENCES = {
    Kind.COMPANY: "company_ref",
    Kind.CONTACT: "contact_ref",
    Kind.LEAD: "contact_ref",
    Kind.DEAL: "deal_ref",
    Kind.PRODUCT: "product_ref",
    Kind.INVOICE: "invoice_ref",
}

_TEXT_TYPES = {
    FieldType.EMAIL: re.compile(r"(^|_)(e_?mail(_?address)?|mail|courriel|correo)(_?\d+)?$"),
    FieldType.PHONE: re.compile(
        r"(^|_)(phone|phone_?number|tel|telephone|telefon|telefono|mobile|mobil|handy|cell|cell_?phone|fax)"
        r"(_?number)?(_?\d+)?$"
    ),
    FieldType.URL: re.compile(r"(^|_)(url|website|web_?site|homepage|webseite|linkedin_profile)(_?\d+)?$"),
}

_LONG = {"description", "notes", "note", "comment", "comments", "remarks", "bio", "body", "content", "message", "text"}

_LABELS = (
    "name",
    "full_name",
    "display_name",
    "title",
    "label",
    "company_name",
    "account_name",
    "product_name",
    "deal_name",
    "subject",
    "number",
    "invoice_number",
    "email",
    "code",
)
"""Columns that name a record, the surest first."""


def words(name: str) -> str:
    """A name as its words: "Contacts.E-Mail Address", "contactsEMailAddress" → "contacts_e_mail_address"."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", plain)
    return re.sub(r"[\W_]+", "_", plain).strip("_").lower()


def singular(word: str) -> str:
    if word.endswith("people"):
        return word.removesuffix("people") + "person"
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("sses"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 2 else word


_BY_NAME = {name: kind for kind, names in _KINDS.items() for name in names.split()}


def kind_of(table: str) -> Kind | None:
    """ "crm_Contacts" → contact. None where the name says nothing."""
    name = singular(words(table))
    parts = name.split("_")
    while len(parts) > 1 and parts[0] in _PREFIXES:
        parts = parts[1:]
    for start in range(len(parts)):
        if found := _BY_NAME.get("_".join(parts[start:])):
            return found
    return None


def label_of(name: str) -> str:
    """A name as people write it: "sales_contacts" → "Sales contacts"."""
    spaced = re.sub(r"[\s_]+", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)).strip() or name
    return spaced[0].upper() + spaced[1:]


def text_type(column: str) -> FieldType | None:
    """What a column of text holds, if its name tells."""
    name = words(column)
    return next((kind for kind, pattern in _TEXT_TYPES.items() if pattern.search(name)), None)


def sounds_long(column: str) -> bool:
    return words(column).rpartition("_")[2] in _LONG


def sounds_like_id(column: str) -> bool:
    return words(column).rpartition("_")[2] in ("id", "uuid", "guid", "key")


def canonical_names(
    kind: Kind | None,
    table: str,
    columns: Mapping[str, FieldType],
    references: Mapping[str, Kind | None],
) -> dict[str, str]:
    """Column → canonical name; each canonical name at most once, for the column that it fits best.

    `references`: the columns that refer to another table, with the kind of that table.
    """
    plain = {column: _without_table(words(column), table) for column in columns}
    found: dict[str, str] = {}
    for canonical in f"{_OF_KINDS[kind]} {_ALWAYS}".split():
        synonyms = _COLUMNS[canonical].split()
        fitting = [
            (synonyms.index(plain[column]), column)
            for column, type in columns.items()
            if column not in found and plain[column] in synonyms and _goes_with(canonical, type)
        ]
        if fitting:
            found[min(fitting)[1]] = canonical
    for target in references.values():
        named = _REFERENCES.get(target) if target is not None and target is not kind else None
        if named is not None and named not in found.values():
            found[_surest(named, target, references)] = named
    return found


def _surest(canonical: str, target: Kind | None, references: Mapping[str, Kind | None]) -> str:
    """Of several references to tables of one kind the one that is named after it: company_id, not billed_to."""
    candidates = [column for column, kind in references.items() if kind is target]
    wanted = canonical.removesuffix("_ref")
    return min(candidates, key=lambda column: words(column).removesuffix("_id") != wanted)


def _goes_with(canonical: str, type: FieldType) -> bool:
    if canonical in _TYPES:
        return type in _TYPES[canonical]
    if canonical in ("email", "website"):
        return type in _TEXTS or type in (FieldType.EMAIL, FieldType.URL)
    if canonical in ("phone", "mobile", "fax"):
        return type in _TEXTS or type is FieldType.PHONE
    return type in _TEXTS


def _without_table(column: str, table: str) -> str:
    """ "contact_email" of the table "contacts" is its email."""
    rest = column.removeprefix(singular(words(table)) + "_")
    return column if rest in ("name", "number") else rest or column


def label_columns(texts: Sequence[str], table: str) -> tuple[str, ...]:
    """The columns (of those that hold text) that together name a record of a table; empty where none does."""
    plain: dict[str, str] = {}
    for column in texts:
        plain.setdefault(_without_table(words(column), table), column)
    if "name" not in plain and "full_name" not in plain:
        of_person = [plain[name] for name in ("first_name", "last_name") if name in plain]
        if len(of_person) == 2:
            return tuple(of_person)
    own = (singular(words(table)) + "_name", *_LABELS)
    return next(((plain[name],) for name in own if name in plain), ())
