import ssl
from datetime import timedelta

import httpx2
import pytest

from pgward.core.clock import rfc3339
from pgward.doctor.checks import revocation
from pgward.doctor.finding import Status
from tests.fixtures import pki
from tests.fixtures.material import signed_crl


@pytest.fixture
def lists(patient, fake_ca):
    """Put the user CA's list there, with these serial numbers and this end."""

    def put(serials=(), *, ends=timedelta(days=7)):
        now = patient.clock.now()
        made = signed_crl(pki.TestCa.root(), serials, now - timedelta(hours=1), now + ends)
        described = [
            {"name": "user-issuing", "next_update": rfc3339(now + ends)},
            {"name": "server-issuing", "next_update": rfc3339(now - timedelta(days=1))},
        ]
        fake_ca.routes["GET /v1/crls"] = {"crls": described}
        fake_ca.routes["GET /v1/crls/user-issuing.crl"] = httpx2.Response(
            200, content=pem_der(made)
        )

    return put


def pem_der(text: bytes) -> bytes:
    body = text.decode().replace("X509 CRL", "CERTIFICATE")
    return ssl.PEM_cert_to_DER_cert(body)


def test_lists_that_are_current(patient, lists):
    lists()
    assert revocation.look(patient).status is Status.OK


def test_a_list_that_is_over(patient, lists):
    lists(ends=timedelta(minutes=-5))
    found = revocation.look(patient)
    assert (found.status, "unknown ca" in found.why) == (Status.FAIL, True)


def test_a_certificate_that_stands_on_it(patient, lists):
    lists([int(patient.session.state.serial, 16)])
    assert revocation.look(patient).what == "your certificate is revoked"


@pytest.mark.parametrize("answer", [{"crls": [{}]}, {"x": 1}, httpx2.Response(500)])
def test_lists_that_cannot_be_read(patient, fake_ca, answer):
    fake_ca.routes["GET /v1/crls"] = answer
    assert revocation.look(patient).status is Status.WARN
