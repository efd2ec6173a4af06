"""TLS towards PostgreSQL: whom the edge trusts, and the certificate that it shows.

PostgreSQL manual, chapter 34.19. What libpq does under each ``sslmode`` is done here, but that
``require`` never verifies.
"""

import asyncio
import ssl
from collections import OrderedDict
from dataclasses import dataclass, field

from pgward.core.errors import PgwardError
from pgward.system import memory_file
from pgward.tunnel.edge.state_postgres import SYSTEM_ROOTS, SslMode
from pgward.tunnel.tls import POSTGRESQL_ALPN

_MOST_KEPT = 64
_VERIFYING = ("verify-ca", "verify-full")


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate with those of the CAs behind it, and its key; both PEM."""

    chain: bytes
    key: bytes = field(repr=False)


class Contexts:
    """Makes contexts, and keeps those that were used last: reading roots costs milliseconds."""

    def __init__(self) -> None:
        self._kept: OrderedDict[object, ssl.SSLContext] = OrderedDict()

    async def get(
        self, mode: SslMode, roots: str | None, shown: ClientCertificate | None
    ) -> ssl.SSLContext:
        """Return a context; ``roots`` is PEM, or ``system``; PgwardError for what is no PEM."""
        key = (mode, roots if mode in _VERIFYING else None, shown)
        found = self._kept.get(key)
        if found is None and roots == SYSTEM_ROOTS:  # reading those takes 20 ms
            found = await asyncio.to_thread(_made, mode, roots, shown)
        elif found is None:
            found = _made(mode, roots, shown)
        self._kept[key] = found
        self._kept.move_to_end(key)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return found


def _made(mode: SslMode, roots: str | None, shown: ClientCertificate | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([POSTGRESQL_ALPN])
    context.check_hostname = mode == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if mode in _VERIFYING else ssl.CERT_NONE
    try:
        if mode in _VERIFYING:
            _trust(context, roots)
        if shown is not None:
            with memory_file.holding(shown.chain + b"\n" + shown.key) as path:
                context.load_cert_chain(path)
    except ssl.SSLError as error:
        raise PgwardError(f"TLS to PostgreSQL cannot be set up: {error.reason}") from error
    return context


def _trust(context: ssl.SSLContext, roots: str | None) -> None:
    if roots == SYSTEM_ROOTS:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    elif roots:
        context.load_verify_locations(cadata=roots)
