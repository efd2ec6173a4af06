from datetime import timedelta

import pytest

from pgward.doctor.checks import certificate
from pgward.doctor.finding import Status
from pgward.pki import keys
from tests.fixtures.fake_ca import FakeClock


def test_a_certificate_in_order(patient):
    found = certificate.look(patient)
    assert (found.status, found.what.startswith("CN=leaf, ends in ")) == (Status.OK, True)


def test_one_that_ended(patient):
    patient.clock = FakeClock(patient.session.not_after + timedelta(minutes=5))
    found = certificate.look(patient)
    assert (found.status, "renews it" in found.why) == (Status.WARN, True)


def test_a_clock_that_is_behind(patient):
    patient.clock = FakeClock(patient.session.not_after - timedelta(days=2))
    found = certificate.look(patient)
    assert (found.status, "clock is behind" in found.why) == (Status.FAIL, True)


@pytest.mark.parametrize("name", ["cert", "key"])
@pytest.mark.parametrize(("content", "said"), [(b"x", "it is damaged"), (None, "cannot read")])
def test_files_that_are_damaged_or_gone(patient, name, content, said):
    path = getattr(patient.session.paths, name)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert said in certificate.look(patient).what


def test_a_key_of_another(patient):
    patient.session.paths.key.write_bytes(keys.to_pem(keys.generate(), None))
    assert certificate.look(patient).what.endswith("do not belong together")
