import asyncio

import pytest

from pgward.tunnel.preface import Reason
from tests.fixtures.links import tcp_pair
from tests.fixtures.session_bench import (
    Bench,
    revoked,
    state,
    until,
)

# --- cuts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["idle", "dialling", "session"])
@pytest.mark.parametrize("controls", [True, False])
def test_a_new_state_cuts_at_once(run, contexts, phase, controls):
    async def main() -> None:
        bench = await Bench.make(contexts, controls=controls, gate=phase == "session")
        database = None
        if phase == "dialling":
            bench.tls.write(b"query")
            await until(lambda: bench.dialer.dialled)
        elif phase == "session":
            database = await bench.began()
        bench.links.adopt(state(revocations=revoked(7)))
        assert bench.links.live == set()
        if bench.controls is not None:
            assert bench.controls.reason(await bench.read()) is Reason.REVOKED
        assert await bench.read() == b""
        if database is not None:
            assert await asyncio.get_running_loop().sock_recv(database, 10) == b""
        await asyncio.sleep(0.01)
        assert bench.links.limits.by_user == {}
        cut = [] if phase == "idle" else [("session.cut", "ok", "revoked")]
        assert [event for event in bench.events if event[0] == "session.cut"] == cut
        bench.close()

    run(main())


def test_a_state_that_changes_nothing_cuts_nobody(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        database = await bench.began()
        bench.links.clock.move(days=2)  # time alone ends no session, as in PostgreSQL
        bench.links.adopt(state(version=2, revocations=revoked(8), blocked=frozenset({"bob"})))
        database.send(b"still here")
        assert await bench.read() == b"still here"
        bench.close()

    run(main())


def test_a_cut_while_the_client_reads_nothing(run, contexts):
    async def main() -> None:
        bench = await Bench.make(contexts)
        database = await bench.began()
        still = 0
        while still < 50:  # until nothing moves any more
            try:
                database.send(bytes(65536))
                still = 0
            except BlockingIOError:
                still += 1
                await asyncio.sleep(0)
        bench.link.cut(Reason.BLOCKED)
        assert bench.links.live == set()
        bench.link.cut(Reason.BLOCKED)
        bench.link.close()
        bench.close()

    run(main())


@pytest.mark.parametrize("controls", [True, False])
@pytest.mark.parametrize("phase", ["dialling", "session"])
def test_who_still_sends_hears_why_it_ends(run, contexts, phase, controls):
    """On TCP, where unread bytes would reset the connection."""

    async def main() -> None:
        bench = await Bench.make(
            contexts, controls=controls, gate=phase == "session", pair=tcp_pair()
        )
        if phase == "session":
            await bench.began()
        else:
            bench.tls.write(b"query")
            await until(lambda: bench.dialer.dialled)
        bench.tls.write(b"unread")
        if bench.controls is None:
            bench.link._last_words._say(b"the reason")
        bench.link.cut(Reason.BLOCKED)
        await asyncio.sleep(0)
        bench.tls.write(b"more")
        said = await bench.read()
        if bench.controls is None:
            assert said == b"the reason"
        else:
            assert bench.controls.reason(said) is Reason.BLOCKED
        assert await bench.read() == b""
        left = asyncio.ensure_future(bench.links.left())
        bench.tls.close()
        await left
        bench.close()

    run(main())
