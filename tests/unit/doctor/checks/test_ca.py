from datetime import timedelta

import httpx2
import pytest

from pgward.core.errors import PgwardError, UnavailableError
from pgward.doctor.checks import ca


def test_a_ca_that_is_well(patient):
    assert "its clock agrees" in ca.look(patient).what
    assert patient.ca_answers


def test_clocks_that_differ(patient, fake_ca):
    fake_ca.ahead = timedelta(minutes=5)
    with pytest.raises(PgwardError, match=r"clock is (299|300) seconds behind"):
        ca.look(patient)


def test_something_else_that_answers(patient, fake_ca):
    fake_ca.routes["GET /v1/health"] = httpx2.Response(200, text="<html>")
    with pytest.raises(UnavailableError, match="does not answer as a pgward CA does"):
        ca.look(patient)
    assert not patient.ca_answers
