import pytest

from pgward.pgwire import startup
from pgward.pgwire.errors import WireError
from pgward.pgwire.startup import Cancel, Startup
from pgward.tunnel.edge.aware.hello import hear
from pgward.tunnel.edge.aware.talk import Talk
from tests.fixtures.links import tls_pair

BEGIN = startup.startup({"user": "alice", "database": "app"})


def hears(run, contexts, said, answers=0):
    """Return what is heard of bytes that come one by one; and what the client was told."""

    async def main():
        edge, client = await tls_pair(contexts)
        talk = Talk(edge)
        for byte in said:
            client.write(bytes((byte,)))
        try:
            heard = await hear(talk)
            told = b"".join(client.socket.recv(1) for _ in range(answers))
        finally:
            client.close()
            edge.close()
        return heard, told, talk.unread

    return run(main())


def test_a_session_is_begun(run, contexts):
    heard, _, unread = hears(run, contexts, BEGIN)
    assert heard == Startup(3, 0, {"user": "alice", "database": "app"}, len(BEGIN))
    assert unread == b""


def test_whoever_asks_for_more_encryption_has_it_already(run, contexts):
    asked = startup.gssenc_request() + startup.ssl_request()
    heard, told, _ = hears(run, contexts, asked + BEGIN, answers=2)
    assert isinstance(heard, Startup)
    assert told == b"NN"


def test_a_cancel_request_is_heard_with_its_key(run, contexts):
    heard, _, _ = hears(run, contexts, startup.cancel(77, b"k" * 32))
    assert heard == Cancel(77, b"k" * 32)


def test_what_is_no_packet_is_refused_at_once(run, contexts):
    with pytest.raises(WireError, match="no PostgreSQL startup packet"):
        hears(run, contexts, b"GET / HTTP/1.1")


def test_who_ends_before_a_session_began_is_told_nothing(run, contexts):
    with pytest.raises(ConnectionResetError):
        hears(run, contexts, b"X\0\0\0\4")
