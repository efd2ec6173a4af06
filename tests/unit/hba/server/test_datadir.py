import os
from pathlib import Path

import pytest

from pgward.core.errors import InvalidInputError, NotFoundError, PgwardError
from pgward.hba.server import datadir, local
from pgward.hba.server.datadir import DataDir, Directory
from pgward.hba.server.disk import owner_of
from pgward.hba.server.local import LOCAL
from pgward.system.postgres import Account, Cluster


def test_what_a_data_directory_tells(pg_files: Cluster) -> None:
    found = DataDir.open(pg_files.data_dir)
    data = pg_files.data_dir
    assert found.able.version == pg_files.version
    assert found.owner.uid == data.stat().st_uid
    assert (found.config_file, found.hba_file, found.ident_file) == (
        data / "postgresql.conf",
        data / "pg_hba.conf",
        data / "pg_ident.conf",
    )
    assert found.auto_file == data / "postgresql.auto.conf"
    assert found.setting("ssl") == "off"
    assert found.running() is None


@pytest.mark.integration
def test_a_running_server(pg: Cluster) -> None:
    running = DataDir.open(pg.data_dir).running()
    assert (running.port, running.socket_dir) == (pg.port, str(pg.socket_dir))
    assert running.host == "127.0.0.1"


def test_a_broken_configuration_is_told_with_its_line(pg_files: Cluster) -> None:
    path = pg_files.data_dir / "postgresql.conf"
    path.write_text("port = 5432\nport 'x\n")
    with pytest.raises(PgwardError, match=r'syntax error in file ".*postgresql.conf" line 2'):
        DataDir.open(pg_files.data_dir)


def test_a_configuration_that_cannot_be_read_to_its_end(pg_files: Cluster, fifo, monkeypatch):
    monkeypatch.setattr(datadir, "_ASK_SECONDS", 0.5)
    fifo(pg_files.data_dir / "extra.conf")
    with (pg_files.data_dir / "postgresql.conf").open("a") as config:
        config.write("include 'extra.conf'\n")
    with pytest.raises(PgwardError, match=r"within 0\.5 seconds") as caught:
        DataDir.open(pg_files.data_dir)
    assert "no plain file" in caught.value.hint


def test_a_distributions_configuration_that_is_no_file(pg_files: Cluster, fifo, monkeypatch):
    fifo(pg_files.directory / "postgresql.conf")
    pattern = str(pg_files.directory.relative_to("/") / "postgresql.conf")
    monkeypatch.setattr(local, "_SERVER_CONFIGS", pattern)
    (pg_files.data_dir / "postgresql.conf").unlink()
    with pytest.raises(InvalidInputError, match="has no postgresql"):
        DataDir.open(pg_files.data_dir)


def test_files_that_are_elsewhere(pg_files: Cluster) -> None:
    moved = pg_files.directory / "etc"
    moved.mkdir()
    config = pg_files.data_dir / "postgresql.conf"
    text = config.read_text() + f"hba_file = '{moved}/hba'\nident_file = 'ident'\n"
    config.unlink()
    (moved / "my.conf").write_text(text)
    with pytest.raises(InvalidInputError, match="has no postgresql"):
        DataDir.open(pg_files.data_dir)
    found = DataDir.open(pg_files.data_dir, moved / "my.conf")
    assert (found.config_file, found.hba_file) == (moved / "my.conf", moved / "hba")
    assert found.ident_file == pg_files.data_dir / "ident"


def test_how_it_was_last_started_counts(pg_files: Cluster) -> None:
    (pg_files.data_dir / "other.conf").write_text("")
    (pg_files.data_dir / "postmaster.opts").write_text(
        '/usr/bin/postgres "-D" "/x" "-p" "5432" "-c" "hba_file=other_hba" "--ident_file=other"\n'
    )
    found = DataDir.open(pg_files.data_dir)
    assert found.options == ("-c", "hba_file=other_hba", "--ident_file=other")
    assert found.hba_file.name == "other_hba"


def test_a_directory_tells_without_programs_how_it_was_started(tmp_path) -> None:
    (tmp_path / "PG_VERSION").write_text("18\n")
    (tmp_path / "postgresql.conf").write_text("no 'configuration at all\n")
    found = Directory.open(tmp_path)
    assert (found.able.version, found.owner.uid, found.given) == (18, tmp_path.stat().st_uid, [])
    (tmp_path / "postmaster.opts").write_text('postgres "-c" "ssl=on" "--hba-file=/h=x" "-i"\n')
    assert Directory.open(tmp_path).given == [("ssl", "on"), ("hba_file", "/h=x")]


