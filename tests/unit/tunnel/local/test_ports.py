import errno
import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from pgward.core.errors import ConflictError
from pgward.tunnel.local import ports
from pgward.tunnel.local.registry import Registry

HELD = f"(pid {os.getpid()})"


@pytest.fixture
def registry(tmp_path, monkeypatch) -> Registry:
    """With a range of ports that is free here and now."""
    with socket.create_server((ports.HOST, 0)) as probe:
        first = probe.getsockname()[1]
    monkeypatch.setattr(ports, "FIRST_PORT", first)
    monkeypatch.setattr(ports, "LAST_PORT", first + 50)
    return Registry(tmp_path)


@pytest.fixture
def busy():
    with socket.create_server((ports.HOST, 0)) as server:
        yield server.getsockname()[1]


def listened(registry, service, wanted=None) -> tuple[int, str | None]:
    sock, notice = ports.listen(registry, service, wanted)
    with sock:
        assert sock.getsockname()[0] == "127.0.0.1"
        return sock.getsockname()[1], notice


def test_a_service_keeps_its_port(registry):
    port, notice = listened(registry, "orders")
    assert notice is None
    assert ports.FIRST_PORT <= port <= ports.LAST_PORT
    assert registry.remembered_port("orders") == port
    assert listened(registry, "orders") == (port, None)


def test_another_service_gets_another_port(registry):
    assert listened(registry, "orders")[0] != listened(registry, "billing")[0]


def test_a_busy_remembered_port_is_named_and_not_given_up(registry, busy):
    registry.remember_port("orders", busy)
    port, notice = listened(registry, "orders")
    assert port != busy
    assert notice is not None
    assert notice.startswith(f"port {busy} is taken by ")
    assert HELD in notice
    assert notice.endswith(f"; using {port} for now")
    assert registry.remembered_port("orders") == busy


def test_a_wanted_port_is_taken_and_remembered(registry):
    with socket.create_server((ports.HOST, 0)) as probe:
        free = probe.getsockname()[1]
    assert listened(registry, "orders", free) == (free, None)
    assert registry.remembered_port("orders") == free


def test_a_wanted_port_that_is_busy_names_its_holder_and_another(registry, busy):
    with pytest.raises(ConflictError) as caught:
        ports.listen(registry, "orders", busy)
    assert caught.value.message.startswith(f"port {busy} is taken by ")
    assert HELD in caught.value.message
    assert caught.value.hint is not None
    other = int(caught.value.hint.split()[1])
    assert listened(registry, "orders", other) == (other, None)
    assert registry.remembered_port("billing") is None


def test_any_port_is_not_remembered(registry):
    port, notice = listened(registry, "orders", 0)
    assert (port > 0, notice) == (True, None)
    assert registry.remembered_port("orders") is None


def test_a_port_that_only_the_administrator_may_use(registry, monkeypatch):
    real = socket.create_server

    def refused(address, **options):
        if address[1] == 7:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(address, **options)

    monkeypatch.setattr(ports.socket, "create_server", refused)
    monkeypatch.setattr(ports, "port_holder", lambda _port: None)
    with pytest.raises(ConflictError, match="port 7 is for the administrator"):
        ports.listen(registry, "orders", 7)


def test_a_whole_range_that_is_taken(registry, monkeypatch):
    monkeypatch.setattr(ports, "LAST_PORT", ports.FIRST_PORT)
    registry.remember_port("billing", ports.FIRST_PORT)
    port, _ = listened(registry, "orders")
    assert port != ports.FIRST_PORT


def test_no_port_at_all(registry, monkeypatch):
    def full(*_: object, **__: object):
        raise OSError(errno.EADDRINUSE, "in use")

    monkeypatch.setattr(ports.socket, "create_server", full)
    with pytest.raises(ConflictError, match="no free port"):
        ports.listen(registry, "orders", None)


def test_another_error_is_not_a_busy_port(registry, monkeypatch):
    def broken(*_: object, **__: object):
        raise OSError(errno.EADDRNOTAVAIL, "no loopback")

    monkeypatch.setattr(ports.socket, "create_server", broken)
    with pytest.raises(OSError, match="no loopback"):
        ports.listen(registry, "orders", None)


def test_a_port_is_reserved_before_any_tunnel(registry):
    port = ports.reserve(registry, "orders")
    assert ports.reserve(registry, "orders") == port != ports.reserve(registry, "billing")
    assert listened(registry, "orders") == (port, None)


def test_a_port_of_another_service_is_not_given_away(registry):
    port = ports.reserve(registry, "orders")
    with pytest.raises(ConflictError, match=f"^port {port} is reserved for orders$") as error:
        ports.listen(registry, "billing", port)
    assert re.fullmatch(r"--port \d+ is free", error.value.hint)
    assert registry.remembered_port("billing") is None
    assert listened(registry, "orders", port) == (port, None)


def test_many_at_once_get_ports_of_their_own(registry):
    names = [f"service-{number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: ports.reserve(registry, name), names))
    assert len(set(found)) == 24
    assert [registry.remembered_port(name) for name in names] == found
