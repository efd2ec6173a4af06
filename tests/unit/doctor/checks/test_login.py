from datetime import timedelta

import pytest

from pgward.core.errors import LoginNeededError
from pgward.doctor.checks import login
from tests.fixtures.fake_ca import FakeClock


def test_a_session_that_lives(patient):
    patient.session = None
    assert login.look(patient).what.startswith("alice at ca.test:8443, ends in ")
    assert patient.session.user.name == "alice"


def test_a_session_that_is_over_is_still_known(patient):
    patient.clock = FakeClock(patient.session.session_expires_at + timedelta(hours=1))
    with pytest.raises(LoginNeededError, match="ended"):
        login.look(patient)


def test_no_session(patient):
    patient.home.generations.clear()
    with pytest.raises(LoginNeededError):
        login.look(patient)
