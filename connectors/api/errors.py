"""What a service refuses, as an answer of the API: `{"detail": …}`, or `{field: [sentence, …]}`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError

from ..accounts import AccountError, AlreadyConnected, SettingsRefused


class Conflict(APIException):
    """409, with the id of the account that is there already."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, error: AlreadyConnected) -> None:
        # Not through the base class, which would make a text of the id.
        self.detail = {"detail": str(error), "account": error.account.pk}


@contextmanager
def answering() -> Iterator[None]:
    """An AccountError leaves the block as a 400 at its fields, or as a 409 that names the account."""
    try:
        yield
    except AlreadyConnected as error:
        raise Conflict(error) from error
    except AccountError as error:
        raise ValidationError(_body(error)) from error


def _body(error: AccountError) -> dict[str, Any]:
    body: dict[str, Any] = {name: [sentence] for name, sentence in error.errors.items() if name}
    if isinstance(error, SettingsRefused) and body:
        body = {"settings": body}
    if "" in error.errors:
        body["detail"] = error.errors[""]
    return body
