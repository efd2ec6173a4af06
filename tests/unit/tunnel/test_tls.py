"""Handshakes between real contexts, and what a failed one tells a person."""

import asyncio
import contextlib
import socket
import ssl

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from pgward.core.errors import LoginNeededError, UnavailableError
from pgward.tunnel.preface import ALPN, PrefaceError, Reason, RefusedError
from pgward.tunnel.tls import (
    EdgeSocket,
    TlsConnection,
    edge_context,
    explain,
    handshake,
    read_line,
    tune,
    tunnel_context,
    write_all,
)
from tests.fixtures.links import EDGE_NAME, Keys, dates, pem, tcp_pair, tls_pair, unix_pair


@pytest.fixture
def fresh(tmp_path) -> Keys:
    """Another hierarchy, a stranger's."""
    return Keys(tmp_path)


async def met(edge: ssl.SSLContext, client: ssl.SSLContext, name: str = EDGE_NAME):
    """Return what each end got, a connection or an error; TLS 1.3 tells a client when it reads."""
    below = tcp_pair()

    async def as_client():
        tls = await handshake(below[1], client, server_hostname=name)
        try:
            await read_line(tls, 100)
        except BaseException:
            tls.close()
            raise
        return tls

    async def as_edge():
        tls = await handshake(below[0], edge, server_side=True)
        await write_all(tls, b"welcome\n")
        return tls

    results = await asyncio.gather(as_edge(), as_client(), return_exceptions=True)
    for each in results:
        if isinstance(each, TlsConnection):
            each.close()
    return results


def told(run, edge, client, name=EDGE_NAME):
    """Return what the person at the tunnel is told."""
    _, error = run(met(edge, client, name))
    assert isinstance(error, OSError)
    return explain(error, "e1:6432")


# --- who gets in --------------------------------------------------------------------------


def test_both_ends_know_each_other(run, contexts):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts)
        assert edge.socket.version() == tunnel.socket.version() == "TLSv1.3"
        assert edge.socket.selected_alpn_protocol() == ALPN
        assert isinstance(edge.socket, EdgeSocket)
        assert edge.socket.sni == EDGE_NAME
        assert edge.socket.getpeercert(binary_form=True)
        edge.close()
        tunnel.close()

    run(main())


def test_no_session_can_be_resumed(run, contexts):
    """A resumed session would let a client of a removed CA in."""

    async def main() -> None:
        below = tcp_pair()
        edge, tunnel = await tls_pair(contexts, below)
        await write_all(edge, b"x\n")
        await read_line(tunnel, 10)
        assert not tunnel.socket.session.has_ticket
        edge.close()
        tunnel.close()

    run(main())


def test_a_stranger(run, contexts, fresh, tls_keys):
    certificate, key = fresh.issue(fresh.users, "alice")
    stranger = tunnel_context(certificate, key, tls_keys.server_roots)
    error = told(run, contexts[0], stranger)
    assert isinstance(error, RefusedError)
    assert (error.reason, error.message) == (
        Reason.EXPIRED,
        "the edge does not know the CA of your certificate",
    )


def test_an_expired_certificate(run, contexts, tls_keys):
    error = told(run, contexts[0], tls_keys.tunnel_context(**dates(-2, -1)))
    assert isinstance(error, RefusedError)
    assert (error.reason, error.message) == (Reason.EXPIRED, "your certificate has expired")


def test_no_certificate(run, contexts, tls_keys):
    bare = ssl.create_default_context(cafile=tls_keys.server_roots)
    error = told(run, contexts[0], bare)
    assert isinstance(error, RefusedError)
    assert error.message == "the edge wants a login certificate"


def test_a_servers_certificate_is_no_login(run, contexts, tls_keys):
    eku = (ExtendedKeyUsageOID.SERVER_AUTH,)
    error = told(run, contexts[0], tls_keys.tunnel_context("db1", eku=eku))
    assert isinstance(error, RefusedError)
    assert error.reason is Reason.DENIED


def test_an_edge_of_another_ca(run, contexts, fresh, tls_keys):
    certificate, key = fresh.edge()
    error = told(run, edge_context(certificate, key, pem(tls_keys.users)), contexts[1])
    assert isinstance(error, UnavailableError)
    assert error.message.startswith("the edge e1:6432 did not prove who it is")


def test_an_edge_of_another_name(run, contexts):
    error = told(run, *contexts, "e2.other.test")
    assert "did not prove who it is" in error.message


def test_a_persons_certificate_makes_no_edge(run, contexts, tls_keys):
    certificate, key = tls_keys.issue(tls_keys.servers, EDGE_NAME)
    error = told(run, edge_context(certificate, key, pem(tls_keys.users)), contexts[1])
    assert isinstance(error, UnavailableError)


def test_tls_1_2_is_refused(run, contexts, tls_keys):
    old = tls_keys.tunnel_context()
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    edge, client = run(met(contexts[0], old))
    assert isinstance(edge, ssl.SSLError)
    assert isinstance(client, ssl.SSLError)


