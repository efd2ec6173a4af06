import contextlib
import os
import socket
import threading

import pytest

from pgward.core.errors import LoginNeededError, PgwardError, UnavailableError
from pgward.system.unix_socket import unix_path
from pgward.tunnel.agent import client, protocol
from pgward.tunnel.agent.client import AgentAwayError, AgentClient, ask, running


@pytest.fixture
def home(tmp_path):
    (tmp_path / "run").mkdir(mode=0o700)
    return tmp_path


@pytest.fixture
def agent(home):
    """Answer each connection's first request with these bytes; a list is what was asked."""
    asked: list[bytes] = []
    threads = []
    server = socket.socket(socket.AF_UNIX)

    def agent(*answers: bytes, close: bool = True):
        server.bind(unix_path(client.socket_path(home)))
        server.listen()
        held = []

        def serve() -> None:
            for answer in answers:
                connection, _ = server.accept()
                asked.append(connection.recv(4096))
                with contextlib.suppress(BrokenPipeError):  # who asked has left
                    connection.sendall(answer)
                if close:
                    connection.close()
                else:
                    held.append(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        threads.append((thread, held))
        return asked

    yield agent
    for thread, held in threads:
        thread.join(10)
        for connection in held:
            connection.close()
    server.close()


def test_a_question_and_its_answer(home, agent):
    asked = agent(b'{"working":true}\n{"pid":7}\n')
    assert ask(home, "psql", service="orders") == {"pid": 7}
    assert asked == [b'{"op":"psql","service":"orders"}\n']


def test_an_error_is_raised(home, agent):
    agent(protocol.encode(protocol.failure(LoginNeededError())))
    with pytest.raises(LoginNeededError, match="you are not logged in"):
        ask(home, "connect")


def test_nobody_there(home):
    assert running(home) is None
    with pytest.raises(AgentAwayError, match="no agent runs") as caught:
        ask(home, "ping")
    assert caught.value.hint == "pgward agent start"


def test_no_home_at_all(tmp_path):
    assert running(tmp_path / "nothing") is None


def test_a_socket_that_a_dead_agent_left(home):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(unix_path(client.socket_path(home)))
    assert running(home) is None


def test_an_agent_that_ends_meanwhile(home, agent):
    agent(b'{"working":true}\n{"pi')
    with pytest.raises(AgentAwayError, match="the agent ended"):
        ask(home, "ping")


def test_an_agent_that_hangs(home, agent, monkeypatch):
    monkeypatch.setattr(protocol, "PATIENCE_SECONDS", 0.05)
    agent(b"", close=False)
    with pytest.raises(UnavailableError, match="the agent does not answer") as caught:
        ask(home, "ping")
    assert not isinstance(caught.value, AgentAwayError)


def test_an_agent_that_works_for_ever(home, agent, monkeypatch):
    monkeypatch.setattr(client, "MOST_SECONDS", 0.0)
    agent(b'{"working":true}\n', close=False)
    with pytest.raises(UnavailableError, match="the agent does not answer"):
        ask(home, "ping")


def test_an_agent_that_says_too_much(home, agent, monkeypatch):
    monkeypatch.setattr(protocol, "MAX_REPLY", 1000)
    agent(b"x" * 100_000)
    with pytest.raises(protocol.ProtocolError):
        ask(home, "ping")


def test_a_directory_that_others_may_enter_is_not_believed(home):
    (home / "run").chmod(0o755)
    with pytest.raises(PgwardError, match="is open to others") as caught:
        ask(home, "ping")
    assert caught.value.hint == f"chmod 700 {home / 'run'}"


def test_somebody_elses_process_is_not_believed(home, agent, monkeypatch):
    agent()
    monkeypatch.setattr(client, "mine", lambda _connection: False)
    with pytest.raises(AgentAwayError, match="is not yours"):
        ask(home, "ping")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_not_believed(home):
    os.chown(home / "run", 65534, 65534)
    with pytest.raises(PgwardError, match="is open to others"):
        AgentClient(home)
