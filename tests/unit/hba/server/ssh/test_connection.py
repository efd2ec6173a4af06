import builtins

import pytest

from pgward.core.errors import DeniedError, PgwardError, UnavailableError
from pgward.hba.server.ssh import connection as module
from pgward.hba.server.ssh.connection import Connection, Done, Held
from pgward.hba.server.ssh.target import Target

pytestmark = pytest.mark.integration


def test_commands(sshd) -> None:
    with sshd.connection() as connection:
        done = connection.run("cat; echo bad >&2; exit 3", b"\0in")
        assert done == Done(3, b"\0in", "bad\n")
        assert done.said == "bad"
        assert connection.run("cat", b"", 30) == Done(0, b"", "")
        with pytest.raises(TimeoutError):
            connection.run("sleep 60", timeout=0.2)


def test_a_command_that_is_held(sshd) -> None:
    with sshd.connection() as connection:
        held = connection.hold("echo held; exec cat", 30)
        assert isinstance(held, Held)
        held.release()
        assert connection.hold("echo no; exit 7", 30) == Done(7, b"no\n", "")


def test_a_port_from_there(sshd) -> None:
    with sshd.connection() as connection, connection.dial("127.0.0.1", sshd.port, 10) as link:
        assert link.recv(8) == b"SSH-2.0-"
    with sshd.connection() as connection, pytest.raises(ConnectionRefusedError, match="refused"):
        connection.dial("127.0.0.1", 1, 10)


def test_a_connection_that_is_lost(sshd) -> None:
    with sshd.connection() as connection:
        assert sshd.cut() >= 1
        with pytest.raises(UnavailableError, match=r"SSH connection to .* (was lost|failed)"):
            connection.run("true")


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
