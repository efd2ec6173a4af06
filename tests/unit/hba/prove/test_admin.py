import pytest

from pgward.core.errors import PgwardError, UnavailableError
from pgward.hba.prove import admin
from pgward.hba.prove.admin import Admin, SqlError
from pgward.hba.server.datadir import DataDir, Running
from pgward.system.postgres import Cluster


def session(cluster: Cluster, superuser: str | None = None):
    data_dir = DataDir.open(cluster.data_dir)
    return Admin.session(data_dir, data_dir.running(), superuser)


@pytest.mark.integration
def test_a_session(pg: Cluster) -> None:
    with session(pg) as found:
        assert found.query("select 'a', null as b") == [["a", None]]
        with pytest.raises(SqlError, match='relation "nothing" does not exist'):
            found.query("select * from nothing")
        assert found.is_sound
        assert found.query("select 1; select 2") == [["1"], ["2"]]
        with pytest.raises(SqlError, match="already exists"):
            found.query("create role twice; create role twice")
        assert found.query("select 1 from pg_roles where rolname = 'twice'") == []
        with pytest.raises(UnavailableError):
            found.query("select pg_terminate_backend(pg_backend_pid())")
        assert not found.is_sound
    pg.psql("create role plain login; create role pass login password 'x'")
    path = pg.data_dir / "pg_hba.conf"
    path.write_text("local all pass scram-sha-256\n" + path.read_text())
    pg.reload()
    for role, said in {
        "plain": "plain: is no superuser",
        "pass": "pass: the server asks for a password",
        "nobody": 'nobody: role "nobody" does not exist',
    }.items():
        with pytest.raises(PgwardError) as raised, session(pg, role):
            raise AssertionError
        assert said in raised.value.message


def test_no_socket(pg_files) -> None:
    data_dir = DataDir.open(pg_files.data_dir)
    with (
        pytest.raises(PgwardError, match="cannot connect: no such file"),
        Admin.session(data_dir, Running(1, 5432, "/nonexistent", None), None),
    ):
        raise AssertionError


def test_an_abstract_socket() -> None:
    assert admin.socket_path("@run/.s") == "\0run/.s"
    assert admin.socket_path("/run/.s") == "/run/.s"
