import errno
import socket
import struct
from dataclasses import replace

import pytest

from pgward.tunnel import pgerror
from pgward.tunnel.local import tunnel as module
from pgward.tunnel.preface import EXPLANATIONS, Reason, RefusedError
from tests.fixtures.sockets import rest
from tests.fixtures.tunnel_world import until, world


def test_a_refusal_is_told_before_anyone_connects(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys, user="mallory", preflight=False) as made:
            with pytest.raises(RefusedError) as caught:
                await made.tunnel.preflight()
            assert caught.value.reason is Reason.DENIED

    run(main())


def test_a_client_hears_why_in_postgresqls_words(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys, user="mallory", preflight=False) as made:
            made.tunnel.listen()
            message, hint = EXPLANATIONS[Reason.DENIED]
            for _ in range(2):
                client = await made.client()
                client.send(struct.pack("!II", 8, 80877103))
                client.shutdown(socket.SHUT_WR)
                assert await rest(client) == pgerror.fatal(message, hint)
            assert made.tunnel.counters.refused == 2
            assert made.tunnel.describe()["problem"] == message
            assert made.tunnel.describe()["hint"] == hint
            assert len(made.said) == 1

    run(main())


def test_another_users_process_is_refused(run, contexts, tls_keys, monkeypatch, caplog):
    monkeypatch.setattr(module, "is_mine", lambda _client: False)

    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            client = await made.client()
            client.send(b"query")
            assert await rest(client) == b""
            assert made.databases == []
            assert made.tunnel.counters.refused == 1

    run(main())
    assert "not yours" in caplog.text


def test_a_kernel_that_cannot_tell_lets_nobody_in(run, contexts, tls_keys, monkeypatch, caplog):
    def broken(_client: socket.socket) -> bool:
        raise OSError(errno.ENOBUFS, "no buffer")

    monkeypatch.setattr(module, "is_mine", broken)

    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            assert await rest(await made.client()) == b""

    run(main())
    assert "a local connection is lost: [Errno 105] no buffer" in caplog.text


def test_a_revocation_cuts_and_says_why_once(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            client = await made.client()
            await made.talk(client)
            for link in tuple(made.links.live):
                link.cut(Reason.REVOKED)
            assert await rest(client) == b""
            await until(lambda: made.tunnel.pool.idle == 0)
            await until(lambda: not made.tunnel._mending)
            (said,) = made.said
            assert "your certificate is revoked" in said
            assert "hint: pgward login" in said
            assert made.session.refused == 1

    run(main())


def test_access_that_ends_is_told_though_no_session_runs(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await until(lambda: made.links.live)
            for link in tuple(made.links.live):
                link.cut(Reason.ACCESS_ENDED)
            await until(lambda: made.said)
            ended = "the edge ended a connection: your access to orders has ended"
            assert made.said == [f"orders: {ended}\nhint: pgward request orders"]

    run(main())


def test_a_problem_that_comes_back_is_said_again(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            for times in (1, 2):
                good = await made.client()
                database = await made.talk(good)
                good.close()
                assert await rest(database) == b""
                await until(lambda: made.tunnel.counters.active == 0)
                cut = await made.client()
                await made.talk(cut)
                for link in tuple(made.links.live):
                    link.cut(Reason.REVOKED)
                assert await rest(cut) == b""
                await until(lambda: not (made.tunnel.counters.active or made.tunnel._mending))
                assert len(made.said) == times

    run(main())


def test_the_tunnel_says_what_its_client_hears(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            orders = made.links.state.services["orders"]
            made.links.state.services["orders"] = replace(orders, max_connections=0)
            message = "orders has all its 0 connections in use"
            hint = "close some, or ask for a higher limit"
            for _ in range(2):
                client = await made.client()
                client.send(b"query")
                assert await rest(client) == pgerror.fatal(message, hint, sqlstate="53300")
            await until(lambda: made.said)
            assert made.said == [f"orders: the edge ended a connection: {message}\nhint: {hint}"]
            assert made.tunnel.describe()["problem"] == message

    run(main())
