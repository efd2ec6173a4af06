"""The plain-HTTP listener: CRLs, OCSP and the CAs' certificates, and nothing else.

What it serves is signed by the CAs, and many who check revocation speak no HTTPS: a client
cannot ask whether a server's certificate is revoked over TLS that needs the answer first.
"""

import asyncio
import logging
import socket
import ssl
from contextlib import AbstractContextManager, nullcontext

from fastapi import FastAPI

from pgward.ca import listener
from pgward.ca.door import Door
from pgward.ca.listener import HttpsServer
from pgward.ca.service import errors
from pgward.ca.service.context import Context
from pgward.ca.service.middleware import Guard
from pgward.ca.service.routes import crls, ocsp
from pgward.ca.waiting import Waiting
from pgward.core.address import Address

_log = logging.getLogger(__name__)


def bind(address: str) -> AbstractContextManager[socket.socket | None]:
    """Listen at ``host:port``; nothing for an empty address. Raises ConflictError."""
    return listener.bind(Address.parse(address)) if address else nullcontext()


def create_app(context: Context) -> FastAPI:
    """Return the application: what anyone may read, at short addresses."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.context = context
    app.include_router(crls.router)
    app.include_router(ocsp.router)
    errors.install(app)
    app.add_middleware(Guard)
    return app


class PlainDoor(Door):
    """Accepts connections without TLS."""

    async def _handshake(self, connection: socket.socket, protocol: asyncio.Protocol) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: protocol, connection)


class PublicServer(HttpsServer):
    """Serves beside the HTTPS listener, within the same bounds, until it is cancelled."""

    def __init__(self, context: Context, listening: socket.socket) -> None:
        unused = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        super().__init__(create_app(context), listening, unused)
        self._waiting = Waiting(listener.most_waiting() // 2)  # the HTTPS listener has the rest
        self._door = PlainDoor(listening, unused, self._protocol, self._waiting)

    async def serve_beside(self) -> None:
        """Serve; leave signals to the HTTPS listener."""
        try:
            await self._serve([self._listening])
        except asyncio.CancelledError:
            self.should_exit = self.force_exit = True
            await self.shutdown()
            raise
        except Exception:  # noqa: BLE001 - the CA itself goes on
            _log.exception("the public HTTP listener ended")
