"""Every table of the store, whichever module describes it."""

import importlib
import pkgutil
import warnings
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SAWarning

from pgward.ca.store.schema import UtcTime, metadata
from pgward.core.errors import ConflictError

_ALEMBIC = "alembic_version"


def every() -> list[sa.Table]:
    """Return all tables, those that others refer to first."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("schema_"):
            importlib.import_module(f"pgward.ca.store.{module.name}")
    return list(metadata.sorted_tables)


def of(connection: Connection) -> list[sa.Table]:
    """Return all tables; ConflictError when the database has others than this program knows."""
    known = every()
    found = set(sa.inspect(connection).get_table_names()) - {_ALEMBIC}
    different = found ^ {table.name for table in known}
    if different:
        names = ", ".join(sorted(different))
        raise ConflictError(
            f"the database's tables are not those of this pgward: {names}",
            hint="give the CA a database of its own",
        )
    return known


def as_found(connection: Connection) -> sa.MetaData:
    """Read the tables as the database has them, of whatever version; times come back in UTC."""
    found = sa.MetaData()
    sa.event.listen(found, "column_reflect", _use_utc)
    with warnings.catch_warnings():
        # Of indexes over expressions (`shelves`), which nobody needs to fill or read a table.
        warnings.filterwarnings("ignore", "Skipped unsupported reflection", SAWarning)
        found.reflect(connection)
    return found


def _use_utc(_inspector: object, _table: object, column: dict[str, Any]) -> None:
    if isinstance(column["type"], sa.DateTime):
        column["type"] = UtcTime()
