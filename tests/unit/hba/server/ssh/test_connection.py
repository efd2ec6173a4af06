import builtins
import contextlib
import socket
import threading

import pytest

from pgward.core.errors import DeniedError, PgwardError, UnavailableError
from pgward.hba.server.ssh import connection as module
from pgward.hba.server.ssh.connection import Connection, Done
from pgward.hba.server.ssh.target import Target

pytestmark = pytest.mark.integration


def test_what_a_command_said_last() -> None:
    assert Done(1, b"", "a\nsh: 1: x: Not found\n").said == "not found"
    assert Done(7, b"", "").said == "exit code 7"


def test_a_port_from_there(sshd) -> None:
    with sshd.connection() as connection, connection.dial("127.0.0.1", sshd.port, 10) as link:
        assert link.recv(8) == b"SSH-2.0-"
    with sshd.connection() as connection, pytest.raises(ConnectionRefusedError, match="refused"):
        connection.dial("127.0.0.1", 1, 10)


def test_a_machine_that_never_answers(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(module, "_LOGIN_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = Target("127.0.0.1", "ann", silent.getsockname()[1])
        with (
            pytest.raises(UnavailableError, match="ann@127"),
            Connection(target, known_hosts=tmp_path / "none"),
        ):
            pass


@pytest.mark.parametrize(
    "said", [b"\0" * 100_000, b"SSH-2.0-x\r\n" + b"\xff" * 5000, b"a\n" * 9999]
)
def test_a_machine_that_speaks_something_else(said, tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as liar:

        def lie() -> None:
            link, _ = liar.accept()
            with link, contextlib.suppress(OSError):
                link.sendall(said)
                link.shutdown(socket.SHUT_WR)
                link.recv(1000)

        thread = threading.Thread(target=lie)
        thread.start()
        target = Target("127.0.0.1", "ann", liar.getsockname()[1])
        with (
            pytest.raises(UnavailableError, match="SSH connection to ann@127"),
            Connection(target, known_hosts=tmp_path / "none"),
        ):
            pass
        thread.join(10)


def test_a_host_key_that_is_not_known(sshd, tmp_path) -> None:
    (tmp_path / "known_hosts").touch()
    target = Target.parse(sshd.target)
    with (
        pytest.raises(DeniedError, match=r"the host key of .* is not known") as caught,
        Connection(target, key=sshd.key, known_hosts=tmp_path / "known_hosts"),
    ):
        pass
    assert "known_hosts" in caught.value.hint


def test_a_host_key_that_is_another(sshd, tmp_path) -> None:
    other = (sshd.directory / "key.pub").read_text()
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{sshd.port} {other}")
    target = Target.parse(sshd.target)
    with (
        pytest.raises(DeniedError, match="not the known one"),
        Connection(target, key=sshd.key, known_hosts=tmp_path / "known_hosts"),
    ):
        pass


def test_a_key_that_nobody_lets_in(sshd) -> None:
    target = Target.parse(sshd.target)
    key = sshd.directory / "host_key"
    with (
        pytest.raises(DeniedError, match="lets nobody in with your keys"),
        Connection(target, key=key, known_hosts=sshd.known_hosts),
    ):
        pass


def test_nobody_there(sshd) -> None:
    target = Target("127.0.0.1", "ann", 1)
    with (
        pytest.raises(UnavailableError, match="SSH connection to ann@127"),
        Connection(target, key=sshd.key, known_hosts=sshd.known_hosts),
    ):
        pass


def test_without_the_library(monkeypatch) -> None:
    real = builtins.__import__

    def missing(name: str, *arguments: object) -> object:
        if name == "asyncssh":
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(PgwardError, match="--ssh needs the package asyncssh") as caught:
        module._library()
    assert caught.value.hint == "pip install 'pgward[ssh]'"
