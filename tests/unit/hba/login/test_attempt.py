import socket
import struct
import threading
from contextlib import suppress

import pytest

from pgward.hba.login import link
from pgward.hba.login.attempt import Login, attempt
from pgward.hba.login.link import Target
from pgward.hba.login.outcome import Encryption, Outcome
from pgward.pgwire import frontend, scram, startup
from pgward.pgwire.framing import message

OK = message(b"R", struct.pack("!I", 0))
READY = message(b"S", b"a\0b\0") + message(b"K", b"12345678") + message(b"Z", b"I")
ERROR = message(b"E", b"SFATAL\0C28000\0Mno entry\0\0")


def asks(number: int, more: bytes = b"") -> bytes:
    return message(b"R", struct.pack("!I", number) + more)


@pytest.fixture
def server():
    """Start a server that says each of these things, one after each thing it hears."""
    threads = []

    def start(*answers: bytes) -> Target:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, listener, suppress(OSError):
                connection.settimeout(10)
                for answer in answers:
                    heard.append(connection.recv(65536))
                    connection.sendall(answer)
                while connection.recv(65536):
                    pass

        heard.clear()
        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return Target("127.0.0.1", port, source="127.0.0.1")

    heard: list[bytes] = []
    start.heard = heard
    yield start
    for thread in threads:
        thread.join(10)


def tried(target: Target, encryption: Encryption = Encryption.NONE, **login):
    return attempt(target, encryption, None, Login("ann", "shop", **login))


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ((OK + READY,), Outcome.IN),
        ((OK + ERROR,), Outcome.AUTHENTICATED),
        ((ERROR,), Outcome.REFUSED),
        ((message(b"v", b"12345678") + message(b"N", b"") + OK + READY,), Outcome.IN),
        ((ERROR.replace(b"28000", b"28P01"),), Outcome.REFUSED),
        ((ERROR.replace(b"28000", b"53300"),), Outcome.BROKEN),  # too many connections
        ((ERROR.replace(b"28000", b"57P03"),), Outcome.BROKEN),  # it is shutting down
        ((asks(3),), Outcome.ASKED),
        ((asks(5, b"salt"),), Outcome.ASKED),
        ((asks(7),), Outcome.ASKED),
        ((asks(10, b"OAUTHBEARER\0\0"),), Outcome.ASKED),
        ((asks(11, b"r=x"),), Outcome.ASKED),
        ((asks(12, b"v=x"),), Outcome.ASKED),
        ((asks(999),), Outcome.ASKED),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), Outcome.BROKEN),
        ((message(b"Z", b"I"),), Outcome.BROKEN),  # ready before it knows who we are
        ((message(b"D", b"\0\0"),), Outcome.BROKEN),
        ((message(b"R", b"\0"),), Outcome.BROKEN),
        ((OK + message(b"N", b"") * 600,), Outcome.BROKEN),
    ],
)
def test_what_a_server_may_say(server, answers, outcome) -> None:
    assert tried(server(*answers)).outcome is outcome


def test_a_password_is_given_in_clear_text_only_where_that_is_known(server) -> None:
    assert tried(server(asks(3)), password="secret").outcome is Outcome.ASKED
    assert b"secret" not in b"".join(server.heard)
    seen = tried(server(asks(3), OK + READY), password="secret", plainly=True)
    assert seen.outcome is Outcome.IN
    assert server.heard[1] == frontend.password("secret")


def test_a_server_that_plays_scram_without_knowing_the_password(server) -> None:
    target = server(asks(10, b"SCRAM-SHA-256\0\0"), asks(11, b"r=mine,s=AA==,i=4096"))
    seen = tried(target, password="secret")
    assert (seen.outcome, seen.detail) == (Outcome.BROKEN, "the server's SCRAM answer is none")
    assert scram.MECHANISM.encode() in server.heard[1]
    assert b"secret" not in b"".join(server.heard)


def test_nothing_is_relayed_where_nothing_is_bound(server) -> None:
    seen = tried(server(asks(10, b"SCRAM-SHA-256\0\0")), password="secret", relayed=True)
    assert (seen.outcome, seen.detail) == (
        Outcome.NOT_TRIED,
        "the server offers no channel binding",
    )


def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        seen = tried(Target("127.0.0.1", unused.getsockname()[1]))
    assert (seen.outcome, seen.detail) == (
        Outcome.NOT_TRIED,
        "cannot connect: connection refused",
    )
    seen = tried(Target(None, path="/nonexistent/.s.PGSQL.1"))
    assert seen.outcome is Outcome.NOT_TRIED


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"N", Outcome.NO_TLS),
        (b"SS", Outcome.BROKEN),
        (b"E", Outcome.BROKEN),
        (b"Sno TLS at all, but words", Outcome.BROKEN),
    ],
)
def test_what_may_come_instead_of_tls(server, answer, outcome) -> None:
    assert tried(server(answer), Encryption.TLS).outcome is outcome
    assert server.heard == [startup.ssl_request()]


def test_a_server_that_is_silent_or_never_ends(server, monkeypatch) -> None:
    monkeypatch.setattr(link, "SECONDS", 0.2)
    seen = tried(server(b""))
    assert seen.outcome is Outcome.BROKEN


def test_an_end_without_a_word() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    seen = tried(Target("127.0.0.1", listener.getsockname()[1]))
    thread.join(10)
    listener.close()
    assert seen.outcome is Outcome.BROKEN
