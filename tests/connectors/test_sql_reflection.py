"""Tables and columns, whatever they are called, become objects and fields that mean something."""

from contextlib import closing

import pytest

from connectors.builtin.sql import naming
from connectors.builtin.sql.forms import options_of_check
from connectors.contract import (
    Field,
    FieldMeaning,
    FieldType,
    Idempotency,
    Kind,
    ObjectMeaning,
    ReadStrategy,
    Refusal,
    Refused,
    Write,
    WriteKind,
    Written,
)
from connectors.testing.passes import read_pass

from .sql_databases import resource

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # of types that it does not know


def offered_by(database):
    with database.client() as client:
        return {offered.name: offered for offered in client.resources()}


def canonical(offered):
    return {field.name: field.canonical for field in offered.fields if field.canonical}


CRM = (
    "CREATE TABLE companies (id {counter}, company_name varchar(80) NOT NULL, web_site varchar(80), city varchar(50),"
    " zip_code varchar(10), employees integer)",
    "CREATE TABLE contacts (id {counter}, first_name varchar(50), last_name varchar(50), e_mail varchar(80) UNIQUE,"
    " tel varchar(30), cell varchar(30), title varchar(50), company_id integer REFERENCES companies (id),"
    " invoiced_to integer REFERENCES companies (id), created {moment}, last_modified {moment})",
    "CREATE TABLE deals (id {counter}, deal_name varchar(80), amount decimal(12, 2), stage varchar(20),"
    " contact_id integer REFERENCES contacts (id), company integer REFERENCES companies (id))",
    "CREATE TABLE contact_companies (contact_id integer REFERENCES contacts (id),"
    " company_id integer REFERENCES companies (id), PRIMARY KEY (contact_id, company_id))",
)
MYSQL_KEYS = (
    "ALTER TABLE contacts ADD FOREIGN KEY (company_id) REFERENCES companies (id),"
    " ADD FOREIGN KEY (invoiced_to) REFERENCES companies (id)",
)


@pytest.fixture
def crm(database):
    database.run(*(statement.format(counter=database.counter, moment=database.moment) for statement in CRM))
    return database


def test_a_crm_is_understood_by_its_names(crm):
    offered = offered_by(crm)
    assert {name: o.proposed_kind for name, o in offered.items()} == {
        "companies": Kind.COMPANY,
        "contacts": Kind.CONTACT,
        "deals": Kind.DEAL,
        "contact_companies": None,
    }
    assert all(o.kind is None for o in offered.values()), "a person confirms it"
    assert canonical(offered["companies"]) == {
        "company_name": "name", "web_site": "website", "city": "city", "zip_code": "zip", "employees": "employees",
    }  # fmt: skip
    assert canonical(offered["contacts"]) == {
        "first_name": "first_name", "last_name": "last_name", "e_mail": "email", "tel": "phone", "cell": "mobile",
        "company_id": "company_ref", "created": "created_at", "last_modified": "modified_at",
    }  # fmt: skip
    assert canonical(offered["deals"]) == {
        "deal_name": "title", "amount": "amount", "stage": "stage",
        "contact_id": "contact_ref", "company": "company_ref",
    }  # fmt: skip
    contacts = offered["contacts"]
    types = {field.name: field.type for field in contacts.fields}
    assert types["e_mail"] is FieldType.EMAIL and types["tel"] is types["cell"] is FieldType.PHONE
    assert offered["companies"].field("web_site").type is FieldType.URL
    assert contacts.field("e_mail").unique and not contacts.field("tel").unique
    assert contacts.field("company_id").target == "companies" and contacts.label == "Contacts"
    assert contacts.read is ReadStrategy.SINCE and offered["deals"].read is ReadStrategy.LISTING
    assert contacts.field("last_modified").read_only and contacts.field("created").read_only
    assert offered["companies"].field("company_name").required
    assert contacts.writes == {WriteKind.CREATE, WriteKind.UPDATE, WriteKind.DELETE}
    assert contacts.idempotency is Idempotency.NONE and contacts.lock and not contacts.atomic


