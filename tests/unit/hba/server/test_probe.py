import socket
import threading
from contextlib import suppress

import pytest

from pgward.core.errors import UnavailableError
from pgward.hba.server import probe
from pgward.hba.server.probe import Answer


@pytest.fixture
def answering():
    """Start a server that answers its one connection with some bytes; gives its port."""
    listeners = []

    def start(answer: bytes) -> int:
        listener = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(8)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        listeners.append((listener, thread))
        return listener.getsockname()[1]

    yield start
    for listener, thread in listeners:
        thread.join(10)
        listener.close()


@pytest.mark.parametrize("answer", [b"N", b"", b"Sgarbage that is no TLS at all"])
def test_a_server_without_tls(answering, answer) -> None:
    with pytest.raises(UnavailableError):
        probe.presented("127.0.0.1", answering(answer))


def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(UnavailableError, match="cannot be reached"):
            probe.presented("127.0.0.1", unused.getsockname()[1])


def test_only_the_refusal_is_one() -> None:
    assert Answer("28000", "x").refused
    assert not Answer("3D000", "x").refused
    assert not Answer(None, "x").refused


@pytest.fixture
def demanding(tls_keys):
    """Start a server that speaks TLS to clients of one CA only; gives its port."""
    threads = []

    def start() -> int:
        context = tls_keys.edge_context()
        listener = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, listener:
                connection.recv(8)
                connection.sendall(b"S")
                with suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                    said = tls.recv(1024)
                    assert b"user\0pgward/probe\0" in said
                    tls.sendall(b"E\0\0\0\x0cC28000\0\0")

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return listener.getsockname()[1]

    yield start
    for thread in threads:
        thread.join(10)


def identity(tls_keys, ca, tmp_path):
    certificate, key = tls_keys.issue(ca, "pgward/probe")
    path = tmp_path / "probe.pem"
    path.write_bytes(key.read_bytes() + certificate.read_bytes())
    return path


def test_a_certificate_that_tls_lets_in(demanding, tls_keys, tmp_path) -> None:
    probe.with_certificate("127.0.0.1", demanding(), identity(tls_keys, tls_keys.users, tmp_path))


def test_a_certificate_that_tls_refuses(demanding, tls_keys, tmp_path) -> None:
    path = identity(tls_keys, tls_keys.servers, tmp_path)
    with pytest.raises(probe.NotTrustedError) as raised:
        probe.with_certificate("127.0.0.1", demanding(), path)
    assert raised.value.message == "unknown ca"


def test_a_certificate_for_nobody_there(tls_keys, tmp_path) -> None:
    path = identity(tls_keys, tls_keys.users, tmp_path)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(UnavailableError, match="cannot be reached"):
            probe.with_certificate("127.0.0.1", unused.getsockname()[1], path)
