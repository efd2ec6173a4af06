import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from pgward.core.errors import DeniedError, LoginNeededError, NotFoundError, UnavailableError
from pgward.programs import connector as module
from pgward.programs import own_tunnel
from pgward.programs.connector import Connector
from pgward.tunnel.local.registry import Registry
from tests.fixtures.services import entry, offer, running, take_away


@pytest.fixture
def opened(monkeypatch):
    """The tunnels that were opened; none is a process."""
    found = []

    def open_for(pid, service, home):
        found.append((pid, service, home))
        return running(service, "127.0.0.1", 17000 + len(found))

    monkeypatch.setattr(own_tunnel, "open_for", open_for)
    return found


@pytest.fixture
def home(logged_in, fake_ca, tmp_path, opened):  # noqa: ARG001 - what each test needs around it
    offer(fake_ca, entry("orders"))
    return tmp_path / "home"


@pytest.fixture
def connector(home):
    return Connector("orders", home=home)


def test_nobody_is_logged_in(tmp_path):
    with pytest.raises(LoginNeededError, match="you are not logged in") as error:
        Connector("orders", home=tmp_path / "none").facts()
    assert error.value.hint == "pgward login"


def test_the_home_is_that_of_the_command(monkeypatch, home):
    monkeypatch.setenv("PGWARD_HOME", str(home))
    assert Connector("orders").facts().host == "db1.test"


def test_a_tunnel_is_opened_once(connector, home, opened):
    assert [connector.facts().port for _ in range(3)] == [17001] * 3
    assert opened == [(os.getpid(), "orders", home)]


def test_a_tunnel_that_is_open_is_used(connector, home, opened):
    Registry(home).add(running("orders", "127.0.0.1", 18000))
    assert connector.facts().port == 18000
    assert opened == []
    Registry(home).remove("orders")
    assert connector.facts().port == 17001


def test_a_tunnel_that_ended_is_opened_again(connector, monkeypatch):
    assert connector.facts().port == 17001
    monkeypatch.setattr("pgward.system.process.ProcessId.alive", lambda _: False)
    assert connector.facts().port == 17002


def test_a_tunnel_is_lost_when_nothing_listens(connector, monkeypatch):
    facts = connector.facts()
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert connector.lost(replace(facts, port=server.getsockname()[1])) is False
        closed = replace(facts, port=server.getsockname()[1])
    assert connector.lost(closed) is True
    assert connector.facts().port == 17001  # that was another's
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert connector.lost(facts) is True
    assert connector.facts().port == 17002
    monkeypatch.setattr(socket, "create_connection", time_out)
    assert connector.lost(facts) is False


def refuse(*_arguments):
    raise ConnectionRefusedError


def time_out(*_arguments):
    raise TimeoutError


def test_an_agent_that_runs_opens_the_tunnel(connector, home, opened, monkeypatch):
    asked = []

    def ask(place, op, **fields):
        asked.append((place, op, fields))
        held = running("orders", "127.0.0.1", 18000)
        return {"running": {name: getattr(held, name) for name in held.__slots__}, "new": True}

    monkeypatch.setattr(module, "ask", ask)
    assert connector.facts().port == 18000
    assert asked == [(home, "connect", {"service": "orders", "port": None, "socket": False})]
    assert opened == []


def test_an_agents_tunnel_on_a_unix_socket_is_none_for_a_port(connector, opened, monkeypatch):
    held = running("orders", "/run/somewhere", 5432)
    fields = {name: getattr(held, name) for name in held.__slots__}
    monkeypatch.setattr(module, "ask", lambda *_, **__: {"running": fields, "new": False})
    assert connector.facts().port == 17001
    assert len(opened) == 1


def test_what_the_agent_says_is_raised(connector, monkeypatch):
    def ask(*_arguments, **_fields):
        raise DeniedError("your account is blocked")

    monkeypatch.setattr(module, "ask", ask)
    with pytest.raises(DeniedError, match="your account is blocked"):
        connector.facts()


def test_the_native_way_needs_no_tunnel(home, opened):
    facts = Connector("orders", home=home, native=True, host="10.0.0.7", port=5433).facts()
    assert (facts.host, facts.address, facts.port) == ("db1.test", "10.0.0.7", 5433)
    assert opened == []
    assert Connector("orders", home=home, native=True).lost(facts) is False


def test_the_ca_is_asked_now_and_then(connector, fake_ca, monkeypatch):
    connector.facts()
    fake_ca.requests.clear()
    offer(fake_ca, entry("orders", database="orders2"))
    assert connector.facts().database == "app"
    assert fake_ca.calls == []
    later = module.time.monotonic() + 301
    monkeypatch.setattr(module.time, "monotonic", lambda: later)
    assert connector.facts().database == "orders2"


def test_the_certificate_is_renewed(connector, fake_ca, monkeypatch):
    connector.facts()
    fake_ca.requests.clear()
    monkeypatch.setattr(module, "RENEW_BEFORE", timedelta(hours=3))
    monkeypatch.setattr(
        "pgward.client.session.Session._due", lambda _self, margin: margin > timedelta(hours=2)
    )
    connector.facts()
    assert fake_ca.calls[-1] == "POST /v1/certificates/login"


def test_while_the_ca_is_away_the_certificate_does(connector, fake_ca, monkeypatch):
    connector.facts()
    take_away(fake_ca)
    monkeypatch.setattr("pgward.client.session.Session._due", lambda *_: True)
    assert connector.facts().port == 17001
    monkeypatch.setattr(module.SystemClock, "now", lambda _: connector._finder.session.not_after)
    with pytest.raises((UnavailableError, LoginNeededError)):
        connector.facts()


def test_a_service_that_is_not_there(home):
    with pytest.raises(NotFoundError, match="there is no service 'order' for you"):
        Connector("order", home=home).facts()


def test_what_the_tunnel_says_is_raised(connector, monkeypatch):
    def refused(*_arguments):
        raise DeniedError("your account is blocked")

    monkeypatch.setattr(own_tunnel, "open_for", refused)
    with pytest.raises(DeniedError, match="your account is blocked"):
        connector.facts()


def test_many_threads_open_one_tunnel(connector, opened):
    with ThreadPoolExecutor(16) as pool:
        found = {each.port for each in pool.map(lambda _: connector.facts(), range(64))}
    assert (found, len(opened)) == ({17001}, 1)


def test_closing_ends_the_tunnel_of_ones_own(connector, monkeypatch):
    stopped = []

    def stop(process, *, timeout):
        stopped.append((process.pid, timeout))

    monkeypatch.setattr("pgward.system.process.ProcessId.stop", stop)
    connector.close()
    connector.facts()
    connector.close()
    connector.close()
    assert stopped == [(os.getpid(), 10)]
    assert connector.facts().port == 17002


def test_a_forked_child_opens_a_tunnel_of_its_own(connector, monkeypatch):
    stopped = []
    monkeypatch.setattr("pgward.system.process.ProcessId.stop", stopped.append)
    connector.facts()
    with connector._lock:  # as another thread of the parent may hold it
        module._forget_all()
        assert connector.facts().port == 17002
    assert stopped == []


def test_forks_are_noticed(home):
    connector = Connector("orders", home=home)
    held = threading.Event()
    free = threading.Event()

    def hold() -> None:
        with connector._lock:
            held.set()
            free.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    child = os.fork()
    if child == 0:
        os._exit(0 if connector._lock.acquire(blocking=False) else 1)
    _, status = os.waitpid(child, 0)
    free.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
