import pytest

from pgward.doctor.checks import clients
from pgward.doctor.finding import Status


def program(tmp_path, script):
    path = tmp_path / "psql"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"PATH": str(tmp_path)}


def test_no_psql(patient, tmp_path):
    patient.environ = {"PATH": str(tmp_path / "empty")}
    assert clients.look(patient).what == "psql is not on PATH"


def test_a_psql(patient, tmp_path):
    patient.environ = program(tmp_path, 'echo "psql (PostgreSQL) 15.3 (Debian)"')
    assert clients.look(patient).what == f"{tmp_path}/psql is of PostgreSQL 15"


@pytest.mark.parametrize("script", ["echo odd", "exit 1", "kill -9 $$"])
def test_one_that_is_none(patient, tmp_path, script):
    patient.environ = program(tmp_path, script)
    assert clients.look(patient).status is Status.WARN


def test_one_that_cannot_be_run(patient, tmp_path):
    patient.environ = program(tmp_path, "")
    (tmp_path / "psql").write_bytes(b"\x7fELF")
    assert "cannot be run" in clients.look(patient).what


@pytest.mark.parametrize(
    ("version", "name", "status"),
    [
        (11, "db1.test", Status.WARN),
        (12, "db1.test", Status.OK),
        (14, "10.0.0.1", Status.WARN),
        (15, "10.0.0.1", Status.OK),
    ],
)
def test_what_is_too_old(version, name, status):
    assert clients.judged("psql", version, name).status is status
