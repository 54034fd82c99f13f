"""Where the demo keeps its things, and how to reach its counterparts from outside of the site. No Django."""

from __future__ import annotations

from pathlib import Path

from syncsite.demo import book, sales
from syncsite.place import data_directory


def demo_directory() -> Path:
    return data_directory() / "demo"


def book_found() -> book.Book:
    """The address book that `./run` has made. Raises Unusable."""
    return book.found(demo_directory() / "book")


def sales_at(server_url: str) -> sales.Sales:
    """The sales database on this server, made or not."""
    return sales.access(demo_directory() / "sales", server_url)


def sales_found() -> sales.Sales:
    """The sales database that `./run` has made. Raises Unusable."""
    return sales.found(demo_directory() / "sales")
