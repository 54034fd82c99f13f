"""Where the demo keeps its things, and how to reach its counterparts from outside of the site. No Django."""

from __future__ import annotations

import os
from pathlib import Path

from syncsite.demo.book import Book, found
from syncsite.demo.sales import Sales, access
from syncsite.embedded import running_url
from syncsite.place import Unusable, data_directory


def demo_directory() -> Path:
    return data_directory() / "demo"


def book_found() -> Book:
    """The address book that `./run` has made. Raises Unusable."""
    return found(demo_directory() / "book")


def sales_at(server_url: str) -> Sales:
    """The sales database on this server, made or not."""
    return access(demo_directory() / "sales", server_url)


def sales_found() -> Sales:
    """The sales database that `./run` has made. Raises Unusable."""
    url = os.environ.get("DATABASE_URL") or running_url()
    if url is None:
        raise Unusable("the site is not running: start it with ./run")
    if not (demo_directory() / "sales" / "password").exists():
        raise Unusable("there is no demo here yet: ./run makes one")
    return sales_at(url)
