"""What a person is told who asked for something that cannot be done."""

from __future__ import annotations

from collections.abc import Mapping


class SyncError(Exception):
    """`errors` is field (or mapping id) → sentence; the empty name is the whole."""

    def __init__(self, errors: Mapping[str, str] | str) -> None:
        self.errors = {"": errors} if isinstance(errors, str) else dict(errors)
        super().__init__(" ".join(self.errors.values()))
