import pytest

from pgward import __version__
from pgward.core.errors import UnavailableError
from pgward.doctor.checks import agent
from pgward.doctor.finding import Status
from pgward.tunnel.agent import client

THERE = {"pid": 7, "started_at": "2026-11-21T12:00:00Z", "version": __version__}


def test_none_runs(patient):
    assert agent.look(patient) is None


@pytest.mark.parametrize(("version", "status"), [(__version__, Status.OK), ("0.0.9", Status.WARN)])
def test_one_runs(patient, monkeypatch, version, status):
    monkeypatch.setattr(client, "running", lambda _home: THERE | {"version": version})
    found = agent.look(patient)
    assert (found.status, "process 7" in found.what) == (status, True)


def test_one_that_hangs(patient, monkeypatch):
    def hang(_home):
        raise UnavailableError("the agent does not answer", hint=client.HANGS_HINT)

    monkeypatch.setattr(client, "running", hang)
    found = agent.look(patient)
    assert (found.status, found.hint) == (Status.FAIL, client.HANGS_HINT)


def test_a_directory_that_is_open_to_others(patient):
    run = patient.home.directory / "run"
    run.mkdir()
    run.chmod(0o755)
    assert "is open to others" in agent.look(patient).what
