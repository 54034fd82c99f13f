"""What a person typed, checked as far as it can be without asking anybody."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connectors.contract import Environment, Identity, SettingsInvalid
from connectors.toolkit.addresses import AddressRefused, check_host

from .manifest import TLS, Database

DEFAULT_PORTS = {Database.POSTGRESQL: 5432, Database.MYSQL: 3306}
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")


@dataclass(frozen=True, slots=True)
class Target:
    """The database to talk to."""

    kind: Database
    host: str = ""
    port: int = 0
    database: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    schema: str | None = None
    tls: TLS = TLS.PREFER
    path: str = ""
    """Of a SQLite file: absolute, with links resolved."""

    @classmethod
    def of(cls, settings: Mapping[str, str], env: Environment) -> Target:
        """Raises SettingsInvalid, with a sentence for each field that cannot be right."""
        given = {name: value.strip() if name != "password" else value for name, value in settings.items()}
        try:
            kind = Database(given.get("database_kind", ""))
        except ValueError:
            raise SettingsInvalid({"database_kind": "Choose the kind of the database."}) from None
        return cls._file(given, env) if kind is Database.SQLITE else cls._server(kind, given, env)

    @property
    def identity(self) -> Identity:
        if self.kind is Database.SQLITE:
            return Identity(id=self.path, label=Path(self.path).name)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return Identity(id=f"{host}:{self.port}/{self.database}", label=f"{self.database} on {self.host}")

    @classmethod
    def _file(cls, given: Mapping[str, str], env: Environment) -> Target:
        path = given.get("path", "")
        if not env.allow_files:
            raise SettingsInvalid({"path": "The operator of this site does not allow database files."})
        if not path:
            raise SettingsInvalid({"path": "Enter the path of the file."})
        if "\0" in path or not os.path.isabs(path):
            raise SettingsInvalid({"path": "Enter the whole path, from the root of the file system."})
        return cls(kind=Database.SQLITE, path=os.path.realpath(path))

    @classmethod
    def _server(cls, kind: Database, given: Mapping[str, str], env: Environment) -> Target:
        errors: dict[str, str] = {}
        host = given.get("host", "").strip("[]").lower()
        if not host:
            errors["host"] = "Enter the name or address of the server."
        elif not _is_address(host) and not _HOST.fullmatch(host):
            errors["host"] = "Enter only the name or address of the server, without anything before or after it."
        port = given.get("port", "") or str(DEFAULT_PORTS[kind])
        if not port.isdecimal() or not 0 < int(port) < 65536:
            errors["port"] = "A port is a number between 1 and 65535."
        for name, label in (("database", "name of the database"), ("user", "name of the database user")):
            if not given.get(name):
                errors[name] = f"Enter the {label}."
        for name in ("database", "user", "password", "schema"):
            if "\0" in given.get(name, ""):
                errors[name] = "This contains a character that cannot be sent."
        try:
            tls = TLS(given.get("tls") or TLS.PREFER)
        except ValueError:
            errors["tls"] = "Choose one of the kinds of encryption."
        if not errors and _is_address(host):
            # Needs no name server, and so can be said at once. Names are judged when they are looked up.
            try:
                check_host(host, int(port), allow_private=env.allow_private_addresses)
            except AddressRefused as refused:
                errors["host"] = str(refused)
        if errors:
            raise SettingsInvalid(errors)
        return cls(
            kind=kind,
            host=host,
            port=int(port),
            database=given["database"],
            user=given["user"],
            password=given.get("password", ""),
            schema=(given.get("schema") or None) if kind is Database.POSTGRESQL else None,
            tls=tls,
        )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
