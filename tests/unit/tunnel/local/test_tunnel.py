"""A tunnel between a client here and a real door of an edge, without a CA."""

import asyncio
import errno
import os
import socket

import pytest

from pgward.pgwire.startup import ssl_request
from pgward.tunnel.local import tunnel as module
from pgward.tunnel.preface import Reason
from tests.fixtures.links import reset, tcp_pair
from tests.fixtures.sockets import rest
from tests.fixtures.tunnel_world import exactly, until, world

# --- sessions -----------------------------------------------------------------------------


def test_sessions_one_after_another_use_links_again(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await until(lambda: made.tunnel.pool.idle >= 4)
            for number in range(1, 21):
                client = await made.client()
                database = await made.talk(client)
                assert made.tunnel.counters.active == 1
                client.shutdown(socket.SHUT_WR)
                assert await rest(database) == b""
                assert await rest(client) == b""
                await until(lambda: made.tunnel.counters.active == 0)
                assert made.tunnel.counters.total == number
            assert len(made.links.live) <= 6
            assert made.said == []

    run(main())


def test_many_clients_at_once(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            clients = [await made.client() for _ in range(40)]
            loop = asyncio.get_running_loop()
            for number, client in enumerate(clients):
                await loop.sock_sendall(client, b"%d" % number)
            await until(lambda: len(made.databases) == 40)
            for database in made.databases:
                await loop.sock_sendall(database, b"<" + await loop.sock_recv(database, 10) + b">")
            got = [await loop.sock_recv(client, 10) for client in clients]
            assert got == [b"<%d>" % number for number in range(40)]
            for each in (*clients, *made.databases):
                each.close()
            await until(lambda: made.tunnel.counters.active == 0)

    run(main())


def test_clients_that_say_nothing_leave_links_whole(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            for _ in range(10):
                client = await made.client()
                await until(lambda: made.tunnel.counters.active == 1)
                client.close()
                await until(lambda: made.tunnel.counters.active == 0)
            assert made.databases == []
            client = await made.client()
            await made.talk(client)
            client.close()

    run(main())


def test_a_session_that_the_database_ended_first_gives_no_link_back(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await until(lambda: made.tunnel.pool.idle >= 4)
            client = await made.client()
            database = await made.talk(client)
            await until(lambda: made.tunnel.pool.idle >= 4 and not made.tunnel.pool._dials)
            idle = made.tunnel.pool.idle
            database.shutdown(socket.SHUT_WR)
            assert await asyncio.get_running_loop().sock_recv(client, 10) == b""
            client.close()
            await until(lambda: made.tunnel.counters.active == 0)
            await asyncio.sleep(0.01)
            assert made.tunnel.pool.idle == idle
            again = await made.client()
            await made.talk(again)
            again.close()

    run(main())


@pytest.mark.parametrize("who", ["client", "edge"])
def test_a_break_ends_one_session_only(run, contexts, tls_keys, who):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            broken, other = await made.client(), await made.client()
            await made.talk(broken)
            await made.talk(other)
            if who == "client":
                reset(broken)
            else:
                next(link for link in made.links.live if link.in_session).close()
            await until(lambda: made.tunnel.counters.active == 1)
            for each in (broken, other, *made.databases):
                each.close()
            await until(lambda: made.tunnel.counters.active == 0)

    run(main())


def test_an_edge_that_stops_before_the_first_answer_costs_no_connection(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            made.gate.clear()
            client = await made.client()
            client.send(ssl_request())
            await until(lambda: made.dials == 1)
            for link in tuple(made.links.live):
                link.cut(Reason.STOPPING)
            await until(lambda: made.dials == 2)
            made.gate.set()
            await until(lambda: made.databases)
            (database,) = made.databases
            loop = asyncio.get_running_loop()
            assert await loop.sock_recv(database, 100) == ssl_request()
            database.send(b"N")
            assert await loop.sock_recv(client, 100) == b"N"
            counters = made.tunnel.counters
            assert (counters.active, counters.total, counters.refused) == (1, 1, 0)
            assert made.said == []
            client.close()

    run(main())


def test_a_link_that_broke_unseen_costs_no_connection(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await until(lambda: made.tunnel.pool.idle >= 4)
            for ready in made.tunnel.pool._idle:  # the news comes behind the client's first byte
                made.tunnel.loop.remove_reader(ready.tls.fileno())
            for link in tuple(made.links.live):
                link.close()
            client = await made.client()
            client.send(ssl_request())
            await until(lambda: made.databases)
            made.databases[0].send(b"N")
            assert await asyncio.get_running_loop().sock_recv(client, 100) == b"N"
            client.close()

    run(main())


def test_a_client_that_ends_its_half_hears_the_answer_and_leaves_the_link(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            loop = asyncio.get_running_loop()
            await until(lambda: made.tunnel.pool.idle >= 4 and not made.tunnel.pool._dials)
            client = await made.client()
            client.send(ssl_request())
            client.shutdown(socket.SHUT_WR)
            await until(lambda: made.databases)
            (database,) = made.databases
            assert await rest(database.dup()) == ssl_request()
            for _ in range(3):
                await loop.sock_sendall(database, bytes(100_000))
                assert len(await exactly(client, 100_000)) == 100_000
            database.close()
            assert await rest(client) == b""
            await until(lambda: made.tunnel.counters.active == 0)
            await until(lambda: made.tunnel.pool.idle == 5)  # with that which carried it
            assert not any(link.in_session for link in made.links.live)

    run(main())


@pytest.mark.parametrize("answered", [True, False])
def test_a_database_that_resets(run, contexts, tls_keys, answered):
    """Unanswered the session begins again once, and then its client is told."""

    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            made.pair = tcp_pair
            client, other = await made.client(), await made.client()
            kept = await made.talk(other)
            client.send(ssl_request())
            for number in (1, 2)[: 1 if answered else 2]:
                await until(lambda count=number: len(made.databases) > count)
                database = made.databases[-1]
                assert await asyncio.get_running_loop().sock_recv(database, 9)
                if answered:
                    database.send(b"N")
                    assert await asyncio.get_running_loop().sock_recv(client, 9) == b"N"
                reset(database)
            said = await rest(client)
            assert (b"before the database answered" in said) is not answered
            assert made.dials == (2 if answered else 3)
            kept.send(b"goes on")
            assert await asyncio.get_running_loop().sock_recv(other, 9) == b"goes on"
            await until(lambda: made.tunnel.counters.active == 1)
            await until(lambda: [link.in_session for link in made.links.live].count(True) == 1)
            other.close()

    run(main())


def test_close_ends_everything(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            client = await made.client()
            await made.talk(client)
            made.tunnel.close()
            assert await rest(client) == b""
            assert made.tunnel.pool.idle == 0
            assert made.tunnel.counters.active == 0
            await until(lambda: not made.links.live)

    run(main())


# --- this machine -------------------------------------------------------------------------


def test_it_settles_once_no_connection_is_left(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await made.tunnel.settled()  # none was there
            clients = [await made.client() for _ in range(2)]
            databases = [await made.talk(each) for each in clients]
            settling = asyncio.ensure_future(made.tunnel.settled())
            for left, end in ((1, (clients[0], databases[0])), (0, (clients[1], databases[1]))):
                assert not settling.done()
                for each in end:
                    each.close()
                await until(lambda left=left: made.tunnel.counters.active == left)
            await settling

    run(main())


def test_no_descriptors_left_is_a_pause(run, contexts, tls_keys, monkeypatch, caplog):
    """Without it the loop would spin: the listener stays readable."""
    monkeypatch.setattr(module, "ACCEPT_PAUSE", 0.02)

    class Starved:
        def __init__(self, real: socket.socket) -> None:
            self.real, self.calls = real, 0
            self.fileno, self.close = real.fileno, real.close
            self.setblocking, self.getsockname = real.setblocking, real.getsockname

        def accept(self):
            self.calls += 1
            if self.calls == 1:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return self.real.accept()

    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            made.tunnel.listener = starved = Starved(made.tunnel.listener)
            client = await made.client()
            await until(lambda: starved.calls == 1)
            await made.talk(client)
            client.close()

    run(main())
    assert caplog.text.count("cannot accept a connection") == 1


def test_what_status_shows(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await until(lambda: made.tunnel.pool.idle >= 4)
            facts = made.tunnel.describe()
            assert (facts["active"], facts["problem"]) == (0, None)
            assert facts["ready_links"] == made.tunnel.pool.idle

    run(main())
