import os
from pathlib import Path

import pytest

from pgward.core.errors import NotFoundError, PgwardError
from pgward.system import pg_programs
from pgward.system.pg_programs import (
    Account,
    execute,
    find_binaries,
    find_client,
    run,
    server_account,
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
        monkeypatch.setattr(pg_programs, "_INSTALL_GLOBS", ())

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
    monkeypatch.setattr(pg_programs.pwd, "getpwnam", unknown)
    with pytest.raises(NotFoundError, match="no account postgres or nobody"):
        server_account()


def test_our_own_account_unless_root(monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert server_account() is None


def test_our_own_settings_of_libpq_do_not_get_through(monkeypatch) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    assert "PGHOST" not in execute(["env"]).stdout


def test_what_a_program_said_is_the_error() -> None:
    with pytest.raises(PgwardError, match="sh failed: no, never"):
        run(["sh", "-c", "echo no, never >&2; exit 3"])
    with pytest.raises(PgwardError, match="sleep did not finish within"):
        run(["sleep", "5"], timeout=0.01)


def test_a_program_is_told_on_its_standard_input() -> None:
    assert execute(["cat"], told="a\nb").stdout == "a\nb"
    assert execute(["cat"]).stdout == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_account_gets_neither_our_environment_nor_our_terminal(monkeypatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    nobody = Account("nobody", 65534, 65534)
    done = execute(
        ["sh", "-c", "id -u; env; ps -o sid= -p $$"], account=nobody, directory=Path("/")
    )
    assert done.stdout.startswith("65534\n")
    assert "secret" not in done.stdout
    assert int(done.stdout.splitlines()[-1]) != os.getsid(0)