@pytest.mark.parametrize(
    "said",
    [b"GET / HTTP/1.0\r\n\r\n", b"\0" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03", b""],
)
def test_what_is_no_handshake(run, contexts, said):
    async def main() -> None:
        accepted, connecting = tcp_pair()
        await asyncio.get_running_loop().sock_sendall(connecting, said)
        connecting.shutdown(socket.SHUT_WR)
        with pytest.raises(OSError, match=r".+"):
            await handshake(accepted, contexts[0], server_side=True)
        assert accepted.fileno() == -1
        connecting.close()

    run(main())


def test_a_handshake_that_is_given_up_closes_its_socket(run, contexts):
    async def main() -> None:
        accepted, connecting = tcp_pair()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await handshake(accepted, contexts[0], server_side=True)
        assert await asyncio.get_running_loop().sock_recv(connecting, 10) == b""
        connecting.close()

    run(main())


def test_a_peer_that_is_gone_before_the_handshake(run, contexts):
    async def main() -> None:
        accepted, connecting = tcp_pair()
        connecting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connecting.close()
        with pytest.raises(OSError, match=r".+"):
            await handshake(accepted, contexts[0], server_side=True)

    run(main())


# --- lines --------------------------------------------------------------------------------


def test_lines_of_every_size(run, contexts):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts)
        for size in (1, 100):
            await write_all(edge, b"x" * size)
            assert await read_line(tunnel, 100) == b"x" * size
        await write_all(edge, b"x" * 200)
        assert len(await read_line(tunnel, 100)) == 101  # too long, and the parser says so
        edge.close()
        tunnel.close()

    run(main())


@pytest.mark.parametrize("notify", [True, False])
def test_a_peer_that_closes_before_its_line(run, contexts, notify):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts)
        tunnel.close(notify=notify)
        with pytest.raises((PrefaceError, ssl.SSLError)):
            await read_line(edge, 100)
        edge.close()

    run(main())


def test_a_line_waits_for_room(run, contexts):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts, unix_pair(1))
        with contextlib.suppress(ssl.SSLWantWriteError):
            while True:
                edge.write(b"x" * 1000)
        writing = asyncio.ensure_future(write_all(edge, b"x" * 1000))
        await asyncio.sleep(0.01)
        assert not writing.done()
        buffer = bytearray(4096)
        while not writing.done():
            with contextlib.suppress(ssl.SSLWantReadError):
                tunnel.read_into(4096, buffer)
            await asyncio.sleep(0)
        edge.close()
        tunnel.close()

    run(main())


# --- connections --------------------------------------------------------------------------


def test_a_close_is_told_once(run, contexts):
    async def main() -> None:
        edge, tunnel = await tls_pair(contexts)
        edge.close()
        edge.close()
        assert edge.fileno() == -1
        assert tunnel.read_into(10, bytearray(10)) == 0
        tunnel.close()

    run(main())


def test_the_public_methods_are_the_fallback(run, contexts):
    class Bare:
        """What an interpreter without `_sslobj` would give."""

        def __init__(self, wrapped: ssl.SSLSocket) -> None:
            self.recv_into, self.send = wrapped.recv_into, wrapped.send
            self.pending, self.fileno = wrapped.pending, wrapped.fileno

    async def main() -> None:
        edge, tunnel = await tls_pair(contexts)
        slow = TlsConnection(Bare(tunnel.socket))
        assert slow.write(b"hello") == 5
        buffer = bytearray(10)
        assert edge.read_into(10, buffer) == 5
        edge.write(b"you")
        assert slow.read_into(10, buffer) == 3
        assert buffer[:3] == b"you"
        with pytest.raises(ssl.SSLWantReadError):
            slow.read_into(10, buffer)
        edge.close()
        tunnel.close()

    run(main())


def test_tuned():
    for sock in tcp_pair():
        sock.setblocking(True)
        tune(sock)
        assert not sock.getblocking()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
        sock.close()


def test_explanations():
    assert (
        "Connection refused"
        in explain(ConnectionRefusedError(111, "Connection refused"), "e").message
    )
    assert "e:1" in explain(TimeoutError(), "e:1").message
    revoked = ssl.SSLError(1, "[SSL: SSLV3_ALERT_CERTIFICATE_REVOKED] ...")
    revoked.reason = "SSLV3_ALERT_CERTIFICATE_REVOKED"
    error = explain(revoked, "e")
    assert isinstance(error, RefusedError)
    assert error.reason is Reason.REVOKED


@pytest.mark.parametrize("alert", ["TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE"])
def test_a_certificate_of_another_ca_asks_for_a_login(alert):
    refused = ssl.SSLError(1, f"[SSL: {alert}] ...")
    refused.reason = alert
    error = explain(refused, "e")
    assert error.hint == "pgward login, at the CA of this edge"


@pytest.mark.parametrize("damaged", ["certificate", "key", "roots"])
def test_damaged_login_files_ask_for_a_login(tls_keys, tmp_path, damaged):
    certificate, key = tls_keys.issue(tls_keys.users, "alice")
    files = {"certificate": certificate, "key": key, "roots": tls_keys.server_roots}
    files[damaged] = tmp_path / "damaged"
    files[damaged].write_text("garbage")
    with pytest.raises(LoginNeededError, match="is damaged"):
        tunnel_context(*files.values())
