"""Every kind of cell goes there and comes back as it was, in all three databases."""

import math
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.builtin.sql.keys import id_of, key_of
from connectors.builtin.sql.manifest import Database
from connectors.builtin.sql.shapes import Column, Form
from connectors.contract import Field, FieldType, Write, WriteKind, Written
from connectors.testing.passes import read_pass
from connectors.testing.wireforms import misfit

from .sql_databases import resource

TYPES = {
    "postgresql": "whole bigint, decimal_ numeric(30, 10), free numeric, float_ double precision, flag boolean,"
    " day date, moment timestamptz, plain timestamp, words text, short varchar(20), padded char(8), several text[]",
    "mysql": "whole bigint, decimal_ decimal(30, 10), float_ double, flag tinyint(1), day date, moment datetime(6),"
    " plain datetime(6), words longtext, short varchar(20), padded char(8)",
    "sqlite": "whole bigint, decimal_ decimal(30, 10), float_ double, flag boolean, day date, moment timestamp,"
    " plain datetime, words text, short varchar(20), padded char(8)",
}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
moments = st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30))


def wire_moment(moment):
    text = moment.isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def decimals(digits, places):
    top = 10 ** (digits - places) - 1
    return st.decimals(-top, top, places=places, allow_nan=False).map(lambda number: format(number, "f"))


def rows(kind):
    cells = {
        "whole": st.integers(-(2**63), 2**63 - 1),
        # SQLite keeps fifteen digits of a decimal.
        "decimal_": decimals(15, 4) if kind == "sqlite" else decimals(30, 10),
        "float_": st.floats(allow_nan=False, allow_infinity=False).map(lambda f: format(Decimal(repr(f)), "f")),
        "flag": st.booleans(),
        "day": st.dates(date(1000, 1, 1)).map(date.isoformat),
        "moment": moments.map(wire_moment),
        "plain": moments.map(wire_moment),
        "words": texts,
        "short": texts,
        "padded": texts.map(lambda text: text.strip()[:8].strip()),
    }
    if kind == "postgresql":
        cells["free"] = decimals(60, 25)
        cells["several"] = st.lists(texts.filter(bool), min_size=1, max_size=3)
    return st.lists(st.fixed_dictionaries({}, optional={n: st.none() | s for n, s in cells.items()}), min_size=1)


def expected(name, value):
    if value in (None, ""):
        return None
    if name in ("decimal_", "free"):
        return Decimal(value)
    return float(value) if name == "float_" else value


def seen(name, value):
    if value is not None and name in ("decimal_", "free"):
        return Decimal(value)
    return float(value) if value is not None and name == "float_" else value


@pytest.mark.parametrize("name", ["postgresql", "mariadb", "sqlite"])
def test_what_is_written_is_read(name, request):
    database = request.getfixturevalue(name)
    database.run(f"CREATE TABLE things (id {database.counter}, {TYPES[database.kind]})")
    with database.client() as client:
        offered = resource(client, "things")
        fields = {field.name: field for field in offered.fields}

        @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(rows(database.kind))
        def there_and_back(things):
            outcomes = client.write(offered, [Write(WriteKind.CREATE, thing) for thing in things])
            read = {record.id: record for record in client.get(offered, [o.id for o in outcomes])}
            for outcome, thing in zip(outcomes, things, strict=True):
                assert isinstance(outcome, Written), outcome
                assert read[outcome.id] == outcome.record
                for column, value in outcome.record.values.items():
                    assert misfit(fields[column], value) is None
                    if column != "id":
                        assert seen(column, value) == expected(column, thing.get(column)), column
            # Writing back what was read changes nothing, though PostgreSQL counts it as a version of its own.
            back = [
                Write(WriteKind.UPDATE, {n: v for n, v in o.record.values.items() if n != "id"}, o.id, o.record.version)
                for o in outcomes
            ]
            again = client.write(offered, back)
            assert [(o.record.id, o.record.values) for o in again] == [(o.id, o.record.values) for o in outcomes]

        there_and_back()


NASTY = [
    "Zoë",
    "Zoe\u0308",
    "👩\u200d👩\u200d👧",
    "\u202eright to left",
    "a\r\nb\tc",
    "'; DROP TABLE contacts; --",
    '"double" \\back\\slash %s %(x)s :x $1 {y}',
    "\ufeffmark",
    "\U0010ffff",
    " spaces ",
    "ﬁ Ⅷ ①",
    "\x01\x7f",
]


def test_nasty_texts_are_kept_to_the_letter(database):
    database.run(f"CREATE TABLE contacts (id {database.counter}, name varchar(100))")
    with database.client() as client:
        offered = resource(client, "contacts")
        outcomes = client.write(offered, [Write(WriteKind.CREATE, {"name": text}) for text in NASTY])
        assert [o.record.values["name"] for o in outcomes] == NASTY
        whole = read_pass(client, offered)
        assert {r.id: r.values["name"] for r in whole.records.values()} == {
            o.id: text for o, text in zip(outcomes, NASTY, strict=True)
        }


