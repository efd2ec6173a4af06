import os
import stat
from types import SimpleNamespace

import pytest

from pgward.client.identity import IdentityPaths
from pgward.client.services import ServiceInfo
from pgward.tunnel.local import listening
from pgward.tunnel.local.registry import Registry


@pytest.fixture
def session(tmp_path):
    paths = IdentityPaths(tmp_path / "c", tmp_path / "k", tmp_path / "ca")
    return SimpleNamespace(user=SimpleNamespace(name="alice"), paths=paths)


def service(ssl_mode="verify-full", database="shop"):
    return ServiceInfo("orders", "", "tcp", "db1", database, ssl_mode, ())


def test_on_a_port(tmp_path, session):
    listener, said = listening.listen(Registry(tmp_path), "orders", 0, unix=False)
    with listener:
        running = listening.running(listener, session, service(), agent=True)
        host, port = listener.getsockname()
    assert said is None
    assert (running.host, running.port, running.pid, running.agent) == (
        host,
        port,
        os.getpid(),
        True,
    )
    assert running.conninfo.startswith(f"host=db1 hostaddr=127.0.0.1 port={port} user=alice")


def test_on_a_unix_socket_in_the_place_of_a_dead_one(tmp_path, session):
    registry = Registry(tmp_path)
    for _ in range(2):
        listener, said = listening.listen(registry, "orders", None, unix=True)
        with listener:
            running = listening.running(listener, session, service())
    path = listening.socket_path(registry, "orders")
    assert (said, path.name) == (None, ".s.PGSQL.5432")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (running.host, running.port) == (str(path.parent), 5432)
    assert running.conninfo == f"host={path.parent} port=5432 user=alice dbname=shop"


def test_a_path_that_is_too_long_leaves_no_socket_open(tmp_path):
    registry = Registry(tmp_path / ("d" * 120))
    with pytest.raises(Exception, match="too long"):
        listening.listen(registry, "orders", None, unix=True)


def test_libpqs_variables(tmp_path, session):
    assert listening.libpq_environment(session, service(), "127.0.0.1", 16000) == {
        "PGHOST": "db1",
        "PGHOSTADDR": "127.0.0.1",
        "PGPORT": "16000",
        "PGUSER": "alice",
        "PGDATABASE": "shop",
        "PGSSLMODE": "verify-full",
        "PGSSLCERT": str(tmp_path / "c"),
        "PGSSLKEY": str(tmp_path / "k"),
        "PGSSLROOTCERT": str(tmp_path / "ca"),
    }
    assert listening.libpq_environment(session, service(database=None), "/run/x", 5432) == {
        "PGHOST": "/run/x",
        "PGPORT": "5432",
        "PGUSER": "alice",
    }
