import asyncio
import os
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

import pgward
from pgward.core.errors import LoginNeededError
from pgward.programs import api, drivers
from tests.fixtures.golden_configs import TUNNEL

LOST = replace(TUNNEL, port=1)


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    api.close()


@pytest.fixture
def fake(monkeypatch):
    """A driver that says what it was given; facts take a moment, in some thread."""
    asked = []
    given = {"lost": 0}

    class FakeConnector:
        def __init__(self, service, *, home):
            self.service = service
            asked.append((service, home))

        def facts(self):
            asked.append(threading.current_thread())
            return LOST if asked.count("lost?") < given["lost"] else TUNNEL

        def lost(self, facts):
            asked.append("lost?")
            return facts is LOST

        def close(self):
            asked.append("closed")

    def now(facts, options):
        if facts is LOST or options.get("wrong"):
            raise RuntimeError("refused")
        return facts, options

    async def later(name, facts, options):
        return name, *now(facts, options)

    monkeypatch.setattr(api, "Connector", FakeConnector)
    monkeypatch.setattr(drivers, "connect", now)
    monkeypatch.setattr(drivers, "connect_async", later)
    asked.append(given)
    return asked


def test_importing_pgward_imports_nothing_of_weight():
    text = "import sys, pgward; print(sorted(m for m in sys.modules if m.startswith('pgward')))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "['pgward']\n"


@pytest.mark.parametrize("name", pgward.__all__)
def test_what_is_offered_is_there(name):
    assert getattr(pgward, name).__name__ == name


def test_what_is_not_offered_is_not_there():
    with pytest.raises(AttributeError, match="module 'pgward' has no attribute 'connct'"):
        _ = pgward.connct


def test_connect(fake):
    assert pgward.connect("orders", autocommit=True) == (TUNNEL, {"autocommit": True})
    assert pgward.connect("orders") == (TUNNEL, {})
    assert [each[0] for each in fake if isinstance(each, tuple)].count("orders") >= 1


def test_a_tunnel_that_just_ended_is_opened_again_once(fake):
    fake[0]["lost"] = 1
    assert pgward.connect("orders") == (TUNNEL, {})
    fake[0]["lost"] = 2
    assert asyncio.run(pgward.connect_async("orders")) == ("psycopg", TUNNEL, {})
    fake[0]["lost"] = 9
    with pytest.raises(RuntimeError, match="refused"):
        pgward.connect("orders")


def test_what_the_server_says_is_not_tried_again(fake):
    with pytest.raises(RuntimeError, match="refused"):
        pgward.connect("orders", wrong=True)
    with pytest.raises(RuntimeError, match="refused"):
        asyncio.run(pgward.connect_async("orders", wrong=True))
    assert fake.count("lost?") == 2


def test_one_connector_serves_a_service(fake):  # noqa: ARG001 - stands in for the real ones
    assert api.connector("orders") is api.connector("orders")
    assert api.connector("orders") is not api.connector("billing")


def test_another_home_is_another_connector(fake, monkeypatch, tmp_path):  # noqa: ARG001 - as above
    first = api.connector("orders")
    monkeypatch.setenv("PGWARD_HOME", str(tmp_path))
    assert api.connector("orders") is not first


def test_the_loop_goes_on_meanwhile(fake):
    found = asyncio.run(pgward.connect_async("orders", driver="asyncpg", timeout=3))
    assert found == ("asyncpg", TUNNEL, {"timeout": 3})
    (thread,) = [each for each in fake if isinstance(each, threading.Thread)]
    assert thread is not threading.main_thread()


def test_creators_for_sqlalchemy(fake):  # noqa: ARG001 - stands in for the real ones
    assert pgward.creator("orders", autocommit=True)() == (TUNNEL, {"autocommit": True})
    create = pgward.async_creator("orders", driver="psycopg", autocommit=True)
    assert asyncio.run(create()) == ("psycopg", TUNNEL, {"autocommit": True})


def test_closing(fake):
    pgward.connect("orders")
    pgward.close()
    assert fake.count("closed") == 1
    pgward.close()
    assert fake.count("closed") == 1


def test_nobody_is_logged_in(monkeypatch, tmp_path):
    monkeypatch.setenv("PGWARD_HOME", str(tmp_path / "home"))
    with pytest.raises(LoginNeededError) as error:
        pgward.connect("orders")
    assert error.value.__notes__ == ["hint: pgward login"]
    with pytest.raises(pgward.LoginNeededError) as error:
        asyncio.run(pgward.connect_async("orders"))
    assert error.value.__notes__ == ["hint: pgward login"]


def test_a_forked_child_may_take_the_lock_that_another_thread_held():
    with api._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if api._lock.acquire(blocking=False) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
