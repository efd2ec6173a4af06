import builtins
import contextlib

import psutil
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
def test_a_server_that_ends_and_comes_again(pg, sessions, monkeypatch):
    assert sessions.every() == []
    pg.stop()
    with pytest.raises(UnavailableError):
        sessions.every()
    with pytest.raises(UnavailableError, match="does not run"):
        sessions.every()
    pg.start()
    assert sessions.every() == []
    # One that freezes is waited for in bounds.
    monkeypatch.setattr(module, "_HANGS_SECONDS", 0.2)
    backend = psutil.Process(sessions._connection.info.backend_pid)
    backend.suspend()
    try:
        with pytest.raises(UnavailableError, match="PostgreSQL cannot be asked"):
            sessions.every()
    finally:
        backend.resume()
    monkeypatch.undo()
    assert sessions.every() == []


@pytest.mark.integration
def test_a_role_with_too_few_rights_is_told_of(pg, monkeypatch):
    """It would see no session, as if there were none."""
    pg.psql('create role "an agent" login')
    data_dir = DataDir.open(pg.data_dir)
    sessions = Sessions(data_dir, data_dir.running, "an agent")
    with contextlib.closing(sessions):
        with pytest.raises(PgwardError, match="role an agent may not see") as caught:
            sessions.every()
        assert 'to "an agent"' in caught.value.hint
        pg.psql('grant pg_monitor to "an agent"')
        assert sessions.every() == []
        assert "may end no session of others" in sessions.hindrance
        pg.psql('grant pg_signal_backend to "an agent"')
        assert sessions.every() == []
        assert sessions.hindrance is None
        # Nobody but a superuser ends a superuser's session.
        monkeypatch.setattr(module, "_END", module._END.replace("and s.ssl", ""))
        with local(pg) as session:
            began = session.execute(
                "select backend_start::text from pg_stat_activity where pid = pg_backend_pid()"
            ).fetchone()[0]
            mine = Backend(session.info.backend_pid, began, "x", "x", None, 5, "", "")
            with pytest.raises(PgwardError) as caught:
                sessions.end(mine)
            assert "superusers are ended by a superuser only" in caught.value.hint
            assert session.execute("select 1").fetchone() == (1,)
    nobody = Sessions(data_dir, data_dir.running, "nobody_at_all")
    with pytest.raises(UnavailableError, match="nobody_at_all"):
        nobody.every()


def test_a_server_without_a_unix_socket(pg_files):
    data_dir = DataDir.open(pg_files.data_dir)
    sessions = Sessions(data_dir, lambda: Running(1, 1, "", None), None)
    with pytest.raises(UnavailableError, match="no Unix socket"):
        sessions.every()


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
