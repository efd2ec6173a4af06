import asyncio
from dataclasses import replace

import pytest

from pgward.tunnel.edge.carrying import Forwarded
from pgward.tunnel.edge.state_postgres import PostgresService
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.links import tls_pair, unix_pair
from tests.fixtures.session_bench import ORDERS, state


def test_a_forwarded_session_is_bytes_until_it_is_closed(run, contexts):
    async def main() -> None:
        loop = asyncio.get_running_loop()
        edge, client = await tls_pair(contexts)
        database, ours = unix_pair()
        ended = []
        session = Forwarded(
            loop,
            edge,
            ours,
            controls=None,
            first=b"first",
            on_end=lambda clean, reason: ended.append((clean, reason)),
        )
        session.start()
        assert await loop.sock_recv(database, 100) == b"first"
        session.tell(
            RefusedError(Reason.STOPPING)
        )  # nothing that the client could take for PostgreSQL's
        session.adopt(state(), ORDERS)
        with pytest.raises(RefusedError, match="this edge speaks for the service now"):
            session.adopt(state(), replace(ORDERS, postgres=PostgresService(None)))
        database.send(b"answer")
        answer = bytearray(100)
        while True:
            try:
                size = client.read_into(100, answer)
                break
            except OSError:
                await asyncio.sleep(0)
        assert answer[:size] == b"answer"
        session.close()
        assert await loop.sock_recv(database, 100) == b""
        assert ended == []
        for each in (edge, client, database):
            each.close()

    run(main())
