import socket
import threading
import time
from contextlib import suppress

import pytest

from pgward.hba.login import shown
from pgward.hba.login.attempt import Login, attempt
from pgward.hba.login.link import EndedError, Link, Target, connected
from pgward.hba.login.outcome import Encryption, Outcome


@pytest.fixture
def demanding(tls_keys):
    """Start a server that speaks TLS to clients of one CA only; gives where."""
    threads, listeners = [], []

    def start(*, direct: bool = False) -> Target:
        context = tls_keys.edge_context()
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            with listener, suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        if not direct:
                            connection.recv(8)
                            connection.sendall(b"S")
                        with context.wrap_socket(connection, server_side=True) as tls:
                            tls.recv(1024)
                            tls.sendall(b"E\0\0\0\x0cC28000\0\0")

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return Target("127.0.0.1", listener.getsockname()[1])

    yield start
    for listener, thread in zip(listeners, threads, strict=True):
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        thread.join(15)


def of(tls_keys, ca):
    certificate, key = tls_keys.issue(ca, "ann")
    return shown.read(certificate.read_bytes(), key.read_bytes(), "here")


LOGIN = Login("ann", "shop")


@pytest.mark.parametrize("direct", [False, True])
def test_a_certificate_that_tls_lets_in(demanding, tls_keys, direct) -> None:
    encryption = Encryption.DIRECT if direct else Encryption.TLS
    seen = attempt(demanding(direct=direct), encryption, of(tls_keys, tls_keys.users), LOGIN)
    assert (seen.outcome, seen.code) == (Outcome.REFUSED, "28000")


def test_a_certificate_that_tls_refuses_behind_the_handshake(demanding, tls_keys) -> None:
    seen = attempt(demanding(), Encryption.TLS, of(tls_keys, tls_keys.servers), LOGIN)
    assert (seen.outcome, seen.detail) == (Outcome.TLS_REFUSED, "unknown ca")


def test_no_certificate_where_one_is_wanted(demanding) -> None:
    seen = attempt(demanding(), Encryption.TLS, None, LOGIN)
    assert (seen.outcome, seen.detail) == (Outcome.TLS_REFUSED, "certificate required")


@pytest.mark.parametrize("encryption", [Encryption.TLS_1_0, Encryption.TLS_1_1])
def test_an_old_version_that_the_server_refuses(demanding, encryption) -> None:
    seen = attempt(demanding(), encryption, None, LOGIN)
    assert (seen.outcome, seen.detail) == (Outcome.TLS_REFUSED, "protocol version")


def test_one_deadline_for_a_peer_that_drips() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        link = Link(ours, 0.3)
        theirs.sendall(b"a")
        assert link.receive() == b"a"
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            link.receive()
        with pytest.raises(TimeoutError, match=r"within 0\.3 seconds"):
            link.receive()
        assert time.monotonic() - started < 5
        link.extend(5)
        theirs.sendall(b"b")
        assert link.receive() == b"b"


def test_a_peer_that_is_gone() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        link = Link(ours, 1)
        link.send(b"x")
        assert link.receive() == b""
        assert link.readable(0.1) == b""


def test_no_socket() -> None:
    with pytest.raises(EndedError), connected(Target(None, path="/nonexistent")):
        raise AssertionError
    assert str(Target(None, path="/x")) == "local"
