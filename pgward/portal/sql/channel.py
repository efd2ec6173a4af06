"""Links to edges that this process opens for a person, proved by a certificate of its own.

The key is made here, is nowhere but in memory, and is one editor's for some minutes: docs/adr/0034.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from anyio.to_thread import run_sync

from pgward.ca import caller
from pgward.ca.identity.sessions import LoginSession
from pgward.ca.service.context import Context
from pgward.ca.service.routes import issuing
from pgward.ca.service.routes import me as people
from pgward.client.services import EdgeInfo
from pgward.core.address import Address
from pgward.core.errors import DeniedError, UnavailableError
from pgward.pgwire import startup
from pgward.pgwire.errors import WireError
from pgward.pki import csr, keys, pem
from pgward.system import memory_file
from pgward.tunnel.local.connector import EdgeConnector
from pgward.tunnel.preface import ALPN, Controls, PrefaceError, Reason, RefusedError, read_refusal
from pgward.tunnel.tls import TlsConnection, explain, read_some, write_all

DIAL_SECONDS: Final = 10.0
CANCEL_SECONDS: Final = 5.0
KEPT_SECONDS: Final = 300.0
_OF_CERTIFICATES: Final = (Reason.REVOKED, Reason.EXPIRED)
_RECORD: Final = 64 * 1024
_LINE: Final = 8 * 1024


class Link(Protocol):
    """Bytes to and from an edge, which says why if it ends them."""

    async def receive(self) -> bytes:
        """Return what came; nothing at the end. Raise RefusedError, UnavailableError."""
        ...

    async def send(self, data: bytes) -> None:
        """Send all of it; raise UnavailableError."""
        ...

    def close(self) -> None:
        """Close it; safe to call again."""
        ...


@dataclass(slots=True)
class EdgeLink:
    """One link, which carries one database session."""

    tls: TlsConnection
    controls: Controls
    edge: str
    _ended: bool = False

    async def receive(self) -> bytes:
        """Return what came; nothing at the end. Raise RefusedError, UnavailableError."""
        if self._ended:
            return b""
        try:
            record = await read_some(self.tls, _RECORD)
            if self.controls.is_why(record):
                raise read_refusal(await read_some(self.tls, _LINE))
        except (OSError, ssl.SSLError) as error:
            raise explain(error, self.edge) from error
        except PrefaceError as error:
            raise UnavailableError("the edge ended the connection") from error
        reason = self.controls.reason(record)
        if reason is not None:
            raise RefusedError(reason)
        if not record or record == self.controls.end:
            self._ended = True
            return b""
        return record

    async def send(self, data: bytes) -> None:
        """Send all of it; raise UnavailableError."""
        try:
            await write_all(self.tls, data)
        except (OSError, ssl.SSLError) as error:
            raise explain(error, self.edge) from error

    def close(self) -> None:
        """Close it; safe to call again."""
        self._ended = True
        self.tls.close()


@dataclass(slots=True)
class Kept:
    """What was shown to edges last, for which address of the browser, and until when it serves."""

    shown: ssl.SSLContext | None = None
    address: str | None = None
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Door:
    """By which one person, in one login session, comes to one service."""

    context: Context
    session: LoginSession = field(repr=False)
    service: str
    kept: Kept = field(default_factory=Kept, repr=False)

    async def open(self) -> EdgeLink:
        """Open a link to the first edge that takes it; raise PgwardError."""
        edges = await run_sync(self._edges)
        shown = await self._shown()
        connect = EdgeConnector(self.service, lambda: shown)
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                return await self._first(connect, edges)
        except RefusedError as refusal:
            if refusal.reason in _OF_CERTIFICATES:
                self.kept.shown = None  # the next one may be another CA's
            raise
        except TimeoutError:
            raise UnavailableError(
                "no edge answered in time", hint="is the edge running, and reachable from the CA?"
            ) from None

    async def cancel(self, key: tuple[int, bytes]) -> None:
        """Have the edge cancel what a session of this person does; raise PgwardError."""
        try:
            asking = startup.cancel(*key)
        except WireError:
            raise UnavailableError("this session cannot be asked to stop") from None
        link = await self.open()
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await link.send(asking)
                await link.receive()  # its end says that all is done
        except TimeoutError:
            raise UnavailableError("the edge did not say whether it cancelled") from None
        finally:
            link.close()

    async def _first(self, connect: EdgeConnector, edges: Sequence[EdgeInfo]) -> EdgeLink:
        for number, edge in enumerate(edges, 1):
            try:
                return EdgeLink(*await connect(edge), edge.name)
            except (UnavailableError, RefusedError) as error:
                goes_on = not isinstance(error, RefusedError) or error.reason is Reason.STOPPING
                if number == len(edges) or not goes_on:
                    raise
        raise UnavailableError(f"no edge serves {self.service} now", hint="ask an administrator")

    def _edges(self) -> list[EdgeInfo]:
        found = people.services(self.context, self.session).services
        mine = next((each for each in found if each.name == self.service), None)
        if mine is None:
            raise DeniedError(f"you have no access to {self.service} now")
        return [
            EdgeInfo(each.name, Address.parse(each.address), each.server_name)
            for each in mine.edges
        ]

    async def _shown(self) -> ssl.SSLContext:
        """Return what proves for whom we come, made anew where it is old or of another address."""
        kept, address, now = self.kept, caller.client.get(), self.context.monotonic()
        if kept.shown is None or kept.address != address or kept.until <= now:
            kept.shown = await self._prove()
            kept.address, kept.until = address, now + KEPT_SECONDS
        return kept.shown

    async def _prove(self) -> ssl.SSLContext:
        key = keys.generate()
        issued = await issuing.for_web(self.context, self.session, csr.make(key).decode())
        chain = pem.join([issued.certificate, *issued.chain])
        roots = pem.join(self.context.authority.trust.server_roots)
        return await run_sync(_context, keys.to_pem(key, None), chain, roots)


def _context(key: bytes, chain: bytes, roots: bytes) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_verify_locations(cadata=roots.decode("ascii"))
    with memory_file.holding(key + chain) as path:
        made.load_cert_chain(path)
    made.set_alpn_protocols([ALPN])
    return made
