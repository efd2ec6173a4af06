"""libpq connection strings (PostgreSQL manual, chapter 34.1.1): ``key='value' …``."""

import re
from collections.abc import Mapping
from typing import Protocol

from pgward.client.identity import IdentityPaths

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+~^-]+")
_CHECKS_SERVER = ("verify-ca", "verify-full")


class Target(Protocol):
    """What a connection string needs to know of a service."""

    @property
    def server_name(self) -> str:
        """Return the name in PostgreSQL's certificate."""
        ...

    @property
    def database(self) -> str | None:
        """Return the default database."""
        ...

    @property
    def ssl_mode(self) -> str:
        """Return libpq's sslmode for it."""
        ...


def quote(value: str) -> str:
    """Return a value as it stands in a connection string; NUL cannot be written."""
    if "\0" in value:
        raise ValueError("a connection string cannot hold NUL")
    if _PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def write(fields: Mapping[str, str | int | None]) -> str:
    """Write the fields that are not None, in their order."""
    return " ".join(f"{key}={quote(str(v))}" for key, v in fields.items() if v is not None)


def conninfo(
    service: Target,
    *,
    port: int,
    user: str,
    paths: IdentityPaths,
    hostaddr: str | None = None,
    host: str | None = None,
    dbname: str | None = None,
    sslmode: str | None = None,
) -> str:
    """Return a complete connection string for a service.

    With ``hostaddr`` (a tunnel's loopback address) ``host`` stays the server's own name, which
    is what verify-full checks. A ``host`` that is a socket directory gets no TLS settings, as
    libpq uses no TLS there.
    """
    name = host or service.server_name
    fields: dict[str, str | int | None] = {
        "host": name,
        "hostaddr": hostaddr,
        "port": port,
        "user": user,
        "dbname": dbname or service.database,
    }
    if not name.startswith(("/", "@")):
        fields |= tls_fields(paths, sslmode or service.ssl_mode)
    return write(fields)


def tls_fields(paths: IdentityPaths, sslmode: str) -> dict[str, str | int | None]:
    """Return libpq's ``ssl*`` settings for one mode.

    Under ``require`` a root file would turn verification on (chapter 34.19.1), so only the
    verifying modes name one.
    """
    fields: dict[str, str | int | None] = {"sslmode": sslmode}
    if sslmode != "disable":
        fields |= {"sslcert": str(paths.cert), "sslkey": str(paths.key)}
    if sslmode in _CHECKS_SERVER:
        fields["sslrootcert"] = str(paths.ca)
    return fields
