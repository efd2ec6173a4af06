"""Links of an edge over real TLS, with a database that is a socket pair."""

import asyncio

import pytest

from tests.fixtures.session_bench import (
    Bench,
    until,
)

# --- the life of a link -------------------------------------------------------------------


def test_sessions_follow_each_other_on_one_link(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        for number in range(1, 4):
            database = await bench.began()
            database.send(b"answer")
            assert await bench.read() == b"answer"
            assert bench.link.in_session
            assert bench.links.limits.by_user == {("orders", "alice"): 1}
            bench.tls.write(bench.controls.end)
            assert await asyncio.get_running_loop().sock_recv(database, 100) == b""
            database.close()
            assert await bench.read() == bench.controls.end
            assert not bench.link.in_session
            assert bench.links.limits.by_user == {}
            assert bench.dialer.dialled == number
        assert bench.events == [("session.open", "ok", None), ("session.close", "ok", None)] * 3
        bench.close()
        assert bench.links.live == set()

    run(main())


def test_nobody_is_dialled_before_the_first_byte(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        for _ in range(10):
            await asyncio.sleep(0)
        assert bench.dialer.dialled == 0
        assert bench.links.live == {bench.link}
        bench.close()

    run(main())


def test_a_session_without_a_byte_dials_nobody_and_keeps_the_link(run, contexts):
    """A port scanner, or a client that gives up: its end is the first record."""

    async def main() -> None:
        bench = await Bench.make(contexts)
        for _ in range(3):
            bench.tls.write(bench.controls.end)
            assert await bench.read() == bench.controls.end
        assert bench.dialer.dialled == 0
        await bench.began()
        bench.close()

    run(main())


def test_first_bytes_of_a_controls_size_are_data(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        first = b"x" * len(bench.controls.end)
        bench.tls.write(first)
        database = await bench.database()
        assert await asyncio.get_running_loop().sock_recv(database, 100) == first
        bench.close()

    run(main())


def test_bytes_and_an_end_that_come_while_dialling(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts, gate=False)
        bench.tls.write(b"first ")
        await until(lambda: bench.dialer.dialled)
        bench.tls.write(b"second")
        bench.tls.write(bench.controls.end)
        await asyncio.sleep(0.01)
        assert bench.link.in_session
        bench.dialer.gate.set()
        database = await bench.database()
        received = b""
        while chunk := await asyncio.get_running_loop().sock_recv(database, 100):
            received += chunk
        assert received == b"first second"
        bench.close()

    run(main())


@pytest.mark.parametrize("notify", [True, False])
def test_an_idle_link_that_the_tunnel_closes(run, contexts, notify):
    async def main() -> None:
        bench = await Bench.make(contexts)
        bench.tls.close(notify=notify)
        await until(lambda: not bench.links.live)
        assert bench.events == []
        bench.close()

    run(main())


def test_a_link_that_dies_in_a_session_closes_the_database(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        database = await bench.began()
        bench.tls.close(notify=False)
        assert await asyncio.get_running_loop().sock_recv(database, 10) == b""
        await until(lambda: not bench.links.live)
        assert bench.links.limits.by_user == {}
        assert bench.events[-1] == ("session.close", "ok", None)
        bench.close()

    run(main())


def test_a_plain_clients_link_ends_with_its_session(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts, controls=False)
        database = await bench.began()
        database.send(b"bye")
        database.close()
        assert await bench.read() == b"bye"
        assert await bench.read() == b""
        await until(lambda: not bench.links.live)
        bench.close()

    run(main())
