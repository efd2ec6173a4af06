"""Create the store's tables, and bring an older store up to date (Alembic, in one transaction)."""

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from pgward.ca.store.revisions import MIGRATIONS, head, known, revision
from pgward.core.errors import ConflictError


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration; with a connection, migrations run inside its transaction."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection) -> None:
    """Bring the schema to ``head``; ConflictError when a newer pgward wrote the store."""
    found = revision(connection)
    if found is not None and found not in known():
        raise ConflictError(
            "the store was written by a newer pgward", hint="upgrade pgward on this machine"
        )
    if found != head():
        command.upgrade(config(connection), "head")
