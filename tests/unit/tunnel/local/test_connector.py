"""Links opened over real TCP to edges that a test plays."""

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager

import pytest

from pgward.client.services import EdgeInfo
from pgward.core.address import Address
from pgward.core.errors import UnavailableError
from pgward.tunnel import preface
from pgward.tunnel.local.connector import EdgeConnector
from pgward.tunnel.preface import Controls, Reason, RefusedError
from pgward.tunnel.tls import TlsConnection, handshake, read_line, write_all
from tests.fixtures.links import EDGE_NAME


@asynccontextmanager
async def answering(contexts, answer: bytes | None, *, alpn: bool = True):
    """Play an edge that answers every preface with ``answer``, or closes."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    loop = asyncio.get_running_loop()
    heard: list[bytes] = []
    served: list[TlsConnection] = []

    async def serve() -> None:
        while True:
            sock, _ = await loop.sock_accept(listener)
            tls = await handshake(sock, contexts[0], server_side=True)
            served.append(tls)
            if alpn:
                heard.append(await read_line(tls, preface.MAX_LINE))
            if answer is not None:
                await write_all(tls, answer)
            else:
                tls.close()

    task = asyncio.ensure_future(serve())
    address = Address(*listener.getsockname())
    try:
        yield EdgeInfo("e1", address, EDGE_NAME), heard
    finally:
        task.cancel()
        await asyncio.wait({task})
        listener.close()
        for tls in served:
            tls.close()


def test_the_connector_opens_a_link(run, contexts):
    controls = Controls.new()

    async def main() -> None:
        async with answering(contexts, preface.accept(controls)) as (edge, heard):
            tls, got = await EdgeConnector("orders", lambda: contexts[1])(edge)
            assert got == controls
            assert heard == [preface.request("orders")]
            tls.close()

    run(main())


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (preface.refuse(RefusedError(Reason.LIMIT)), RefusedError, "too many connections"),
        (b"hello\n", preface.PrefaceError, "not JSON"),
        (None, preface.PrefaceError, "closed before the preface"),
    ],
)
def test_what_an_edge_answers_is_told(run, contexts, answer, error, message):
    async def main() -> None:
        async with answering(contexts, answer) as (edge, _):
            with pytest.raises(error, match=message):
                await EdgeConnector("orders", lambda: contexts[1])(edge)

    run(main())


def test_what_is_no_edge(run, contexts, tls_keys):
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other.load_cert_chain(*tls_keys.edge())

    async def main() -> None:
        async with answering((other, contexts[1]), None, alpn=False) as (edge, _):
            with pytest.raises(UnavailableError, match="that address is no pgward edge"):
                await EdgeConnector("orders", lambda: contexts[1])(edge)

    run(main())


def test_nobody_at_that_address(run, contexts):
    async def main() -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            edge = EdgeInfo("e1", Address(*held.getsockname()), EDGE_NAME)
            with pytest.raises(UnavailableError, match=r"no connection to the edge 127\.0\.0\.1:"):
                await EdgeConnector("orders", lambda: contexts[1])(edge)

    run(main())


def test_a_context_that_cannot_be_made_opens_no_socket(run):
    def broken() -> ssl.SSLContext:
        raise FileNotFoundError(2, "No such file")

    async def main() -> None:
        edge = EdgeInfo("e1", Address("127.0.0.1", 1), EDGE_NAME)
        with pytest.raises(UnavailableError, match="No such file"):
            await EdgeConnector("orders", broken)(edge)

    run(main())
