import asyncio

from pgward.core.address import Address
from pgward.pgwire import startup
from pgward.tunnel.edge.upstreams import cancelling as module
from pgward.tunnel.edge.upstreams.cancelling import cancel
from pgward.tunnel.edge.upstreams.channel import Channel
from pgward.tunnel.edge.upstreams.errors import unreachable
from pgward.tunnel.edge.upstreams.values import Credentials, Upstream
from tests.fixtures.aware_sessions import CONFIG
from tests.fixtures.links import unix_pair

DB = Address("db", 5432)
CREDENTIALS = Credentials(b"password")


class Session:
    """A connection that something runs on; nobody touches its own socket."""

    def __init__(self, key: bytes) -> None:
        self.sockets = unix_pair()
        self.upstream = Upstream(self.sockets[0], DB, {}, (77, key), 0, "scram")


class Securing:
    """Gives one end of a socket pair, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[tuple] = []
        self.server, self.ours = unix_pair()

    async def secure(self, *asked) -> Channel:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error
        return Channel(self.ours)


def close(securing: Securing, session: Session) -> None:
    for each in (securing.server, securing.ours, *session.sockets):
        each.close()


def test_a_request_is_over_when_the_server_ends_it(run):
    async def main() -> None:
        securing, session = Securing(), Session(b"k" * 32)
        asking = asyncio.create_task(cancel(securing, CONFIG, CREDENTIALS, session.upstream))
        got = await asyncio.get_running_loop().sock_recv(securing.server, 100)
        assert got == startup.cancel(77, b"k" * 32)
        assert securing.asked == [(CONFIG, DB, CREDENTIALS)]
        assert not asking.done()
        securing.server.close()
        await asking
        assert securing.ours.fileno() == -1
        close(securing, session)

    run(main())


def test_a_server_without_keys_is_not_asked(run):
    async def main() -> None:
        securing, session = Securing(), Session(b"")
        await cancel(securing, CONFIG, CREDENTIALS, session.upstream)
        assert securing.asked == []
        close(securing, session)

    run(main())


def test_a_server_that_is_away_is_logged(run, caplog):
    async def main() -> None:
        securing, session = Securing(unreachable(DB, "it is away")), Session(b"key!")
        await cancel(securing, CONFIG, CREDENTIALS, session.upstream)
        close(securing, session)

    run(main())
    assert "no cancel request reached db:5432" in caplog.text


def test_a_server_that_does_not_answer_holds_nobody_up(run, caplog, monkeypatch):
    monkeypatch.setattr(module, "CANCEL_SECONDS", 0.01)

    async def main() -> None:
        securing, session = Securing(), Session(b"key!")
        await cancel(securing, CONFIG, CREDENTIALS, session.upstream)
        assert securing.ours.fileno() == -1
        close(securing, session)

    run(main())
    assert "db:5432 does not take a cancel request in time" in caplog.text