def test_references_carry_the_names_of_what_they_refer_to(crm):
    with crm.client() as client:
        offered = {o.name: o for o in client.resources()}

        def make(name, **values):
            (outcome,) = client.write(offered[name], [Write(WriteKind.CREATE, values)])
            assert isinstance(outcome, Written), outcome
            return outcome

        company = make("companies", company_name="Acme")
        acme = {"id": company.id, "label": "Acme"}
        ann = make("contacts", first_name="Ann", last_name="Lee", company_id={"id": company.id, "label": None})
        assert ann.record.values["company_id"] == acme and ann.record.values["invoiced_to"] is None
        deal = make("deals", deal_name="Big", contact_id={"id": ann.id, "label": "?"}, company=acme)
        assert deal.record.values["contact_id"] == {"id": ann.id, "label": "Ann Lee"}
        tie = make("contact_companies", contact_id=deal.record.values["contact_id"], company_id=acme)
        assert tie.id == f"{ann.id},{company.id}" and tie.record.values["company_id"] == acme
        (cleared,) = client.write(offered["deals"], [Write(WriteKind.UPDATE, {"company": None}, id=deal.id)])
        assert cleared.record.values["company"] is None


def test_a_row_may_refer_to_its_own_table(database):
    database.run(
        f"CREATE TABLE people (id {database.counter}, name varchar(50), boss_id integer,"
        " FOREIGN KEY (boss_id) REFERENCES people (id))",
        "INSERT INTO people (name) VALUES ('Ann')",
        "INSERT INTO people (name, boss_id) VALUES ('Bea', 1)",
    )
    with database.client() as client:
        records = client.read(resource(client, "people"), None).records
    assert [record.values["boss_id"] for record in records] == [None, {"id": "1", "label": "Ann"}]
    assert resource_field(database, "people", "boss_id").canonical is None


def resource_field(database, name, field):
    return offered_by(database)[name].field(field)


ODD = [
    "select",
    "Order",
    "two words",
    'quo"te',
    "back`tick",
    "per%cent %(x)s %s",
    "colon:name",
    "semi;-- drop",
    "straße",
    "连系人",
    "br(ack)et[s]",
    "a'b",
    "c0",
    "param_1",
]


def test_any_name_of_table_and_column_is_only_a_name(database):
    # SQLAlchemy misreads a backtick in what MySQL says of a table.
    names = [odd for odd in ODD if database.kind != "mysql" or "`" not in odd]
    quoted = database.quoted
    for odd in names:
        key, value, parent = quoted(odd), quoted("x" + odd), quoted("r" + odd)
        database.run(
            f"CREATE TABLE {quoted('p ' + odd)} ({key} {database.counter}, name varchar(50))",
            f"CREATE TABLE {quoted('t ' + odd)} ({key} {database.counter}, {value} varchar(50), {parent} integer,"
            f" FOREIGN KEY ({parent}) REFERENCES {quoted('p ' + odd)} ({key}))",
        )
    with database.client() as client:
        offered = {o.name: o for o in client.resources()}
        assert len(offered) == 2 * len(names)
        for odd in names:
            parents, children = offered[f"p {odd}"], offered[f"t {odd}"]
            (parent,) = client.write(parents, [Write(WriteKind.CREATE, {"name": "Acme"})])
            refers = children.field("r" + odd).type is FieldType.REFERENCE
            assert refers or database.kind == "mysql"
            reference = {"id": parent.id, "label": "Acme"} if refers else int(parent.id)
            made = client.write(
                children,
                [Write(WriteKind.CREATE, {"x" + odd: f"{n}", "r" + odd: reference}) for n in range(3)],
            )
            assert all(isinstance(outcome, Written) for outcome in made), made
            change = Write(WriteKind.UPDATE, {"x" + odd: "changed"}, made[0].id, made[0].record.version)
            (changed,) = client.write(children, [change])
            assert changed.record.values["x" + odd] == "changed" and changed.record.values["r" + odd] == reference
            assert client.write(children, [Write(WriteKind.DELETE, id=made[1].id)]) == [Written(id=made[1].id)]
            assert set(read_pass(client, children).records) == {made[0].id, made[2].id}


