"""Create the store's tables, and bring an older store up to date (Alembic, in one transaction)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from pgward.core.errors import ConflictError

_MIGRATIONS = Path(__file__).parent / "migrations"


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration; with a connection, migrations run inside its transaction."""
    made = Config()
    made.set_main_option("script_location", str(_MIGRATIONS))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def revision(connection: Connection) -> str | None:
    """Return the store's schema revision; None when the database holds no store."""
    return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """Return the revision that this program knows."""
    return str(ScriptDirectory.from_config(config()).get_current_head())


def known() -> frozenset[str]:
    """Return every revision that this program can bring up to date."""
    scripts = ScriptDirectory.from_config(config()).walk_revisions()
    return frozenset(script.revision for script in scripts)


def upgrade(connection: Connection) -> None:
    """Bring the schema to ``head``; ConflictError when a newer pgward wrote the store."""
    found = revision(connection)
    if found is not None and found not in known():
        raise ConflictError(
            "the store was written by a newer pgward", hint="upgrade pgward on this machine"
        )
    if found != head():
        command.upgrade(config(connection), "head")
