import asyncio
import os
import signal
import socket
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from pgward.core.errors import ConflictError, LoginNeededError, NotFoundError, UnavailableError
from pgward.tunnel.local import run as module
from pgward.tunnel.local.registry import Registry, ask
from pgward.tunnel.local.run import TunnelOptions, TunnelProcess

SERVICE = {
    "name": "orders",
    "mode": "tcp",
    "server_name": "db1.internal",
    "database": "shop",
    "ssl_mode": "verify-full",
    "edges": [],
}


class FakeTunnel:
    """A tunnel whose links need no edge."""

    problem: Exception | None = None

    def __init__(self, _service, _session, _clock, listener, _loop, _say):
        self.listener = listener

    async def preflight(self) -> None:
        if self.problem:
            raise self.problem

    def listen(self) -> None:
        self.listener.listen()

    async def keep_fresh(self) -> None:
        await asyncio.get_running_loop().create_future()

    def describe(self) -> dict[str, object]:
        return {"active": 0}

    def close(self) -> None:
        self.listener.close()


@pytest.fixture
def home(logged_in, fake_ca, tmp_path, monkeypatch):
    assert logged_in
    fake_ca.routes["GET /v1/services"] = {"services": [SERVICE]}
    monkeypatch.setattr(module, "Tunnel", FakeTunnel)
    monkeypatch.setattr(module, "tune_collector", lambda: None)
    return tmp_path / "home"


@pytest.fixture
def serve(home):
    """Serve until ``look``, called once it is ready, has returned and a signal came."""
    sessions = ExitStack()

    def serve(look=lambda _running: None, *, stop=True, **options):
        seen = []

        def on_ready(running):
            seen.append((running, look(running)))
            if stop:
                signal.raise_signal(signal.SIGTERM)

        options = {"port": 0, **options}
        process = TunnelProcess(
            TunnelOptions("orders", home, **options), say=lambda _: None, on_ready=on_ready
        )
        sessions.callback(process._session.close)
        asyncio.run(asyncio.wait_for(process.run(), 30))
        return seen[0] if seen else None

    with sessions:
        yield serve


def test_a_ready_tunnel_is_known_and_forgotten_when_it_ends(serve, home):
    known = Registry(home)
    running, found = serve(lambda _: known.all())
    assert found == [running]
    assert (running.service, running.pid, running.host) == ("orders", os.getpid(), "127.0.0.1")
    assert known.all() == []
    assert not known.control_path("orders").exists()


def test_a_tunnel_answers_while_it_serves(serve, home):
    asked = []

    async def look() -> None:
        asked.append(await asyncio.to_thread(ask, Registry(home).control_path("orders")))
        signal.raise_signal(signal.SIGTERM)

    tasks = []
    serve(lambda _: tasks.append(asyncio.ensure_future(look())), stop=False)
    assert asked == [{"active": 0}]


def test_the_connection_string_leads_to_the_port(serve):
    running, _ = serve()
    words = running.conninfo.split()
    assert f"port={running.port}" in words
    assert {"host=db1.internal", "hostaddr=127.0.0.1", "user=alice", "dbname=shop"} <= set(words)
    assert "sslmode=verify-full" in words


def test_a_unix_socket_lies_in_a_private_directory_and_goes(serve):
    def look(running):
        path = Path(running.host) / ".s.PGSQL.5432"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(os.path.relpath(path))
        return path, stat.S_IMODE(path.parent.stat().st_mode)

    running, (path, mode) = serve(look, socket=True)
    assert mode == 0o700
    assert running.port == 5432
    assert not path.exists()
    assert "hostaddr" not in running.conninfo


def test_a_service_has_one_tunnel(serve, home):
    def look(running):
        with pytest.raises(ConflictError) as caught:
            TunnelProcess(TunnelOptions("orders", home), say=print, on_ready=print)
        return caught.value.message, running.port, caught.value.hint

    _, (message, port, hint) = serve(look)
    assert message == f"orders is connected already, on 127.0.0.1:{port}"
    assert hint == "pgward disconnect orders"


def test_a_tunnel_for_a_process_ends_with_it_and_is_nobody_elses(serve, home):
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)

    def look(_running):
        found = Registry(home).all()
        os.close(writer)  # it ends, and is reaped after the tunnel has
        return found

    _, found = serve(look, stop=False, for_pid=pid)
    os.waitpid(pid, 0)
    assert found == []
    assert Registry(home).remembered_port("orders") is None


def test_a_tunnel_for_a_process_that_has_ended_ends_at_once(serve):
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    serve(stop=False, for_pid=pid)


def test_a_first_link_that_fails_leaves_nothing(serve, home, monkeypatch):
    monkeypatch.setattr(FakeTunnel, "problem", UnavailableError("no edge answers"))
    with pytest.raises(UnavailableError, match="no edge answers"):
        serve(socket=True)
    assert Registry(home).all() == []
    assert not (Registry(home).socket_directory("orders") / ".s.PGSQL.5432").exists()


def test_a_signal_ends_a_tunnel_that_still_dials(serve, monkeypatch):
    given_up = []

    async def preflight(_self):
        signal.raise_signal(signal.SIGINT)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            given_up.append(True)

    monkeypatch.setattr(FakeTunnel, "preflight", preflight)
    assert serve() is None
    assert given_up == [True]


def test_what_breaks_the_renewal_breaks_the_tunnel(serve, monkeypatch):
    async def keep_fresh(_self):
        raise LoginNeededError("it has ended")

    monkeypatch.setattr(FakeTunnel, "keep_fresh", keep_fresh)
    with pytest.raises(LoginNeededError):
        serve(stop=False)


def test_an_unknown_service_opens_nothing(home):
    with pytest.raises(NotFoundError) as caught:
        TunnelProcess(TunnelOptions("order", home), say=print, on_ready=print)
    assert caught.value.hint == "did you mean orders?"