def test_a_table_needs_a_key_that_is_never_blank(database):
    database.run(
        "CREATE TABLE keyless (name varchar(50))",
        "CREATE TABLE by_code (code varchar(10) NOT NULL UNIQUE, name varchar(50))",
        "CREATE TABLE maybe_code (code varchar(10) UNIQUE, name varchar(50))",
    )
    offered = offered_by(database)
    assert set(offered) == {"by_code"}
    code = offered["by_code"].field("code")
    assert code.required and code.unique and not code.read_only
    with database.client() as client:
        (made,) = client.write(offered["by_code"], [Write(WriteKind.CREATE, {"code": "a", "name": "Ann"})])
        assert made.id == "a" and made.record.values == {"code": "a", "name": "Ann"}


def test_binary_and_other_columns_are_left_out_and_never_touched(postgresql):
    postgresql.run(
        "CREATE TABLE contacts (id serial PRIMARY KEY, name text, photo bytea, extra jsonb, at time, span interval,"
        " scores integer[], place point, search tsvector)",
        "INSERT INTO contacts (name, photo, extra, at) VALUES ('Ann', '\\x00ff', '{\"a\": 1}', '10:00')",
    )
    with postgresql.client() as client:
        offered = resource(client, "contacts")
        assert [field.name for field in offered.fields] == ["id", "name"]
        client.write(offered, [Write(WriteKind.UPDATE, {"name": "Bea"}, id="1")])
    assert postgresql.rows("SELECT name, photo, extra, at::text FROM contacts") == [
        ("Bea", b"\x00\xff", {"a": 1}, "10:00:00")
    ]


def test_postgresqls_own_types(postgresql):
    postgresql.run(
        "CREATE EXTENSION IF NOT EXISTS citext",
        "CREATE TYPE \"My Stage\" AS ENUM ('new', 'it''s won')",
        "CREATE DOMAIN mail AS varchar(90)",
        'CREATE TABLE leads (id serial PRIMARY KEY, stage "My Stage", contact mail, nick citext UNIQUE,'
        " tags varchar(9)[])",
    )
    with postgresql.client() as client:
        offered = resource(client, "leads")
        stage = offered.field("stage")
        assert stage.type is FieldType.CHOICE and [o.value for o in stage.options] == ["new", "it's won"]
        tags = offered.field("tags")
        assert tags.multi_valued and tags.type is FieldType.TEXT and tags.max_length == 9
        values = {"stage": "it's won", "contact": "ann@example.com", "nick": "Ann", "tags": ["a", "b,c", "{}"]}
        (made,) = client.write(offered, [Write(WriteKind.CREATE, values)])
        assert {name: made.record.values[name] for name in values} == values
        (double,) = client.write(offered, [Write(WriteKind.CREATE, {"nick": "ANN"})])
        assert double.existing_id == made.id
        (long,) = client.write(offered, [Write(WriteKind.CREATE, {"contact": "x" * 91})])
        assert isinstance(long, Refused) and long.reason is Refusal.TOO_LONG


def test_another_schema_is_another_place(postgresql):
    postgresql.run(
        'DROP SCHEMA IF EXISTS "Sales Dept" CASCADE',
        'CREATE SCHEMA "Sales Dept"',
        "CREATE TABLE contacts (id serial PRIMARY KEY, here text)",
        'CREATE TABLE "Sales Dept".companies (id serial PRIMARY KEY, name text)',
        "CREATE TYPE \"Sales Dept\".stage AS ENUM ('new')",
        'CREATE TABLE "Sales Dept".contacts (id serial PRIMARY KEY, there text, stage "Sales Dept".stage,'
        ' company_id int REFERENCES "Sales Dept".companies)',
        "INSERT INTO \"Sales Dept\".companies (name) VALUES ('Acme')",
    )
    postgresql.settings["schema"] = "Sales Dept"
    with postgresql.client() as client:
        offered = resource(client, "contacts")
        assert [field.name for field in offered.fields] == ["id", "there", "stage", "company_id"]
        values = {"there": "Ann", "stage": "new", "company_id": {"id": "1", "label": "Acme"}}
        (made,) = client.write(offered, [Write(WriteKind.CREATE, values)])
        assert made.record.values == {"id": 1, **values}
        assert client.read(offered, None).records == (made.record,)


