import os
import re
import socket
from contextlib import ExitStack

import pytest

from pgward.core.address import Address
from pgward.core.errors import ConflictError
from pgward.tunnel.edge.listening import address_of, bind, bind_all, reserve_all

LOOPBACK = Address("127.0.0.1", 0)
EVERY, EVERY_V4 = Address("::", 0), Address("0.0.0.0", 0)


def has_ipv6() -> bool:
    try:
        bind(Address("::1", 0)).close()
    except ConflictError:
        return False
    return True


with_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def come(listener: socket.socket, host: str) -> Address:
    """Connect from an address of this machine; return what the listener sees of that."""
    with socket.create_connection((host, listener.getsockname()[1]), 5) as client:
        accepted, name = listener.accept()
        accepted.close()
        assert address_of(name).port == client.getsockname()[1]
        return address_of(name)


def closed(sockets) -> bool:
    return all(each.fileno() == -1 for each in sockets)


def test_a_listener_at_a_free_port():
    with bind(LOOPBACK) as listener:
        assert come(listener, "127.0.0.1").host == "127.0.0.1"


@with_ipv6
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("host", ["::", "0:0::0"])
def test_every_address_is_those_of_ipv4_as_well(host, shared):
    with bind(Address(host, 0), shared=shared) as listener:
        assert come(listener, "127.0.0.1").host == "127.0.0.1"
        assert come(listener, "::1").host == "::1"


@with_ipv6
def test_one_address_is_that_one():
    with bind(Address("::1", 0)) as listener:
        assert come(listener, "::1").host == "::1"
        with pytest.raises(ConnectionRefusedError):
            come(listener, "127.0.0.1")


@with_ipv6
@pytest.mark.parametrize("make", [bind_all, reserve_all])
@pytest.mark.parametrize("first", [0, 1])
def test_both_families_by_themselves_on_one_port(make, first):
    with bind(EVERY) as probe:
        port = probe.getsockname()[1]
    wanted = [Address("::", port), Address("127.0.0.1", port)]
    with ExitStack() as opened:
        made = [opened.enter_context(each) for each in make([wanted[first], wanted[1 - first]])]
        assert sorted(address_of(each.getsockname()).host for each in made) == ["127.0.0.1", "::"]


@with_ipv6
def test_every_address_is_not_free_while_somebody_has_that_port_by_ipv4():
    with bind(EVERY_V4) as taken:
        wanted = Address("::", taken.getsockname()[1])
        for call in (bind, lambda each: reserve_all([each]), lambda each: bind_all([each])):
            with pytest.raises(ConflictError, match=r"cannot listen on \[::\]:.* already in use"):
                call(wanted)


def test_a_busy_port_names_its_holder():
    with bind(LOOPBACK) as listener:
        address = address_of(listener.getsockname())
        for call in (bind, lambda each: reserve_all([each])):
            with pytest.raises(
                ConflictError,
                match=rf"{address}: address already in use, held by .*\(pid {os.getpid()}\)",
            ):
                call(address)


def test_the_option_is_named_that_gave_the_address():
    with bind(LOOPBACK) as listener, pytest.raises(ConflictError) as caught:
        bind(address_of(listener.getsockname()), option="--metrics")
    assert caught.value.hint == "choose another address with --metrics"


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid"])
def test_an_address_that_is_not_ours(host):
    address = Address(host, 0)
    for call in (bind, lambda each: reserve_all([each])):
        with pytest.raises(ConflictError, match=re.escape(f"cannot listen on {address}: ")):
            call(address)


@pytest.mark.parametrize("make", [bind_all, reserve_all])
def test_none_is_left_open_if_one_cannot_be(make):
    with bind(LOOPBACK) as taken:
        with bind(LOOPBACK) as probe:
            free = address_of(probe.getsockname())
        with pytest.raises(ConflictError):
            make([free, address_of(taken.getsockname())])
        bind(free).close()


def test_a_reserved_port_leaves_every_connection_to_the_workers():
    (held,) = reserve_all([LOOPBACK])
    address = address_of(held.getsockname())
    with held, bind(address, shared=True) as one, bind(address, shared=True) as other:
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
    (held,) = reserve_all([LOOPBACK])
    address = address_of(held.getsockname())
    with held, bind(address, shared=True), pytest.raises(ConflictError):
        reserve_all([address])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (("192.0.2.1", 5), "192.0.2.1:5"),
        (("::ffff:192.0.2.1", 5, 0, 0), "192.0.2.1:5"),
        (("2001:db8::1", 5, 0, 0), "[2001:db8::1]:5"),
        (("fe80::1%eth0", 5, 0, 2), "[fe80::1%eth0]:5"),
    ],
)
def test_what_an_address_is_called(name, shown):
    assert str(address_of(name)) == shown
