"""An edge's door: every kind of client over real TCP, and what each is told."""

import asyncio
import ssl
from ipaddress import ip_address

import pytest
from cryptography import x509

from pgward.pgwire import startup
from pgward.pki import chain
from pgward.tunnel import pgerror, preface
from pgward.tunnel.preface import Reason, RefusedError
from pgward.tunnel.tls import read_line, write_all
from tests.fixtures.accepting import edge

# --- tunnels ------------------------------------------------------------------------------


def test_a_tunnel_names_its_service_and_is_let_in(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            tls = await made.tls()
            await write_all(tls, preface.request("orders"))
            controls = preface.read_answer(await read_line(tls, preface.MAX_LINE))
            (link,) = made.door.links.live
            assert (link.peer.user, link.service) == ("alice", "orders")
            tls.write(b"query")
            while not made.databases:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0)
            got = await asyncio.get_running_loop().sock_recv(made.databases[0], 10)
            assert got == b"query"
            link.cut(Reason.BLOCKED)
            assert controls.reason(await read_line(tls, 100)) is Reason.BLOCKED
            tls.close()
        assert made.refused == []

    run(main())


@pytest.mark.parametrize("name", ["secret", "nowhere", "../orders", "or\0ders", "\ud800"])
def test_what_is_not_there_and_what_is_for_others_sound_alike(run, contexts, tls_keys, name):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            tls = await made.tls()
            await write_all(tls, preface.request(name))
            with pytest.raises(RefusedError) as caught:
                preface.read_answer(await read_line(tls, preface.MAX_LINE))
            text, hint = preface.EXPLANATIONS[Reason.DENIED]
            assert (caught.value.reason, caught.value.message, caught.value.hint) == (
                Reason.DENIED,
                text,
                hint,
            )
            tls.close()
        assert made.refused == [("alice", Reason.DENIED, text)]

    run(main())


@pytest.mark.parametrize("line", [b"hello\n", b"{}\n", b'{"service":"orders"}', b"x" * 5000])
def test_a_tunnel_that_speaks_nonsense(run, contexts, tls_keys, line):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            tls = await made.tls()
            await write_all(tls, line)
            with pytest.raises((preface.PrefaceError, OSError)):
                await read_line(tls, preface.MAX_LINE)
            assert made.door.links.live == set()
            tls.close()

    run(main())


def test_a_drain_and_a_missing_configuration_are_told(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            for draining, reason in ((True, Reason.STOPPING), (False, Reason.STALE)):
                made.door.links.draining = draining
                made.door.links.state = None
                tls = await made.tls()
                await write_all(tls, preface.request("orders"))
                with pytest.raises(RefusedError) as caught:
                    preface.read_answer(await read_line(tls, preface.MAX_LINE))
                assert caught.value.reason is reason
                tls.close()

    run(main())


# --- other TLS clients --------------------------------------------------------------------


@pytest.mark.parametrize("alpn", [(), ("postgresql",)])
def test_sni_names_the_service(run, contexts, tls_keys, alpn):
    async def main() -> None:
        async with edge(contexts, tls_keys, domains=("edge.test",)) as made:
            tls = await made.tls(made.plain(*alpn), "orders.edge.test")
            tls.write(b"startup")
            while not made.databases:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0)
            tls.close()

    run(main())


def test_a_service_in_sni_that_is_for_others(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys, domains=("edge.test",)) as made:
            tls = await made.tls(made.plain(), "secret.edge.test")
            text, hint = preface.EXPLANATIONS[Reason.DENIED]
            assert await read_line(tls, 1000) == pgerror.fatal(text, hint)
            tls.close()

    run(main())


def test_a_client_that_names_none(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            tls = await made.tls(made.plain())
            assert b"cannot tell which service you want" in await read_line(tls, 1000)
            tls.close()
        async with edge(contexts, tls_keys, default_service="orders") as made:
            tls = await made.tls(made.plain())
            tls.write(b"startup")
            while not made.databases:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0)
            tls.close()

    run(main())


def test_ssl_request_and_gssenc_request_byte_by_byte(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys, default_service="orders") as made:
            sock = await made.connect()
            loop = asyncio.get_running_loop()
            for request, answer in (
                (startup.gssenc_request(), b"N"),
                (startup.ssl_request(), b"S"),
            ):
                for byte in request:
                    await loop.sock_sendall(sock, bytes([byte]))
                    await asyncio.sleep(0.001)
                assert await loop.sock_recv(sock, 10) == answer
            tls = await made.tls(made.plain(), sock=sock)
            tls.write(b"startup")
            while not made.databases:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0)
            tls.close()

    run(main())


def test_a_tls_failure_is_recorded(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            bare = ssl.create_default_context(cafile=tls_keys.server_roots)
            tls = await made.tls(bare)
            with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
                await read_line(tls, 100)
            tls.close()
            while made.door.tasks:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0)
        ((user, reason, message),) = made.refused
        assert (user, reason) == (None, Reason.DENIED)
        assert message.startswith("TLS: ")

    run(main())


def test_what_became_of_connections_is_told(run, contexts, tls_keys):
    async def main() -> None:
        async with edge(contexts, tls_keys, timeout=0.2) as made:
            heard: list[str] = []
            made.door.met = heard.append
            for name in ("orders", "secret"):
                tls = await made.tls()
                await write_all(tls, preface.request(name))
                await read_line(tls, preface.MAX_LINE)
                tls.close()
            (await made.connect()).close()
            silent = await made.connect()
            while len(heard) < 4:  # noqa: ASYNC110 - the door has no event for it
                await asyncio.sleep(0.01)
            silent.close()
            assert sorted(heard) == ["gone", "in", "refused", "slow"]

    run(main())


@pytest.mark.parametrize(
    ("browser", "address"), [("2001:db8::7", "[2001:db8::7]:0"), (None, "0.0.0.0:0")]
)
def test_the_web_client_is_where_its_browser_is(run, contexts, tls_keys, browser, address):
    """Never where the CA is, for whose address there may be rules of its own."""
    names = [] if browser is None else [x509.IPAddress(ip_address(browser))]
    extra = [(x509.SubjectAlternativeName(names), False)] if names else []
    purposes = (chain.CLIENT_AUTH, chain.WEB)
    web = tls_keys.tunnel_context(eku=purposes, extra=extra)

    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            found = []
            made.door.refused = lambda *each: found.append(each)
            tls = await made.tls(web)
            await write_all(tls, preface.request("orders"))
            with pytest.raises(RefusedError, match="nobody in from a browser"):
                preface.read_answer(await read_line(tls, preface.MAX_LINE))
            tls.close()
            assert [each[:2] for each in found] == [(address, "alice")]

    run(main())
