import asyncio

import pytest

from pgward.tunnel.edge.aware.talk import MOST_UNREAD, Talk
from pgward.tunnel.preface import Controls
from tests.fixtures.links import tls_pair


def test_what_comes_is_unread_until_it_is_taken(run, contexts):
    async def main() -> None:
        edge, client = await tls_pair(contexts)
        talk = Talk(edge, b"first")
        client.write(b" second")
        await talk.more()
        assert talk.take(8) == b"first se"
        assert talk.unread == b"cond"
        await talk.say(b"answer")
        assert client.socket.recv(10) == b"answer"
        client.close()
        with pytest.raises(ConnectionResetError, match="left before"):
            await talk.more()
        edge.close()

    run(main())


def test_a_tunnels_end_of_a_session_is_the_clients_end(run, contexts):
    async def main() -> None:
        edge, client = await tls_pair(contexts)
        controls = Controls.new()
        talk = Talk(edge, controls=controls)
        client.write(controls.end)
        with pytest.raises(ConnectionResetError, match="left before"):
            await talk.more()
        client.close()
        edge.close()

    run(main())


def test_a_client_that_says_too_much_is_cut_off(run, contexts):
    async def main() -> None:
        edge, client = await tls_pair(contexts)
        talk = Talk(edge)

        async def flood() -> None:
            while True:
                await Talk(client).say(bytes(16 * 1024))

        async def listen() -> None:
            while True:
                await talk.more()

        flooding = asyncio.create_task(flood())
        with pytest.raises(ConnectionResetError, match="left before"):
            await listen()
        assert len(talk.unread) <= MOST_UNREAD + 16 * 1024
        flooding.cancel()
        client.close()
        edge.close()

    run(main())


def test_a_long_answer_waits_until_the_client_reads(run, contexts):
    async def main() -> None:
        edge, client = await tls_pair(contexts)
        answer = bytes(4 * 1024 * 1024)
        reading = Talk(client)

        async def read() -> int:
            total = 0
            while total < len(answer):
                await reading.more()
                total += len(reading.take(len(reading.unread)))
            return total

        _, heard = await asyncio.gather(Talk(edge).say(answer), read())
        assert heard == len(answer)
        client.close()
        edge.close()

    run(main())
