import builtins
from dataclasses import replace

import psycopg
import pytest

from pgward.core.errors import NotFoundError, PgwardError, UnavailableError
from pgward.hba.agent import sql as module
from pgward.hba.agent.backends import Backend
from pgward.hba.agent.sql import Sessions, check_driver
from pgward.hba.server.datadir import DataDir, Running


@pytest.fixture
def sessions(pg):
    data_dir = DataDir.open(pg.data_dir)
    made = Sessions(data_dir, data_dir.running, "postgres")
    yield made
    made.close()


def local(cluster, **more):
    more = {"user": "postgres", "dbname": "postgres"} | more
    return psycopg.connect(host=str(cluster.socket_dir), port=cluster.port, autocommit=True, **more)


@pytest.mark.integration
def test_sessions_without_a_certificate_are_none_of_ours(pg, sessions):
    with local(pg) as session:
        assert sessions.every() == []
        began = session.execute(
            "select backend_start::text from pg_stat_activity where pid = pg_backend_pid()"
        ).fetchone()[0]
        mine = Backend(session.info.backend_pid, began, "x", "x", None, 5, "", "")
        assert not sessions.end(mine)  # it has no TLS
        assert session.execute("select 1").fetchone() == (1,)


@pytest.mark.integration
def test_a_server_that_ends_and_comes_again(pg, sessions):
    assert sessions.every() == []
    pg.stop()
    with pytest.raises(UnavailableError):
        sessions.every()
    with pytest.raises(UnavailableError, match="does not run"):
        sessions.every()
    pg.start()
    assert sessions.every() == []


@pytest.mark.integration
def test_who_may_not_is_told_so(pg, monkeypatch):
    pg.psql("create role little login")
    data_dir = DataDir.open(pg.data_dir)
    little = Sessions(data_dir, data_dir.running, "little")
    monkeypatch.setattr(module, "_END", "select pg_reload_conf() where %s > 0 and %s <> ''")
    with pytest.raises(PgwardError, match="does not let us end that session"):
        little.end(Backend(1, "x", "x", "x", None, 5, "", ""))
    little.close()
    nobody = Sessions(data_dir, data_dir.running, "nobody_at_all")
    with pytest.raises(UnavailableError, match="nobody_at_all"):
        nobody.every()


def test_a_server_without_a_unix_socket(pg_files):
    data_dir = DataDir.open(pg_files.data_dir)
    sessions = Sessions(data_dir, lambda: Running(1, 1, "", None), None)
    with pytest.raises(UnavailableError, match="no Unix socket"):
        sessions.every()


def test_without_a_name_the_accounts_own_role_is_tried_second(pg_files):
    data_dir = DataDir.open(pg_files.data_dir)
    users = Sessions(data_dir, lambda: None, None)._users()
    assert users[0] == "postgres"
    assert replace(data_dir).owner is data_dir.owner


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (
            (7, b"s", b"app", b"db", b"10.0.0.1/32", b"5", b"31", b"/CN=CA", b"/CN=alice"),
            Backend(7, "s", "app", "db", "10.0.0.1:5", 31, "/CN=CA", "/CN=alice"),
        ),
        (
            (7, "s", "app", None, None, None, None, "", b"/CN=Gr\xc3"),
            Backend(7, "s", "app", "", None, None, "", "/CN=Gr\ufffd"),
        ),
    ],
)
def test_rows(row, found):
    assert module._backend(row) == found


def test_without_the_driver_it_says_what_to_install(monkeypatch):
    check_driver()
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "psycopg":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(NotFoundError) as caught:
        check_driver()
    assert caught.value.hint == "pip install 'pgward[postgresql]'"