def test_a_configuration_where_the_distribution_keeps_it(pg_files, monkeypatch) -> None:
    config = pg_files.directory / "postgresql.conf"
    text = f"data_directory = '{pg_files.data_dir}'\n"
    (pg_files.data_dir / "postgresql.conf").unlink()
    config.write_text(text)
    monkeypatch.setattr(local, "_SERVER_CONFIGS", str(config.relative_to("/")))
    assert DataDir.open(pg_files.data_dir).config_file == config


def test_a_named_configuration_that_is_not_there(pg_files) -> None:
    with pytest.raises(InvalidInputError, match="/none does not exist"):
        DataDir.open(pg_files.data_dir, Path("/none"))


def test_a_directory_that_is_not_there(tmp_path) -> None:
    with pytest.raises(NotFoundError, match=r"there is no .*/nowhere") as caught:
        DataDir.open(tmp_path / "nowhere")
    assert caught.value.hint == "psql -c 'show data_directory' tells where it is"


def test_no_data_directory(tmp_path) -> None:
    with pytest.raises(InvalidInputError, match="is not a PostgreSQL data directory"):
        DataDir.open(tmp_path)


@pytest.mark.parametrize("version", ["9.6", "10", "19"])
def test_a_version_that_is_not_supported(tmp_path, version) -> None:
    (tmp_path / "PG_VERSION").write_text(f"{version}\n")
    with pytest.raises(InvalidInputError, match=f"PostgreSQL {version} is not supported"):
        DataDir.open(tmp_path)


def test_somebody_elses_data_directory(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(PgwardError, match="belongs to another account"):
        DataDir.open(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "12", "x\n/d\n1\n5432\n/tmp\n*\n", "PID\n/d\n1\n5432\n/tmp\n*\n"]
)
def test_a_pid_file_that_names_no_server(pg_files, text) -> None:
    text = text.replace("PID", str(os.getpid()))
    (pg_files.data_dir / "postmaster.pid").write_text(text)
    assert DataDir.open(pg_files.data_dir).running() is None


@pytest.mark.integration
def test_another_accounts_server_is_never_signalled(pg: Cluster) -> None:
    lines = (pg.data_dir / "postmaster.pid").read_text().splitlines()
    assert LOCAL.is_server(int(lines[0]), Account("", pg.data_dir.stat().st_uid, 0))
    assert not LOCAL.is_server(int(lines[0]), Account("", 4242, 0))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("name", ["PG_VERSION", "postmaster.opts", "postmaster.pid"])
def test_root_reads_no_more_than_the_owner_may(pg_files: Cluster, tmp_path, name) -> None:
    secret = tmp_path / "secret"
    secret.write_text("1\n2\n3\nsecret\n5\n6\n7\n")
    secret.chmod(0o600)
    path = pg_files.data_dir / name
    path.unlink(missing_ok=True)
    path.symlink_to(secret)
    with pytest.raises(PgwardError, match="permission denied") as caught:
        DataDir.open(pg_files.data_dir).running()
    assert "secret\n" not in caught.value.message


def test_empty_and_broken_options_are_none(pg_files: Cluster) -> None:
    for text in ("", "postgres '-c"):
        (pg_files.data_dir / "postmaster.opts").write_text(text)
        assert DataDir.open(pg_files.data_dir).options == ()


def test_a_program_with_spaces_in_its_path(pg_files: Cluster) -> None:
    text = '/opt/my "own" pg\'s/bin/postgres "-D" "/x" "-c" "ssl=on"\n'
    (pg_files.data_dir / "postmaster.opts").write_text(text.replace('"own"', "own"))
    near = datadir._started_from(pg_files.data_dir, owner_of(pg_files.data_dir), LOCAL)
    assert near == [Path("/opt/my own pg's/bin")]
    assert DataDir.open(pg_files.data_dir).options == ("-c", "ssl=on")


def test_a_pid_file_with_a_port_that_is_none(pg_files: Cluster) -> None:
    lines = f"{os.getpid()}\n/d\n1\nport\n/tmp\n*\n"
    (pg_files.data_dir / "postmaster.pid").write_text(lines)
    assert DataDir.open(pg_files.data_dir).running() is None
