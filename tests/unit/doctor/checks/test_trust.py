import pytest

from pgward.client.home import Home
from pgward.core.errors import LoginNeededError
from pgward.doctor.checks import trust


def test_the_ca_that_is_known(patient):
    patient.trust = None
    assert trust.look(patient).what.startswith("ca.test:8443 is known by SHA256:")
    assert patient.trust.ca_url == "https://ca.test:8443"


def test_no_ca_is_known(patient, tmp_path):
    patient.home = Home(tmp_path / "empty")
    with pytest.raises(LoginNeededError):
        trust.look(patient)
