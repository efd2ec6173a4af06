"""One link to one edge: TCP, the TLS handshake and the preface."""

import ssl
from collections.abc import Callable

from pgward.client.services import EdgeInfo
from pgward.core.errors import UnavailableError
from pgward.tunnel import preface
from pgward.tunnel.dial import connect_first, resolve
from pgward.tunnel.preface import Controls
from pgward.tunnel.tls import TlsConnection, explain, handshake, read_line, write_all


class EdgeConnector:
    """Opens links for one service with a context that ``context()`` gives."""

    def __init__(self, service: str, context: Callable[[], ssl.SSLContext]) -> None:
        self._service = service
        self._context = context

    async def __call__(self, edge: EdgeInfo) -> tuple[TlsConnection, Controls]:
        """Connect, do the TLS handshake and the preface; raise RefusedError, UnavailableError."""
        try:
            context = self._context()
            sock = await connect_first(await resolve(edge.address.host, edge.address.port))
            tls = await handshake(sock, context, server_hostname=edge.server_name)
        except (ssl.SSLError, OSError) as error:
            raise explain(error, str(edge.address)) from error
        try:
            return tls, await self._open(tls)
        except (ssl.SSLError, OSError) as error:
            tls.close()
            raise explain(error, str(edge.address)) from error
        except BaseException:  # a dial that is cancelled must not keep the descriptor either
            tls.close()
            raise

    async def _open(self, tls: TlsConnection) -> Controls:
        if tls.socket.selected_alpn_protocol() != preface.ALPN:
            raise UnavailableError("that address is no pgward edge", hint="pgward edges")
        await write_all(tls, preface.request(self._service))
        return preface.read_answer(await read_line(tls, preface.MAX_LINE))
