import os
from pathlib import Path

import pytest

from pgward.core.errors import NotFoundError
from pgward.hba.server import programs
from pgward.hba.server.datadir import DataDir
from pgward.hba.server.local import LOCAL
from pgward.system import pg_programs
from pgward.system.postgres import Account, Cluster, temporary_directory

ME = Account("me", os.geteuid(), os.getegid())
NOBODY = Account("nobody", 65534, 65534)
TELLS = """#!/bin/sh
{ id -u; ps -o sid= -p $$; env; } >> "$(dirname "$0")/seen" 2>&1
echo 'postgres (PostgreSQL) 15.3'
"""


def server(directory: Path, version: str = "15.1", script: str = "") -> Path:
    directory.mkdir()
    for name in ("postgres", "initdb", "pg_ctl"):
        path = directory / name
        path.write_text(script or f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        path.chmod(0o755)
    return directory


@pytest.fixture
def nowhere(monkeypatch) -> None:
    """No programs are in the usual places."""
    monkeypatch.setenv("PGWARD_PG_BIN", "")
    monkeypatch.setenv("PATH", "/nonexistent:/usr/bin:/bin")
    monkeypatch.setattr(pg_programs, "_INSTALL_GLOBS", ())
    monkeypatch.setattr(programs, "usual_binaries", lambda: iter(()))


@pytest.fixture
def other() -> Account:
    """An account that is not root, and that programs are run as where we are."""
    return NOBODY if os.geteuid() == 0 else ME


@pytest.mark.usefixtures("nowhere")
def test_near_ones_are_found_where_nothing_else_is(other) -> None:
    with temporary_directory() as place:
        place.chmod(0o755)
        near = server(place / "odd place")
        assert programs.find(15, other, [place / "none", near]) == near
        with pytest.raises(NotFoundError, match="no server programs of PostgreSQL 16") as caught:
            programs.find(16, other, [near])
        assert "start the server once" in caught.value.hint
        with pytest.raises(NotFoundError):
            programs.find(15, other, [Path("odd place")])


def test_what_was_chosen_comes_before_and_the_usual_after(monkeypatch, other) -> None:
    with temporary_directory() as place:
        place.chmod(0o755)
        chosen, near, usual = (server(place / name) for name in ("chosen", "near", "usual"))
        monkeypatch.setattr(programs, "usual_binaries", lambda: iter([usual]))
        monkeypatch.setenv("PGWARD_PG_BIN", str(chosen))
        assert programs.find(15, other, [near]) == chosen
        monkeypatch.setenv("PGWARD_PG_BIN", "")
        assert programs.find(15, other, [near]) == near
        assert programs.find(15, other, []) == usual


@pytest.mark.usefixtures("nowhere")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_never_run_as_root_nor_with_its_environment_and_terminal(monkeypatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "secret")
    with temporary_directory() as place:
        near = server(place / "near", script=TELLS)
        for each in (place, near):
            os.chown(each, NOBODY.uid, NOBODY.gid)
        assert programs.find(15, NOBODY, [near]) == near
        LOCAL.execute([near / "postgres"], account=NOBODY, directory=near, timeout=30)
        lines = (near / "seen").read_text().splitlines()
    assert lines.count("65534") == 2
    assert "0" not in lines
    assert str(os.getsid(0)) not in [line.strip() for line in lines]
    assert not [line for line in lines if "secret" in line]


@pytest.mark.usefixtures("nowhere")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_those_that_only_root_may_run_are_none(tmp_path) -> None:
    near = server(tmp_path / "near")
    near.chmod(0o700)
    with pytest.raises(NotFoundError):
        programs.find(15, NOBODY, [near])


@pytest.mark.usefixtures("nowhere")
def test_for_a_directory_of_roots_nothing_near_counts() -> None:
    with temporary_directory() as place:
        near = server(place / "near", script=TELLS)
        with pytest.raises(NotFoundError):
            programs.find(15, Account("root", 0, 0), [near])
        assert not (near / "seen").exists()


@pytest.mark.integration
def test_a_server_of_an_unusual_place(pg_stopped: Cluster, monkeypatch) -> None:
    """Found by postmaster.opts; without it, by the program that runs."""
    unusual = pg_stopped.directory / "odd programs" / "bin"
    unusual.parent.mkdir()
    unusual.parent.chmod(0o755)
    unusual.symlink_to(pg_stopped.bin_dir)
    pg_stopped.start()
    monkeypatch.setattr(programs, "usual_binaries", lambda: iter(()))
    monkeypatch.setenv("PGWARD_PG_BIN", "")
    opts = pg_stopped.data_dir / "postmaster.opts"
    opts.write_text(f'{unusual}/postgres "-D" "x"\n')
    assert DataDir.open(pg_stopped.data_dir).bin_dir == unusual
    opts.unlink()
    assert DataDir.open(pg_stopped.data_dir).bin_dir == pg_stopped.bin_dir.resolve()
    pg_stopped.stop()
    with pytest.raises(NotFoundError, match="no server programs"):
        DataDir.open(pg_stopped.data_dir)
