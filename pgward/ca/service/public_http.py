"""The plain-HTTP listener: CRLs, OCSP and the CAs' certificates, and nothing else.

What it serves is signed by the CAs, and many who check revocation speak no HTTPS: a client
cannot ask whether a server's certificate is revoked over TLS that needs the answer first.
"""

import asyncio
import logging
import socket
from contextlib import AbstractContextManager, nullcontext

from fastapi import FastAPI

from pgward.ca.http import listener, networks
from pgward.ca.http.listener import HttpsServer
from pgward.ca.service import errors
from pgward.ca.service.context import Context
from pgward.ca.service.middleware import Guard
from pgward.ca.service.routes import crls, ocsp
from pgward.core.address import Address

_log = logging.getLogger(__name__)


def bind(address: str) -> AbstractContextManager[socket.socket | None]:
    """Listen at ``host:port``; nothing for an empty address. Raises ConflictError."""
    return listener.bind(Address.parse(address)) if address else nullcontext()


def create_app(context: Context) -> FastAPI:
    """Return the application: what anyone may read, at short addresses."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.context = context
    app.router.routes.extend([*crls.router.routes, *ocsp.router.routes])
    errors.install(app)
    listen = context.authority.settings.listen
    app.add_middleware(
        Guard, limits=context.limits, proxies=networks.parse(listen.forwarded_for_from)
    )
    return app


class PublicServer(HttpsServer):
    """Serves beside the HTTPS listener, within the same bounds, until it is cancelled."""

    def __init__(self, context: Context, listening: socket.socket) -> None:
        # The HTTPS listener has the other half.
        most = listener.most_waiting() // 2
        super().__init__(create_app(context), listening, None, most=most)

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