def test_partitions_are_one_table(postgresql):
    postgresql.run(
        "CREATE TABLE contacts (id int, name text, PRIMARY KEY (id)) PARTITION BY RANGE (id)",
        "CREATE TABLE contacts_1 PARTITION OF contacts FOR VALUES FROM (0) TO (10)",
    )
    assert set(offered_by(postgresql)) == {"contacts"}


def test_meaning_changes_what_can_be_told_from_a_text_only(database):
    database.run(f"CREATE TABLE things (id {database.counter}, who varchar(50), size_ integer, made {database.moment})")
    with database.client() as client:
        offered = resource(client, "things")
        meaning = ObjectMeaning(
            kind=Kind.CONTACT,
            fields={
                "who": FieldMeaning(canonical="email", type=FieldType.EMAIL),
                "size_": FieldMeaning(canonical="employees", type=FieldType.TEXT),
                "made": FieldMeaning(canonical="created_at"),
                "gone": FieldMeaning(type=FieldType.TEXT),
            },
        )
        known = client.interpret(offered, meaning)
    assert known.kind is Kind.CONTACT
    assert known.field("who") == Field(name="who", label="Who", type=FieldType.EMAIL, canonical="email", max_length=50)
    assert known.field("size_").type is FieldType.INTEGER and known.field("size_").canonical == "employees"
    assert known.field("made").read_only


@pytest.mark.parametrize(
    ("condition", "options"),
    [
        ("status IN ('new', 'won')", ("status", ("new", "won"))),
        ("\"status\" in ('it''s')", ("status", ("it's",))),
        ("`stage` in (_utf8mb4'a',_utf8mb4'b')", ("stage", ("a", "b"))),
        (
            "((status)::text = ANY ((ARRAY['new'::character varying, 'won'::character varying])::text[]))",
            ("status", ("new", "won")),
        ),
        ("status = ANY (ARRAY['a'::text, 'b'::text])", ("status", ("a", "b"))),
        ("age > 3", None),
        ("status IN ('a') OR age > 3", None),
        ("length(status) IN ('a')", None),
        ("NOT status IN ('a', 'b')", None),
        ("status NOT IN ('a', 'b')", None),
        ("status IN ('a', other)", None),
        ("", None),
    ],
)
def test_a_check_may_be_a_list_of_options(condition, options):
    assert options_of_check(condition) == options


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ("contacts", Kind.CONTACT),
        ("People", Kind.CONTACT),
        ("persons", Kind.CONTACT),
        ("customers", Kind.CONTACT),
        ("tblKunden", Kind.CONTACT),
        ("crm_contacts", Kind.CONTACT),
        ("accounts", Kind.COMPANY),
        ("organisations", Kind.COMPANY),
        ("Businesses", Kind.COMPANY),
        ("opportunities", Kind.DEAL),
        ("sales_leads", Kind.LEAD),
        ("OrderItems", Kind.LINE_ITEM),
        ("invoice_lines", Kind.LINE_ITEM),
        ("products", Kind.PRODUCT),
        ("Invoices", Kind.INVOICE),
        ("activities", Kind.ACTIVITY),
        ("django_migrations", None),
        ("s", None),
        ("_", None),
        ("", None),
    ],
)
def test_the_kind_is_proposed_from_the_name(table, kind):
    assert naming.kind_of(table) is kind


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("E-Mail Address", "e_mail_address"),
        ("firstName", "first_name"),
        ("HTTPServerName", "http_server_name"),
        ("Straße", "strasse"),
        ("prénom", "prenom"),
        ("__x__", "x"),
    ],
)
def test_names_are_taken_apart(name, words):
    assert naming.words(name) == words


def test_the_surest_column_stands_for_a_canonical_name():
    text = dict.fromkeys(["work_email", "email", "name", "contact_phone", "vorname", "Nachname"], FieldType.TEXT)
    assert naming.canonical_names(Kind.CONTACT, "contacts", text, {}) == {
        "email": "email", "name": "full_name", "contact_phone": "phone",
        "vorname": "first_name", "Nachname": "last_name",
    }  # fmt: skip


def test_a_file_of_thousand_tables_is_told_in_one_look(sqlite):
    with closing(sqlite.connect()) as file:
        file.execute("BEGIN")
        for number in range(300):
            file.execute(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, name text)")
        file.execute("COMMIT")
    assert len(offered_by(sqlite)) == 300