def test_what_python_has_no_type_for_is_not_read_and_nothing_else_suffers(postgresql):
    postgresql.run(
        "CREATE TABLE things"
        " (id serial PRIMARY KEY, name text, day date, moment timestamptz, number numeric, f float8)",
        "INSERT INTO things (name, day, moment, number, f) VALUES"
        " ('forever', 'infinity', 'infinity', 'NaN', '-Infinity'),"
        " ('ancient', '0044-03-15 BC', '0044-03-15 12:00 BC', 'Infinity', 'NaN'),"
        " ('far', '20000-01-01', '20000-01-01 00:00', 1e-20, 1e300),"
        " ('common', '2026-01-31', '2026-01-31 09:30:00.5+02', 12.50, 0.1)",
    )
    with postgresql.client() as client:
        offered = resource(client, "things")
        values = {r.values["name"]: r.values for r in client.read(offered, None).records}
    assert set(values["forever"]) == set(values["ancient"]) == {"id", "name"}
    assert set(values["far"]) == {"id", "name", "number", "f"}
    assert values["far"]["number"] == "0.00000000000000000001"
    assert math.isclose(float(values["far"]["f"]), 1e300)
    assert values["common"] == {
        "id": 4, "name": "common", "day": "2026-01-31", "moment": "2026-01-31T07:30:00.5Z",
        "number": "12.50", "f": "0.1",
    }  # fmt: skip


def test_a_day_that_is_none_is_blank_in_mysql(mariadb):
    mariadb.run(
        "CREATE TABLE things (id integer PRIMARY KEY, day date, moment datetime, bit_ bit(1), big bigint unsigned)"
    )
    mariadb.run(
        "SET sql_mode = ''",
        "INSERT INTO things VALUES (1, '0000-00-00', '0000-00-00', b'1', 18446744073709551615)",
        "INSERT INTO things VALUES (2, '2026-00-00', '2026-01-31 10:00:00', b'0', 0)",
    )
    with mariadb.client() as client:
        offered = resource(client, "things")
        one, two = (record.values for record in client.read(offered, None).records)
        assert one == {"id": 1, "day": None, "moment": None, "bit_": True, "big": 2**64 - 1}
        assert two == {"id": 2, "moment": "2026-01-31T10:00:00Z", "bit_": False, "big": 0}
        back = [Write(WriteKind.UPDATE, {"bit_": True, "big": 2**64 - 1}, id="2")]
        assert client.write(offered, back)[0].record.values["bit_"] is True


def test_whatever_somebody_put_into_sqlite(sqlite):
    sqlite.run(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, n integer, d decimal, b boolean, day date, m datetime, t text, x)"
    )
    with closing(sqlite.connect()) as file:
        add = "INSERT INTO things (n, d, b, day, m, t, x) VALUES (?, ?, ?, ?, ?, ?, ?)"
        file.execute(add, ("7", 2.50, 1, "2026-01-31", "2026-01-31", "text", 5))
        file.execute(add, ("many", "much", "maybe", "today", "now", b"\x00\xff", b"\x00"))
        file.execute(add, (2.5, float("inf"), "true", 20260131, 1769848200, "", ""))
        file.execute("INSERT INTO things (t) VALUES (CAST(x'416e6eff' AS TEXT))")
    with sqlite.client() as client:
        offered = resource(client, "things")
        values = [dict(record.values) for record in client.read(offered, None).records]
    assert values[0] == {
        "id": 1, "n": 7, "d": "2.5", "b": True, "day": "2026-01-31", "m": "2026-01-31T00:00:00Z", "t": "text", "x": "5",
    }  # fmt: skip
    assert values[1] == {"id": 2}
    assert values[2] == {"id": 3, "b": True, "t": None, "x": None}
    assert values[3]["t"] == "Ann\ufffd"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2, max_size=4))
def test_an_id_leads_back_to_the_parts_of_its_key(parts):
    columns = [Column(name=f"c{i}", form=Form.TEXT) for i in range(len(parts))]
    assert key_of(id_of(tuple(parts)), columns, Database.POSTGRESQL) == tuple(parts)


def test_the_types_of_every_database_become_fields(database):
    database.run(f"CREATE TABLE things (id {database.counter}, {TYPES[database.kind]})")
    with database.client() as client:
        fields = {field.name: field for field in resource(client, "things").fields}
    assert fields["id"].read_only and fields["id"].type is FieldType.INTEGER and fields["id"].unique
    wanted = {
        "whole": FieldType.INTEGER,
        "decimal_": FieldType.NUMBER,
        "float_": FieldType.NUMBER,
        "flag": FieldType.BOOLEAN,
        "day": FieldType.DATE,
        "moment": FieldType.DATETIME,
        "plain": FieldType.DATETIME,
        "words": FieldType.LONG_TEXT if database.kind == "mysql" else FieldType.TEXT,
        "short": FieldType.TEXT,
        "padded": FieldType.TEXT,
    }
    assert {name: fields[name].type for name in wanted} == wanted
    assert fields["short"] == Field(name="short", label="Short", type=FieldType.TEXT, max_length=20)
