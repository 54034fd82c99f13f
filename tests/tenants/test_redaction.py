"""Credentials in log lines."""

import logging

import pytest

from tenants.redaction import HIDDEN, RedactingFormatter, redact

CANARY = "s3cr3t-canary"


@pytest.mark.parametrize(
    "line",
    [
        f"connecting to postgresql://sales:{CANARY}@db.example/crm",
        f"Authorization: Bearer {CANARY}",
        f"headers {{'Authorization': 'Basic {CANARY}'}}",
        f'{{"client_secret": "{CANARY}", "name": "x"}}',
        f"password={CANARY}&user=jo",
        f"refresh_token = {CANARY}",
        f"X-Api-Key: {CANARY}",
    ],
)
def test_credentials_are_hidden(line: str) -> None:
    assert CANARY not in redact(line)
    assert HIDDEN in redact(line)


@pytest.mark.parametrize(
    "line", ["GET /w/acme/settings/keys/ 200", "password=None", "run 7 of sync 3 done", "https://crm.example/a:b"]
)
def test_the_rest_is_left_as_it_is(line: str) -> None:
    assert redact(line) == line


def test_arguments_and_tracebacks_are_covered() -> None:
    formatter = RedactingFormatter("%(message)s")
    try:
        raise ValueError(f"no access with password={CANARY}")
    except ValueError:
        import sys

        record = logging.LogRecord("x", logging.ERROR, "f", 1, "token: %s", (CANARY,), sys.exc_info())
    assert CANARY not in formatter.format(record)
    assert "Traceback" in formatter.format(record)
