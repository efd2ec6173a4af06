from types import SimpleNamespace

from pgward.client.witness import Witness
from pgward.doctor.checks import log
from pgward.doctor.finding import Status
from pgward.pki.errors import LogError


def test_a_log_that_continues(patient, monkeypatch):
    seen = SimpleNamespace(head=SimpleNamespace(size=7))
    monkeypatch.setattr(Witness, "update", lambda _self, _api: seen)
    assert log.look(patient).what == "the CA's log has 7 entries and continues what was seen"


def test_a_log_that_contradicts_itself(patient, monkeypatch):
    def lie(_self, _api):
        raise LogError("the CA's log contradicts what it said before")

    monkeypatch.setattr(Witness, "update", lie)
    assert log.look(patient).status is Status.FAIL


def test_a_ca_without_a_log(patient):
    found = log.look(patient)
    assert (found.status, "cannot be checked" in found.what) == (Status.WARN, True)
