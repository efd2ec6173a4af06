import socket
import sys

import pytest

from pgward.demo.ports import HOST, reserved


def test_a_server_can_listen_on_a_reserved_port():
    with reserved() as port, socket.create_server((HOST, port)) as server:
        assert server.getsockname() == (HOST, port)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the port is only chosen")
def test_nobody_who_wants_any_port_is_given_a_reserved_one():
    with reserved() as port, socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((HOST, port))


def test_two_reservations_differ():
    with reserved() as first, reserved() as second:
        assert first != second
