"""The connection URI (PostgreSQL manual, chapter 34.1.1.2) of who logs in at an edge itself. Pure.

Such a client has no certificate of a login, so all of its TLS is to know whom it talks to.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, urlencode

from pgward.client.services import EdgeInfo

# libpq would ask for a password where none is given; that of a one-time password means nothing.
EMPTY = "empty"
_ANY = "postgres"


def write(
    edges: Sequence[EdgeInfo],
    *,
    user: str,
    password: str | None,
    database: str | None,
    root_file: Path,
) -> str:
    """Return a URI with every edge in it; ``root_file`` is what verifies their certificates.

    It always names a database: libpq would take the user name for it, which may be a secret.
    """
    login = quote(user, safe="~")
    if password is not None:
        login += f":{quote(password, safe='')}"
    hosts, fields = _places(edges)
    fields["sslrootcert"] = str(root_file)
    path = quote(database or _ANY, safe="")
    return f"postgres://{login}@{hosts}/{path}?{urlencode(fields, safe='/:,', quote_via=quote)}"


def _places(edges: Sequence[EdgeInfo]) -> tuple[str, dict[str, str]]:
    """Return the hosts, and how they are verified: by name, if each name can be written.

    An empty entry of ``hostaddr`` has libpq look the host's name up (chapter 34.1.1.3).
    """
    names = [(edge.server_name, edge.address.port) for edge in edges]
    found = [_address(edge) for edge in edges]
    addresses = [each for each in found if each is not None]
    if len(addresses) < len(edges):
        return _joined([(edge.address.host, edge.address.port) for edge in edges]), {
            "sslmode": "verify-ca"
        }
    apart = {"hostaddr": ",".join(addresses)} if any(addresses) else {}
    return _joined(names), {**apart, "sslmode": "verify-full"}


def _address(edge: EdgeInfo) -> str | None:
    """Return what to dial beside the name in the certificate; None if it has no IP address."""
    if edge.address.host == edge.server_name:
        return ""
    return edge.address.host if _is_ip(edge.address.host) else None


def _joined(places: Sequence[tuple[str, int]]) -> str:
    return ",".join(
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in places
    )


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
