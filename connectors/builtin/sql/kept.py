"""A column type for SQLAlchemy that changes nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import types


class Kept(types.UserDefinedType[Any]):
    """A type that leaves values as they are: `values` converts them, both ways."""

    cache_ok = True
    render_bind_cast = True

    def __init__(self, cast: str) -> None:
        self.cast = cast

    def get_col_spec(self, **_: object) -> str:
        return self.cast
