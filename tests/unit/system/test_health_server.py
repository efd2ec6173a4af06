import json
import socket
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest

from pgward.core.address import Address
from pgward.core.errors import ConflictError, NotFoundError, UnavailableError
from pgward.hba.agent.report import Report
from pgward.hba.agent.runner import Standing
from pgward.system import health_server as health
from pgward.system.files import StorageError
from pgward.system.health_server import HealthServer, StatusSocket

MISSING = NotFoundError("no agent runs")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def report(*problems):
    duty = Standing("alarm", 1, 0, NOW, problems)
    return Report("db1", 7, True, [duty], 0, None, 0, 0)


@pytest.fixture
def now():
    return [report()]


@pytest.fixture
def server(now):
    made = HealthServer(Address("127.0.0.1", 0), lambda: now[0])
    yield made
    made.close()


def get(server, path):
    try:
        with urllib.request.urlopen(f"http://{server.address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_process_lives(server, now):
    now[0] = report("everyone will be refused")
    assert get(server, "/healthz") == (200, '{"status":"ok"}\n')


def test_ready_is_whoever_does_every_duty(server, now):
    assert get(server, "/readyz?x") == (200, '{"status": "ok", "checks": {"alarm": "ok"}}\n')
    now[0] = report("everyone will be refused")
    status, body = get(server, "/readyz")
    assert (status, json.loads(body)["checks"]) == (503, {"alarm": "failed"})
    assert "refused" not in body


def test_metrics_and_nothing_else(server):
    assert 'pgward_hba_agent_duty_ok{duty="alarm"} 1' in get(server, "/metrics")[1]
    assert get(server, "/etc/passwd") == (404, "not found\n")


def test_who_says_nothing_keeps_nobody_out(server):
    silent = [socket.create_connection((server.address.host, server.address.port))]
    assert get(server, "/healthz")[0] == 200
    for each in silent:
        each.close()


def test_an_address_that_is_taken(server):
    with pytest.raises(ConflictError, match="cannot listen on"):
        HealthServer(server.address, report)


def test_the_status_is_for_the_account_itself(tmp_path):
    path = tmp_path / "agent.sock"
    path.write_text("left by one that was killed")
    made = StatusSocket(path, lambda: report("x"))
    assert path.stat().st_mode & 0o177 == 0
    assert health.ask(path, missing=MISSING) == report("x").facts()
    made.close()
    with pytest.raises(NotFoundError, match="no agent runs"):
        health.ask(path, missing=MISSING)


def test_a_place_where_none_can_be_made(tmp_path):
    with pytest.raises(StorageError):
        StatusSocket(tmp_path / "none" / "agent.sock", report)


def test_a_socket_that_nobody_listens_on(tmp_path):
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
    with pytest.raises(NotFoundError):
        health.ask(path, missing=MISSING)


@pytest.mark.parametrize("said", [b"", b'{"ok":'])
def test_an_agent_that_goes_away_while_it_answers(tmp_path, said):
    path = tmp_path / "agent.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()

        def answer():
            connection, _ = sock.accept()
            with connection:
                connection.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(UnavailableError, match="went away"):
            health.ask(path, missing=MISSING)
        thread.join()


def test_another_agents_socket_in_its_place_is_left_alone(tmp_path):
    path = tmp_path / "agent.sock"
    made = StatusSocket(path, report)
    path.rename(tmp_path / "old")
    other = StatusSocket(path, report)
    made.close()
    assert health.ask(path, missing=MISSING)["host"] == "db1"
    other.close()
    assert not path.exists()
