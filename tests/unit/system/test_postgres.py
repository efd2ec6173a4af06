import os
import socket
from pathlib import Path

import pytest

from pgward.core.errors import InvalidInputError, NotFoundError, PgwardError
from pgward.system import postgres
from pgward.system.postgres import (
    Account,
    Cluster,
    find_binaries,
    find_client,
    free_port,
    temporary_directory,
)


def fake_server(directory: Path, version: str) -> Path:
    directory.mkdir()
    for name in ("postgres", "initdb", "pg_ctl"):
        path = directory / name
        path.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        path.chmod(0o755)
    return directory


@pytest.fixture
def only(monkeypatch):
    """Make the directories given the only ones where server programs are."""

    def look_in(path: list[Path], *, chosen: Path | None = None) -> None:
        monkeypatch.setenv("PATH", os.pathsep.join(map(str, path)))
        monkeypatch.setenv("PGWARD_PG_BIN", "" if chosen is None else str(chosen))
        monkeypatch.setattr(postgres, "_INSTALL_GLOBS", ())

    return look_in


def test_the_newest_is_found(only, tmp_path) -> None:
    old, new = fake_server(tmp_path / "a", "9.6.1"), fake_server(tmp_path / "b", "17.2 (Debian)")
    only([old, new])
    assert find_binaries() == new


def test_the_version_asked_for_is_found(only, tmp_path) -> None:
    old, new = fake_server(tmp_path / "a", "16beta1"), fake_server(tmp_path / "b", "17.2")
    only([new, old])
    assert find_binaries(16) == old


def test_the_variable_wins(only, tmp_path) -> None:
    chosen, new = fake_server(tmp_path / "a", "15.1"), fake_server(tmp_path / "b", "17.2")
    only([new], chosen=chosen)
    assert find_binaries() == chosen
    assert find_binaries(17) == new


def test_symlinked_programs_are_found_where_they_are(only, tmp_path) -> None:
    real = fake_server(tmp_path / "real", "15.1")
    links = tmp_path / "links"
    links.mkdir()
    for path in real.iterdir():
        (links / path.name).symlink_to(path)
    only([links])
    assert find_binaries() == real


def test_nothing_found(only, tmp_path) -> None:
    only([tmp_path])
    with pytest.raises(NotFoundError, match="no server programs of PostgreSQL 15"):
        find_binaries(15)
    with pytest.raises(NotFoundError, match="psql was not found"):
        find_client("psql")


def test_a_client_next_to_the_server_comes_first(tmp_path) -> None:
    (tmp_path / "psql").touch()
    assert find_client("psql", tmp_path) == tmp_path / "psql"


def test_no_account_to_run_as(monkeypatch) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres.pwd, "getpwnam", unknown)
    with pytest.raises(NotFoundError, match="no account postgres or nobody"):
        postgres.server_account()


def test_our_own_account_unless_root(monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert postgres.server_account() is None


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
