"""What must hold of the machine before the site may start."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from tenants import checks

from .pooler import transaction_pooler

NEEDED = ("dbname", "user", "password", "host", "port")


def test_a_direct_connection_is_fine(database: None) -> None:
    checks.refuse_transaction_pooler()


def test_a_pooler_in_transaction_mode_is_refused(committed: None, monkeypatch) -> None:
    parameters = {name: connection.get_connection_params()[name] for name in NEEDED}
    with transaction_pooler(parameters) as port:
        monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        monkeypatch.setitem(connection.settings_dict, "PORT", port)
        with pytest.raises(ImproperlyConfigured, match="pooler in transaction mode"):
            checks.refuse_transaction_pooler()


def test_no_database_is_explained(monkeypatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "NAME", "")
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        connection.get_connection_params()


def test_an_app_in_both_lists_is_an_error(settings) -> None:
    assert checks.check_apps_apart() == []
    settings.TENANT_APPS = [*settings.TENANT_APPS, "tenants"]
    assert [error.id for error in checks.check_apps_apart()] == ["tenants.E001"]
