import os
import socket

import pytest

from pgward.core.address import Address
from pgward.core.errors import ConflictError
from pgward.tunnel.edge.server import EdgeSettings, bind, reserve


@pytest.mark.parametrize(
    ("all_of_them", "chosen", "most"),
    [(10_000, None, 2_000), (100, 90, 90), (50, None, 10), (3, None, 1)],
)
def test_one_person_gets_a_fifth_unless_told_otherwise(tmp_path, all_of_them, chosen, most):
    settings = EdgeSettings(tmp_path, max_connections=all_of_them, max_connections_per_user=chosen)
    assert settings.most_per_user == most


def test_a_listener_at_a_free_port():
    with bind(Address("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        client.close()
        accepted.close()


def test_a_busy_port_names_its_holder():
    with bind(Address("127.0.0.1", 0)) as listener:
        address = Address("127.0.0.1", listener.getsockname()[1])
        for call in (bind, reserve):
            with pytest.raises(
                ConflictError,
                match=rf"{address}: address already in use, held by .*\(pid {os.getpid()}\)",
            ):
                call(address)


def test_an_address_that_is_not_ours():
    for call in (bind, reserve):
        with pytest.raises(ConflictError, match=r"cannot listen on 192\.0\.2\.1:0"):
            call(Address("192.0.2.1", 0))


def test_a_reserved_port_leaves_every_connection_to_the_workers():
    with reserve(Address("127.0.0.1", 0)) as held:
        address = Address("127.0.0.1", held.getsockname()[1])
        with bind(address, shared=True) as one, bind(address, shared=True) as other:
            one.setblocking(False)
            other.setblocking(False)
            clients = [socket.create_connection(held.getsockname()) for _ in range(40)]
            accepted = []
            for listener in (one, other):
                while True:
                    try:
                        accepted.append(listener.accept()[0])
                    except BlockingIOError:
                        break
            for sock in (*clients, *accepted):
                sock.close()
            assert len(accepted) == 40


def test_a_second_edge_cannot_share_a_port_unasked():
    with reserve(Address("127.0.0.1", 0)) as held:
        address = Address("127.0.0.1", held.getsockname()[1])
        with bind(address, shared=True), pytest.raises(ConflictError):
            reserve(address)
