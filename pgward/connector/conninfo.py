"""Settings of an integration as libpq's connection parameters (manual, chapter 34.1.2). Pure.

Nothing is left to libpq's defaults, which are files of whoever runs the connector: each parameter
that names such a file names one of ours, or one that is not there.
"""

from dataclasses import dataclass, field
from typing import Final

from pgward.connector.assignment import ServerSettings

VERIFYING: Final = ("verify-ca", "verify-full")
CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 30
LOCK_SECONDS: Final = 5
_CERTMODE_SINCE: Final = 160_000
_NOWHERE: Final = "/nonexistent/pgward"
_NAME_BYTES: Final = 63
# What a role's or a database's own settings say comes after these (manual, chapter 20.1.3).
_SESSION: Final = {
    "search_path": "pg_catalog",
    "role": "none",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "idle_in_transaction_session_timeout": "60s",
    "default_transaction_read_only": "off",
    "default_transaction_isolation": "read\\ committed",
    "client_min_messages": "warning",
    "datestyle": "ISO",
    "timezone": "UTC",
    # The server notices in half a minute that the connector's machine is gone, and its lock free.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What to log in with: a password, or paths of a certificate and its key; roots to trust."""

    password: str | None = field(default=None, repr=False)
    certificate: str | None = None
    key: str | None = None
    roots: str | None = None


def application_name(connector: str) -> str:
    """Return how the connector's sessions are called: by it, it knows its own again."""
    return f"pgward connector {connector}".encode()[:_NAME_BYTES].decode()


def parameters(
    settings: ServerSettings,
    credentials: Credentials,
    *,
    database: str,
    connector: str,
    addresses: tuple[str, ...] = (),
    libpq: int,
) -> dict[str, str]:
    """Return parameters for one connection; ``libpq`` is its version (160004).

    ``addresses`` are where to connect when the server's certificate has another name.
    """
    found = {
        "host": settings.host,
        "port": str(settings.port),
        "dbname": database,
        "user": settings.user,
        "passfile": _NOWHERE,
        "sslmode": settings.ssl_mode,
        # With a file of roots there, `require` would verify by it (manual, chapter 34.19.1).
        "sslrootcert": credentials.roots or _NOWHERE,
        "sslcert": credentials.certificate or _NOWHERE,
        "sslkey": credentials.key or _NOWHERE,
        "gssencmode": "disable",
        "application_name": application_name(connector),
        "client_encoding": "UTF8",
        "connect_timeout": str(CONNECT_SECONDS),
        "keepalives_idle": "10",
        "keepalives_interval": "5",
        "keepalives_count": "4",
        "tcp_user_timeout": "20000",
        "options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
    }
    if credentials.password is not None:
        found["password"] = credentials.password
    if addresses:
        name = settings.server_name or settings.host
        found["host"] = ",".join([name] * len(addresses))
        found["hostaddr"] = ",".join(addresses)
    if libpq >= _CERTMODE_SINCE:
        found["sslcertmode"] = "allow" if credentials.certificate else "disable"
        if settings.ssl_mode not in VERIFYING:
            # Whoever answers in the server's place would be told the password as it is.
            found["require_auth"] = "!password"
    return found
