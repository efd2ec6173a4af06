import errno
import os
import socket

import pytest

from pgward.tunnel.local import peer
from pgward.tunnel.local.peer import is_mine

NOBODY = 65534
FAMILIES = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]


@pytest.fixture(params=FAMILIES, ids=["IPv4", "IPv6"])
def listener(request):
    family, host = request.param
    try:
        made = socket.create_server((host, 0), family=family)
    except OSError as error:
        pytest.skip(f"no {host} here: {error}")
    with made:
        yield made


def connect(listener: socket.socket) -> socket.socket:
    return socket.create_connection(listener.getsockname()[:2])


def accepted_from(listener: socket.socket, uid: int, *, stays: bool) -> socket.socket:
    """Return a connection that a process of another user makes, and leaves if it does not stay."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.setuid(uid)
            client = connect(listener)
            client.sendall(b"x")
            if stays:
                os.read(reader, 1)
        finally:
            os._exit(0)
    os.close(reader)
    accepted, _ = listener.accept()
    if not stays:
        os.waitpid(pid, 0)
    mine = is_mine(accepted)
    os.close(writer)
    if stays:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    accepted.close()
    return mine


def test_a_process_of_mine(listener):
    with connect(listener) as client:
        accepted, _ = listener.accept()
        with accepted:
            assert is_mine(accepted)
            client.shutdown(socket.SHUT_WR)
            assert is_mine(accepted)


def test_one_that_is_gone_is_nobodys(listener):
    """Older kernels report root as its owner: anyone could write into root's tunnel."""
    connect(listener).close()
    accepted, _ = listener.accept()
    with accepted:
        assert not is_mine(accepted)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("stays", [True, False])
def test_another_users_process(listener, stays):
    assert not accepted_from(listener, NOBODY, stays=stays)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_roots_process_is_not_everyones(listener):
    with connect(listener):
        accepted, _ = listener.accept()
        pid = os.fork()
        if not pid:
            code = 2
            try:
                os.setuid(NOBODY)
                code = int(is_mine(accepted))
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        accepted.close()


def test_a_unix_socket_lies_in_a_directory_of_mine():
    one, other = socket.socketpair()
    with one, other:
        assert is_mine(one)


# --- where the kernel does not tell -------------------------------------------------------


def test_elsewhere_the_processes_are_searched(listener, monkeypatch):
    monkeypatch.delattr(peer.socket, "AF_NETLINK")
    with connect(listener):
        accepted, _ = listener.accept()
        with accepted:
            assert is_mine(accepted)


def test_a_sandbox_without_sock_diag(listener, monkeypatch):
    def refused(*_: object) -> None:
        raise OSError(errno.EPROTONOSUPPORT, "no sock_diag")

    monkeypatch.setattr(peer, "_peer_uid", refused)
    with connect(listener):
        accepted, _ = listener.accept()
        with accepted:
            assert is_mine(accepted)
    connect(listener).close()
    accepted, _ = listener.accept()
    with accepted:
        assert not is_mine(accepted)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_my_connection_lends_its_port_to_nobody(monkeypatch):
    monkeypatch.delattr(peer.socket, "AF_NETLINK")
    with socket.create_server(("127.0.0.1", 0)) as listener, connect(listener) as mine:
        first, _ = listener.accept()
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            os.setuid(NOBODY)
            other = socket.socket()
            other.bind(("127.0.0.2", mine.getsockname()[1]))
            other.connect(listener.getsockname())
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        second, _ = listener.accept()
        with first, second:
            assert is_mine(first)
            assert not is_mine(second)
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)


def test_another_error_of_the_kernel_lets_nobody_in(listener, monkeypatch):
    def refused(*_: object) -> None:
        raise OSError(errno.ENOBUFS, "no buffer")

    monkeypatch.setattr(peer, "_peer_uid", refused)
    with connect(listener):
        accepted, _ = listener.accept()
        with accepted, pytest.raises(OSError, match="no buffer"):
            is_mine(accepted)
