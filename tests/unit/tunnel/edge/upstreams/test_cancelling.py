import asyncio
from dataclasses import replace

import pytest

from pgward.core.address import Address
from pgward.pgwire import startup
from pgward.tunnel.edge.upstreams import cancelling as module
from pgward.tunnel.edge.upstreams.cancelling import cancel
from pgward.tunnel.edge.upstreams.channel import Channel
from pgward.tunnel.edge.upstreams.contexts import ClientCertificate
from pgward.tunnel.edge.upstreams.errors import unreachable
from pgward.tunnel.edge.upstreams.values import Credentials, Upstream
from tests.fixtures.aware_sessions import CONFIG
from tests.fixtures.links import tcp_pair, unix_pair

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


def test_the_request_goes_to_the_server_that_the_session_is_on(run):
    async def main() -> None:
        securing, session = Securing(unreachable(DB, "it is away")), Session(b"key!")
        close(Securing(), session)
        session.sockets = tcp_pair()
        upstream = replace(session.upstream, connection=session.sockets[1])
        await cancel(securing, CONFIG, CREDENTIALS, upstream)
        ((config, address, _),) = securing.asked
        assert address == Address(*session.sockets[1].getpeername())
        assert config == replace(CONFIG, server_name=CONFIG.server_name or "db")
        close(securing, session)

    run(main())


def test_a_session_that_is_gone_leaves_the_name(run):
    async def main() -> None:
        securing, session = Securing(unreachable(DB, "it is away")), Session(b"key!")
        session.sockets[0].close()
        await cancel(securing, CONFIG, CREDENTIALS, session.upstream)
        assert [each[:2] for each in securing.asked] == [(CONFIG, DB)]
        close(securing, session)

    run(main())


def test_a_certificate_is_shown_only_where_nothing_is_not_enough(run):
    credentials = replace(CREDENTIALS, certificate=ClientCertificate(b"chain", b"key"))

    async def main() -> None:
        securing, session = Securing(unreachable(DB, "wants one")), Session(b"key!")
        await cancel(securing, CONFIG, credentials, session.upstream)
        assert [each[2] for each in securing.asked] == [CREDENTIALS, credentials]
        close(securing, session)

    run(main())


@pytest.mark.parametrize(
    ("found", "host"),
    [
        (("127.0.0.1", 5432), "127.0.0.1"),
        (("2001:db8::1", 5432, 0, 0), "2001:db8::1"),
        (("fe80::1", 5432, 0, 2), "fe80::1%2"),
    ],
)
def test_an_address_of_a_link_needs_its_scope(found, host):
    assert module._address(found) == Address(host, 5432)
