import pytest

from pgward.doctor.checks import session_at_ca
from pgward.doctor.finding import Status
from tests.fixtures.fake_ca import error


def test_a_session_that_the_ca_knows(patient):
    assert session_at_ca.look(patient).status is Status.OK


@pytest.mark.parametrize(
    ("code", "status"), [("login_needed", 4), ("denied", 3), ("unavailable", 1)]
)
def test_one_that_it_does_not(patient, fake_ca, code, status):
    fake_ca.routes["GET /v1/me"] = error(code)
    found = session_at_ca.look(patient)
    assert (found.status, found.exit_code) == (Status.FAIL, status)
