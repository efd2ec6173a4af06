import asyncio
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pgward.client.identity import IdentityPaths
from pgward.client.services import EdgeInfo
from pgward.core.address import Address
from pgward.core.errors import LoginNeededError, UnavailableError
from pgward.pgwire.startup import ssl_request
from tests.fixtures.links import EDGE_NAME
from tests.fixtures.sockets import rest
from tests.fixtures.tunnel_world import until, world


def test_a_renewal_uses_the_new_certificate_and_keeps_sessions(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            client = await made.client()
            database = await made.talk(client)
            old = {link.peer.serial for link in made.links.live}
            paths = made.session.paths
            made.session.paths = IdentityPaths(*tls_keys.issue(tls_keys.users, "alice"), paths.ca)
            made.session.renewals = [True]
            await made.tunnel.refresh()
            await until(lambda: made.tunnel.pool.idle >= 4)
            assert {link.peer.serial for link in made.links.live if not link.in_session} - old
            database.send(b"goes on")
            assert await asyncio.get_running_loop().sock_recv(client, 10) == b"goes on"
            client.close()

    run(main())


def test_a_session_that_is_over_is_said_once(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            made.session.renewals = [LoginNeededError(), LoginNeededError()]
            await made.tunnel.refresh()
            await made.tunnel.refresh()
            assert made.said == ["you are not logged in\nhint: pgward login"]
            made.session.renewals = [UnavailableError("away"), OSError("full")]
            await made.tunnel.refresh()
            await made.tunnel.refresh()
            assert len(made.said) == 1

    run(main())


def test_an_expired_certificate_is_renewed_when_somebody_connects(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys, preflight=False) as made:
            made.session.not_after = datetime.now(UTC) - timedelta(minutes=1)
            made.session.renewals = [True]
            made.tunnel.listen()
            client = await made.client()
            await made.talk(client)
            assert made.session.renewals == []
            client.close()

    run(main())


def test_a_new_login_after_a_block_costs_no_connection(run, contexts, tls_keys):
    """The edge refuses the old certificate, which the tunnel still has; the new one is on disk."""

    async def main() -> None:
        async with world(contexts, tls_keys, user="mallory", preflight=False) as made:
            made.tunnel.listen()
            paths = made.session.paths

            def login() -> bool:
                made.session.paths = IdentityPaths(
                    *tls_keys.issue(tls_keys.users, "alice"), paths.ca
                )
                return True

            made.session.renewals = [login]
            clients = [await made.client() for _ in range(3)]
            for client in clients:
                client.send(ssl_request())
            await until(lambda: len(made.databases) == 3)
            for database in made.databases:
                database.send(b"N")
            for client in clients:
                assert await asyncio.get_running_loop().sock_recv(client, 9) == b"N"
                client.close()
            assert (made.tunnel.counters.refused, made.said) == (0, [])

    run(main())


def test_links_of_an_expired_certificate_are_not_used(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            await until(lambda: made.tunnel.pool.idle >= 4)
            old = {link.peer.serial for link in made.links.live}
            made.session.not_after = datetime.now(UTC) - timedelta(seconds=1)

            def renew() -> bool:
                paths = made.session.paths
                made.session.paths = IdentityPaths(
                    *tls_keys.issue(tls_keys.users, "alice"), paths.ca
                )
                made.session.not_after += timedelta(hours=1)
                return True

            made.session.renewals = [renew]
            client = await made.client()
            await made.talk(client)
            (used,) = [link.peer.serial for link in made.links.live if link.in_session]
            assert used not in old
            client.close()

    run(main())


def test_an_edge_that_moved_is_found(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys, preflight=False) as made:
            with socket.socket() as nobody:
                nobody.bind(("127.0.0.1", 0))
                right = made.tunnel.service
                gone = EdgeInfo("e0", Address(*nobody.getsockname()), EDGE_NAME)
                made.tunnel.service = replace(right, edges=(gone,))
                made.session.known = [right]
                made.tunnel.listen()
                clients = [await made.client() for _ in range(5)]
                for client in clients:
                    client.send(ssl_request())
                await until(lambda: len(made.databases) == 5)
                assert (made.session.asked, made.tunnel.counters.refused) == (1, 0)
                for client in clients:
                    client.close()

    run(main())


@pytest.mark.parametrize("known", [UnavailableError("away"), [], None])
def test_the_ca_is_asked_for_edges_now_and_then_only(run, contexts, tls_keys, known):
    async def main() -> None:
        async with world(contexts, tls_keys, preflight=False) as made:
            with socket.socket() as nobody:
                nobody.bind(("127.0.0.1", 0))
                gone = EdgeInfo("e0", Address(*nobody.getsockname()), EDGE_NAME)
                made.tunnel.service = replace(made.tunnel.service, edges=(gone,))
                made.session.known = [made.tunnel.service] if known is None else known
                made.tunnel.listen()
                for _ in range(3):
                    client = await made.client()
                    client.send(ssl_request())
                    assert b"no connection to the edge" in await rest(client)
                assert (made.session.asked, made.tunnel.counters.refused) == (1, 3)

    run(main())


def test_a_refusal_with_nothing_new_asks_the_edge_once(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys, user="mallory", preflight=False) as made:
            refused: list[str] = []
            made.tunnel.pool.spare = 0
            made.door.refused = lambda _address, user, _why: refused.append(user)
            made.tunnel.listen()
            client = await made.client()
            client.send(ssl_request())
            await rest(client)
            assert refused == ["mallory"]
            assert made.session.asked == 0

    run(main())
