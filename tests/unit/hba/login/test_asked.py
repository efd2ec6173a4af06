import socket
import ssl
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.login import asked
from pgward.hba.login.asked import NotAskedError
from pgward.hba.login.link import Target


def vector(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width) + data


def flight(*names: bytes) -> bytes:
    listed = b"".join(vector(name, 2) for name in names)
    body = vector(b"\1", 1) + vector(b"\4\3", 2) + vector(listed, 2)
    hello = b"\2" + vector(b"x" * 20, 3)
    messages = hello + b"\x0d" + vector(body, 3) + b"\x0e\0\0\0"
    # In two records, cut in the middle of a message.
    return b"".join(b"\x16\3\3" + vector(each, 2) for each in (messages[:30], messages[30:]))


def test_names_over_several_records() -> None:
    assert asked.names(flight(b"one", b"two")) == (b"one", b"two")
    assert asked.names(flight()) == ()


@pytest.mark.parametrize(
    "data", [b"", b"\x15\3\3\0\2\2\x28", flight(b"one")[:-20], b"\x16\3\3\0\0"]
)
def test_no_request(data) -> None:
    with pytest.raises(NotAskedError):
        asked.names(data)


@given(st.binary(max_size=200))
def test_any_bytes(data) -> None:
    for each in (data, b"\x16\3\3" + vector(b"\x0d" + vector(data, 3), 2)):
        try:
            found = asked.names(each)
        except NotAskedError:
            continue
        assert isinstance(found, tuple)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_asks(tls_keys, newest) -> None:
    context = tls_keys.edge_context()
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_2, newest
    context.verify_mode = ssl.CERT_OPTIONAL
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(8)
            connection.sendall(b"S")
            with context.wrap_socket(connection, server_side=True):
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    found = asked.ask(Target("127.0.0.1", listener.getsockname()[1]))
    thread.join(10)
    listener.close()
    assert found == ()  # for any, as Python's servers do


def test_nobody_there() -> None:
    with pytest.raises(NotAskedError, match="cannot connect"):
        asked.ask(Target(None, path="/nonexistent"))
