import socket
import struct
import sys

import pytest

from pgward.tunnel.local import counters
from pgward.tunnel.local.counters import counted


@pytest.fixture
def pair():
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        with client, accepted:
            yield client, accepted


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's counters")
def test_what_came_and_what_went(pair):
    client, accepted = pair
    client.sendall(b"x" * 1000)
    accepted.sendall(b"y" * 50)
    assert accepted.recv(1000, socket.MSG_WAITALL) == b"x" * 1000
    assert client.recv(50, socket.MSG_WAITALL) == b"y" * 50
    client.sendall(b"z")  # carries the acknowledgement
    assert accepted.recv(1) == b"z"
    assert counted(accepted) == (1001, 50)


def test_nobody_counts_for_a_unix_socket_or_one_that_is_closed(pair):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert counted(ours) is None
    pair[0].close()
    assert counted(pair[0]) is None


class OfMacos:
    family = socket.AF_INET

    def __init__(self, size: int = 256) -> None:
        self.size = size

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert (level, option, size) == (socket.IPPROTO_TCP, 0x106, 256)
        info = bytes(64) + struct.pack("=QQQQ", 70, 1, 2, 90)
        return info.ljust(256, b"\0")[: self.size]


def test_on_macos(monkeypatch):
    monkeypatch.setattr(counters.sys, "platform", "darwin")
    assert counted(OfMacos()) == (90, 70)
    assert counted(OfMacos(60)) is None


def test_an_old_kernel_does_not_tell(monkeypatch, pair):
    monkeypatch.setattr(counters, "_MOST", 100)
    assert counted(pair[0]) is None
