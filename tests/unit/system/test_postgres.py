import os
import socket

import pytest

from pgward.core.errors import InvalidInputError, PgwardError
from pgward.system import postgres
from pgward.system.postgres import (
    Account,
    Cluster,
    free_port,
    temporary_directory,
)


def test_a_path_too_long_for_a_socket(tmp_path) -> None:
    with pytest.raises(InvalidInputError, match="too long a path"):
        Cluster(tmp_path / ("x" * 90)).prepare()


def test_a_directory_that_the_account_cannot_enter(tmp_path) -> None:
    closed = tmp_path / "c"
    closed.mkdir(mode=0o700)
    assert not postgres._may_traverse(closed, Account("other", os.geteuid() + 1, os.getegid() + 1))
    assert postgres._may_traverse(closed, Account("me", os.geteuid(), os.getegid()))


def test_no_port_before_the_start(tmp_path) -> None:
    with pytest.raises(PgwardError, match="not started yet"):
        _ = Cluster(tmp_path).port


@pytest.mark.integration
def test_a_cluster_starts_answers_and_stops(pg: Cluster) -> None:
    assert pg.psql("select 1, 'x'") == "1|x"
    assert pg.running
    assert pg.version >= 11
    pg.psql("alter system set work_mem = '5MB'")
    pg.reload()
    pg.stop()
    assert not pg.running
    pg.stop()
    assert pg.start().psql("show work_mem") == "5MB"


@pytest.mark.integration
def test_an_error_in_sql_is_told(pg: Cluster) -> None:
    with pytest.raises(PgwardError, match='relation "nowhere" does not exist'):
        pg.psql("select * from nowhere")


@pytest.mark.integration
def test_a_server_that_cannot_start_says_why(pg_stopped: Cluster) -> None:
    with (pg_stopped.data_dir / "postgresql.conf").open("a") as file:
        file.write("nonsense = 1\n")
    with pytest.raises(PgwardError, match='unrecognized configuration parameter "nonsense"'):
        pg_stopped.start()


@pytest.mark.integration
def test_a_taken_port_is_replaced(pg_stopped: Cluster, monkeypatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1], free_port()])
        monkeypatch.setattr(postgres, "free_port", lambda _host: next(ports))
        assert pg_stopped.start().port != taken.getsockname()[1]


@pytest.mark.integration
def test_a_port_that_was_asked_for_is_not_replaced(pg_stopped: Cluster) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        pg_stopped._port = taken.getsockname()[1]
        with pytest.raises(PgwardError, match="did not start"):
            pg_stopped.start()


def test_a_temporary_directory_is_removed() -> None:
    with temporary_directory() as directory:
        (directory / "x").touch()
    assert not directory.exists()
