"""An edge's door for those without a certificate: cancel requests, and people by other proofs."""

import asyncio
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pgward.pgwire import startup
from pgward.tunnel import preface
from pgward.tunnel.edge.accept import Guest
from pgward.tunnel.edge.cancels import Cancels
from pgward.tunnel.edge.state import Peer
from pgward.tunnel.edge.state_postgres import PostgresService
from pgward.tunnel.preface import Reason, RefusedError
from pgward.tunnel.tls import edge_context, read_line, read_some, write_all
from tests.fixtures.accepting import edge
from tests.fixtures.links import pem
from tests.fixtures.sockets import rest

BEGIN = startup.startup({"user": "otp-1"})


class Receiving:
    """Takes whoever begins a session for one person."""

    def __init__(self, user: str) -> None:
        self.user = user

    async def receive(self, tls, _address) -> Guest | None:
        first = await read_some(tls, 1000)
        if not isinstance(startup.read(first), startup.Startup):
            return None
        end = datetime.now(UTC) + timedelta(hours=1)
        return Guest(Peer(self.user, 0, b"", end, login="session"), "orders", first)


class Opening:
    """Takes the first session that is wanted, and opens none."""

    def __init__(self) -> None:
        self.asked: asyncio.Future = asyncio.get_running_loop().create_future()

    async def open(self, client, _service, first, _on_end) -> None:
        self.asked.set_result((client, first))


def open_context(keys) -> ssl.SSLContext:
    return edge_context(*keys.edge(), pem(keys.users), guests=True)


def bare(keys, *alpn: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=keys.server_roots)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


@pytest.mark.parametrize("alpn", [(), ("postgresql",)])
def test_a_guest_who_proves_who_it_is_gets_the_service(run, contexts, tls_keys, alpn):
    async def main() -> None:
        context = open_context(tls_keys)
        options = {"context": lambda: context, "guests": Receiving("alice")}
        async with edge(contexts, tls_keys, **options) as made:
            opening = made.door.links.aware = Opening()
            serve_aware(made)
            tls = await made.tls(bare(tls_keys, *alpn))
            await write_all(tls, BEGIN)
            client, first = await opening.asked
            assert (client.peer.user, client.peer.by_certificate) == ("alice", False)
            assert first == BEGIN
            tls.close()

    run(main())


def serve_aware(made) -> None:
    """Have the edge speak PostgreSQL for the service, as it must for guests."""
    links = made.door.links
    aware = replace(links.state.services["orders"], postgres=PostgresService(default=None))
    links.state = replace(links.state, services=links.state.services | {"orders": aware})


def test_a_guest_gets_no_service_whose_protocol_nobody_speaks(run, contexts, tls_keys):
    async def main() -> None:
        context = open_context(tls_keys)
        options = {"context": lambda: context, "guests": Receiving("alice")}
        async with edge(contexts, tls_keys, **options) as made:
            tls = await made.tls(bare(tls_keys))
            await write_all(tls, BEGIN)
            assert (await read_some(tls, 1000)).startswith(b"E")
            tls.close()
        assert made.databases == []

    run(main())


def test_a_guest_is_let_in_where_its_person_may_be_only(run, contexts, tls_keys):
    async def main() -> None:
        context = open_context(tls_keys)
        options = {"context": lambda: context, "guests": Receiving("mallory")}
        async with edge(contexts, tls_keys, **options) as made:
            tls = await made.tls(bare(tls_keys))
            await write_all(tls, BEGIN)
            assert b"does not exist or is not open to you" in await read_some(tls, 1000)
            tls.close()
        assert [user for user, _, _ in made.refused] == ["mallory"]

    run(main())


def test_a_guest_who_wants_nothing_any_more_is_gone(run, contexts, tls_keys):
    async def main() -> None:
        context = open_context(tls_keys)
        options = {"context": lambda: context, "guests": Receiving("alice")}
        async with edge(contexts, tls_keys, **options) as made:
            tls = await made.tls(bare(tls_keys))
            await write_all(tls, startup.cancel(64, b"1234"))
            assert await read_some(tls, 100) == b""
            tls.close()
        assert (made.refused, made.databases) == ([], [])

    run(main())


def test_a_tunnel_without_a_certificate_is_no_guest(run, contexts, tls_keys):
    async def main() -> None:
        context = open_context(tls_keys)
        options = {"context": lambda: context, "guests": Receiving("alice")}
        async with edge(contexts, tls_keys, **options) as made:
            tls = await made.tls(bare(tls_keys, preface.ALPN))
            with pytest.raises(RefusedError, match="wants a login certificate"):
                preface.read_answer(await read_line(tls, preface.MAX_LINE))
            tls.close()
        assert [(user, why) for user, why, _ in made.refused] == [(None, Reason.DENIED)]

    run(main())


def test_a_stranger_s_certificate_is_worse_than_none(run, contexts, tls_keys):
    async def main() -> None:
        context = open_context(tls_keys)
        options = {"context": lambda: context, "guests": Receiving("alice")}
        async with edge(contexts, tls_keys, **options) as made:
            client = bare(tls_keys)
            client.load_cert_chain(*tls_keys.issue(tls_keys.servers, "alice"))
            tls = await made.tls(client)
            with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
                await read_some(tls, 100)
            tls.close()

    run(main())


def test_without_guests_a_certificate_is_wanted_in_words(run, contexts, tls_keys):
    async def main() -> None:
        context = open_context(tls_keys)
        async with edge(contexts, tls_keys, context=lambda: context) as made:
            tls = await made.tls(bare(tls_keys))
            assert b"this edge wants a login certificate" in await read_some(tls, 1000)
            tls.close()

    run(main())


@pytest.mark.parametrize("key", [b"1234", b"k" * 32, b"k" * 256])
def test_a_cancel_request_needs_no_tls_and_ends_when_it_is_done(run, contexts, tls_keys, key):
    async def main() -> None:
        asked: list[tuple[int, bytes]] = []
        done = asyncio.Event()

        class Slow(Cancels):
            async def request(self, pid: int, key: bytes) -> None:
                await done.wait()
                asked.append((pid, key))

        async with edge(contexts, tls_keys, cancels=Slow()) as made:
            sock = await made.connect()
            for byte in startup.cancel(77, key):
                await asyncio.get_running_loop().sock_sendall(sock, bytes((byte,)))
            done.set()
            assert await rest(sock) == b""
        assert asked == [(77, key)]

    run(main())


@pytest.mark.parametrize("length", [8, 12, 15, 269, 5000, 2**31])
def test_a_cancel_request_of_a_wrong_length_does_nothing(run, contexts, tls_keys, length):
    async def main() -> None:
        async with edge(contexts, tls_keys, timeout=0.2) as made:
            sock = await made.connect()
            head = length.to_bytes(4) + startup.cancel(77, b"1234")[4:8]
            await asyncio.get_running_loop().sock_sendall(sock, head + bytes(min(length, 6000)))
            assert await rest(sock) == b""

    run(main())
