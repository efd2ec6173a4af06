import asyncio
import socket
import struct
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pgward.tunnel import pgerror
from pgward.tunnel.edge.state import StepUp
from pgward.tunnel.local import holding
from tests.fixtures.sockets import rest
from tests.fixtures.tunnel_world import until, world

SSL_REQUEST = struct.pack("!II", 8, 80877103)
WORDS = ("orders asks for a fresh second factor", "pgward step-up orders")


def demand(made, **proofs):
    """Have the edge hear of a snapshot with these proofs."""
    state = made.links.state
    service = replace(state.services["orders"], step_up=StepUp(proofs))
    made.links.adopt(replace(state, services={"orders": service}))


def soon():
    return datetime.now(UTC) + timedelta(minutes=1)


def test_eight_connections_ask_once_and_all_go_on(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            demand(made)
            loop, clients = asyncio.get_running_loop(), [await made.client() for _ in range(8)]
            for client in clients:
                client.send(SSL_REQUEST)
            await until(lambda: made.tunnel.holding._waiting == 8)
            assert made.dials == 0
            await until(lambda: made.said)
            demand(made, alice=soon())
            made.session.proof.set()
            await until(lambda: len(made.databases) == 8)
            for database in made.databases:
                assert await loop.sock_recv(database, 100) == SSL_REQUEST
                database.send(b"S")
            for client in clients:
                assert await loop.sock_recv(client, 100) == b"S"
                client.close()
            assert made.said == ["\nhint: ".join(WORDS)]
            assert made.tunnel.counters.refused == 0

    run(main())


def test_an_edge_that_hears_a_little_later_than_the_tunnel(run, contexts, tls_keys):
    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            demand(made)
            made.session.proof.set()
            client = await made.client()
            client.send(SSL_REQUEST)
            await until(lambda: made.session.asked_for_proof)
            demand(made, alice=soon())
            await until(lambda: made.databases)
            assert made.said == []
            client.close()

    run(main())


def test_nobody_answers(run, contexts, tls_keys, monkeypatch):
    monkeypatch.setattr(holding, "HOLD_SECONDS", 0.1)

    async def main() -> None:
        async with world(contexts, tls_keys) as made:
            demand(made)
            told = []
            made.tunnel.on_step_up = told.append
            client = await made.client()
            client.send(SSL_REQUEST)
            await until(lambda: made.said)
            client.shutdown(socket.SHUT_RD)
            client.close()
            patient = await made.client()
            patient.send(SSL_REQUEST)
            said = pgerror.fatal(*WORDS)
            assert await asyncio.get_running_loop().sock_recv(patient, 1000) == said
            patient.shutdown(socket.SHUT_WR)
            assert await rest(patient) == b""
            assert len(made.said) == 1
            assert told == [": ".join(WORDS)]
            made.session.proof.set()

    run(main())
