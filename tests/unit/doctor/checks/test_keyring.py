from dataclasses import replace

from pgward.client import token_store
from pgward.client.token_store import TokenPlace
from pgward.doctor.checks import keyring
from pgward.doctor.finding import Status
from pgward.system.os_keyring import KeyringError


def test_a_token_in_a_file(patient):
    assert "in a file that only you can read" in keyring.look(patient).what


def in_keyring(patient, monkeypatch, answer):
    patient.session.state = replace(patient.session.state, token=TokenPlace("alice@ca"))
    monkeypatch.setattr(token_store, "fetch", answer)
    return keyring.look(patient)


def test_a_token_in_the_keyring_is_not_said(patient, monkeypatch):
    found = in_keyring(patient, monkeypatch, lambda _account: "hunter2")
    assert (found.status, "keyring" in found.what) == (Status.OK, True)
    assert "hunter2" not in str(found)


def test_a_keyring_that_does_not_answer(patient, monkeypatch):
    def locked(_account):
        raise KeyringError("the keyring did not answer in 20 seconds", hint="unlock it")

    found = in_keyring(patient, monkeypatch, locked)
    assert (found.status, found.hint) == (Status.FAIL, "unlock it")
    assert "nothing can be renewed without" in found.why
