import asyncio
import os
import socket
from dataclasses import replace

import psutil

from pgward.tunnel.agent import traffic as module
from pgward.tunnel.agent.traffic import Traffic
from tests.fixtures.tunnel_world import until, world


def test_who_is_connected_and_what_they_carried(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            traffic = Traffic()
            tunnels = {"orders": made.tunnel}
            assert await traffic.look(tunnels) == []
            client = await made.client()
            database = await made.talk(client, b"q" * 50)
            [row] = await traffic.look(tunnels)
            assert row.pop("seconds") >= 0
            assert row == {
                "number": 1,
                "service": "orders",
                "pid": os.getpid(),
                "program": psutil.Process().name(),
                "up": 50,
                "down": len(b"answer"),
            }
            database.send(b"x" * 1000)
            await asyncio.get_running_loop().sock_recv(client, 1000)
            other = await made.client()
            rows = await traffic.look(tunnels)
            numbers = {each["number"]: each["down"] for each in rows}
            assert numbers == {1: 1006, 2: 0}
            other.close()
            client.close()
            database.close()
            await until(lambda: not made.tunnel.connections)
            assert (await traffic.look(tunnels), traffic._seen) == ([], {})

    run(main())


def test_through_a_unix_socket_the_link_is_counted_from_the_first_look(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            theirs.setblocking(False)
            made.tunnel.service = replace(made.tunnel.service, ssl_mode="disable")
            made.tunnel._admit(theirs)
            database = await made.talk(ours)
            tunnels = {"orders": made.tunnel}
            traffic = Traffic()
            [first] = await traffic.look(tunnels)
            assert (first["up"], first["down"], first["pid"]) == (0, 0, None)
            database.send(b"x" * 1000)
            await asyncio.get_running_loop().sock_recv(ours, 1000)
            [row] = await traffic.look(tunnels)
            assert 1000 < row["down"] < 1200  # with TLS around it
            ours.close()
            database.close()
            await until(lambda: not made.tunnel.connections)

    run(main())


def test_where_the_system_tells_nothing_of_others(run, contexts, tls_keys, monkeypatch):
    def denied(**_options):
        raise psutil.AccessDenied

    monkeypatch.setattr(module.psutil, "net_connections", denied)

    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            client = await made.client()
            await made.talk(client)
            [row] = await Traffic().look({"orders": made.tunnel})
            assert (row["pid"], row["program"]) == (None, None)
            client.close()

    run(main())
