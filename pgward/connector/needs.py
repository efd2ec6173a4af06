"""What commands know of a connector without psycopg."""

from typing import Final

from pgward.core.errors import NotFoundError

SOCKET: Final = "connector.sock"
"""Where the connector that serves a directory tells how it fares."""


def check_driver() -> None:
    """Raise NotFoundError where psycopg is not installed."""
    try:
        import psycopg  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise NotFoundError(
            "the connector works PostgreSQL through psycopg, which is not installed",
            hint="pip install 'pgward[postgresql]'",
        ) from error
