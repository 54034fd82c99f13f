"""One account of the app: a database that a person named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import sqlalchemy as sa

from connectors.contract import (
    Environment,
    Idempotency,
    Identity,
    ObjectMeaning,
    Outcome,
    Page,
    Record,
    Refusal,
    Refused,
    Resource,
    Write,
)

from .faults import ShapeChanged, Unreachable
from .keys import key_of
from .plans import Plan
from .reading import read_page
from .reflection import all_tables, one_table
from .resources import resources_of, understood
from .session import Session
from .settings import Target
from .shapes import Table
from .vendors import vendor_of
from .writing import Batch

Answer = TypeVar("Answer")


class SqlClient:
    def __init__(self, target: Target, env: Environment) -> None:
        self._target = target
        self._vendor = vendor_of(target, allow_private=env.allow_private_addresses)
        self._session = Session(self._vendor, env)
        self._tables: dict[str, Table] = {}
        self._thorough: set[str] = set()
        """The tables of which constraints are known as well."""
        self._plans: dict[str, Plan] = {}

    def identify(self) -> Identity:
        with self._session.transaction(first=True) as connection:
            schema = self._target.schema
            if schema is not None and schema not in sa.inspect(connection).get_schema_names():
                raise Unreachable("schema", "There is no schema of this name in the database.")
            return self._target.identity

    def resources(self) -> Sequence[Resource]:
        self._forget()
        with self._session.transaction() as connection:
            self._tables = all_tables(connection, self._vendor, self._target.schema)
        self._thorough = {*self._tables}
        return resources_of(self._tables, self._vendor.batch)

    def interpret(self, resource: Resource, meaning: ObjectMeaning) -> Resource:
        return understood(resource, meaning)

    def read(self, resource: Resource, cursor: str | None) -> Page:
        def page() -> Page:
            with self._session.transaction() as connection:
                return read_page(connection, self._plan(connection, resource), cursor)

        return self._as_the_table_is_now(page)

    def get(self, resource: Resource, ids: Sequence[str]) -> Sequence[Record]:
        def records() -> list[Record]:
            with self._session.transaction() as connection:
                plan = self._plan(connection, resource)
                columns = plan.table.key_columns
                keys = [key_of(id, columns, self._vendor.database) for id in dict.fromkeys(ids)]
                known = [key for key in keys if key is not None]
                if not known:
                    return []
                wanted = {*ids}
                rows = connection.execute(plan.select().where(plan.among(known))).fetchall()
                return [record for record in plan.records(rows) if record.id in wanted]

        return self._as_the_table_is_now(records)

    def find(self, resource: Resource, keys: Sequence[str]) -> Mapping[str, Record]:
        if resource.idempotency is not Idempotency.KEY:
            return {}
        return {record.id: record for record in self.get(resource, keys)}

    def write(self, resource: Resource, writes: Sequence[Write]) -> Sequence[Outcome]:
        if not writes:
            return []
        if writes[0].kind not in resource.writes:
            refused = Refused(Refusal.PERMISSION, f"Rows of {resource.name} cannot be changed in this way.")
            return [refused] * len(writes)

        def outcomes() -> list[Outcome]:
            with self._session.transaction(write=True) as connection:
                plan = self._plan(connection, resource, write=True)
                return Batch(self._session, connection, plan, writes).carry_out()

        return self._as_the_table_is_now(outcomes)

    def close(self) -> None:
        self._forget()
        self._session.close()

    def _plan(self, connection: sa.Connection, resource: Resource, *, write: bool = False) -> Plan:
        name = resource.name
        if name not in self._tables or (write and name not in self._thorough):
            self._tables[name] = one_table(connection, self._vendor, self._target.schema, name, thorough=write)
            self._plans.pop(name, None)
            if write:
                self._thorough.add(name)
        plan = self._plans.get(name)
        if plan is None or plan.resource != resource:
            plan = Plan(self._tables[name], resource, self._vendor, self._target.schema)
            self._plans[name] = plan
        return plan

    def _as_the_table_is_now(self, ask: Callable[[], Answer]) -> Answer:
        """Ask, and where a column has gone since the table was looked at, look again and ask once more. What was
        asked first was taken back as a whole."""
        try:
            return ask()
        except ShapeChanged:
            self._forget()
            return ask()

    def _forget(self) -> None:
        self._tables.clear()
        self._thorough.clear()
        self._plans.clear()
