from tests.apps_in_memory import apps

from .dav_servers import meddler, radicale, xandikos
from .sql_databases import database, mariadb, mariadb_account, postgresql, postgresql_account, sqlite

__all__ = [
    "apps",
    "database",
    "mariadb",
    "mariadb_account",
    "meddler",
    "postgresql",
    "postgresql_account",
    "radicale",
    "sqlite",
    "xandikos",
]
