"""The revision of a store's tables, and those that this program knows.

Alembic, which takes longer to import than the rest of the store, is needed by `migrate` alone.
"""

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

MIGRATIONS = Path(__file__).parent / "migrations"
_VERSIONS = sa.table("alembic_version", sa.column("version_num", sa.String))


def revision(connection: Connection) -> str | None:
    """Return the store's schema revision; None when the database holds no store."""
    if not sa.inspect(connection).has_table(_VERSIONS.name):
        return None
    return connection.execute(sa.select(_VERSIONS.c.version_num)).scalar_one_or_none()


def head() -> str:
    """Return the revision that this program knows."""
    return max(known())


@cache
def known() -> frozenset[str]:
    """Return every revision that this program can bring up to date: each has a file, vNNNN_*."""
    files = (MIGRATIONS / "versions").glob("v[0-9]*.py")
    return frozenset(file.name.partition("_")[0].removeprefix("v") for file in files)
