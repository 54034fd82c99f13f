"""What must hold of the machine before the site may start."""

from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

POOLER = (
    "The database is reached through a pooler in transaction mode, which would mix up workspaces: "
    "connect directly, or use session mode."
)


def refuse_transaction_pooler() -> None:
    """Raises ImproperlyConfigured where two connections do not keep their own search_path.

    A workspace is the search_path of a session. A transaction-mode pooler gives every transaction any server
    connection: what one client has set, another one gets.
    """
    parameters = connection.get_connection_params()
    parameters = {k: v for k, v in parameters.items() if k in ("dbname", "user", "password", "host", "port")}
    paths = ("pooler_test_one", "pooler_test_two")
    with (
        psycopg.connect(**parameters, autocommit=True) as one,
        psycopg.connect(**parameters, autocommit=True) as two,
    ):
        sessions = (one, two)
        for session, path in zip(sessions, paths, strict=True):
            session.execute(f"SET search_path = {path}")
        seen = [session.execute("SHOW search_path").fetchone()[0] for session in sessions]
        if seen != list(paths):
            raise ImproperlyConfigured(POOLER)
        # A pooler may hand each of two idle clients the same server by luck; hold one busy and ask again.
        one.execute("BEGIN")
        one.execute("SELECT 1")
        second = two.execute("SHOW search_path").fetchone()[0]
        one.execute("ROLLBACK")
        if second != paths[1]:
            raise ImproperlyConfigured(POOLER)


@register(Tags.security)
def check_apps_apart(**_kwargs: Any) -> list[CheckMessage]:
    """An app in both lists would have its tables twice, and one could be read for the other."""
    both = set(settings.SHARED_APPS) & set(settings.TENANT_APPS)
    return [Error(f"{app} is in SHARED_APPS and in TENANT_APPS.", id="tenants.E001") for app in sorted(both)]
