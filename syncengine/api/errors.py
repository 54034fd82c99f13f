"""What a service refuses, as an answer of the API: `{"detail": …}`, or `{field: [sentence, …]}`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rest_framework.exceptions import ValidationError

from ..services import SyncError


@contextmanager
def answering() -> Iterator[None]:
    """A SyncError leaves the block as a 400 at its fields; those of mappings are under the mapping's id."""
    try:
        yield
    except SyncError as error:
        body: dict[str, object] = {name: [sentence] for name, sentence in error.errors.items() if name}
        if "" in error.errors:
            body["detail"] = error.errors[""]
        raise ValidationError(body) from error
