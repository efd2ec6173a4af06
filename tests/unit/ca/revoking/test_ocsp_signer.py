from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pgward.ca.records import Kind
from pgward.core.errors import UnavailableError
from tests.fixtures.authority import START
from tests.fixtures.pkilint import lint_certificate


@pytest.fixture
def signer(authority):
    return authority.ocsp_signers[0]


def test_it_is_a_delegate_of_its_ca(authority, signer, memory_store, hierarchies):
    responder = signer.responder()
    found, issuer = responder.certificate, hierarchies.user.issuing.certificate
    found.verify_directly_issued_by(issuer)
    assert signer.ca == "user-issuing"
    assert [each.ca for each in authority.ocsp_signers] == ["user-issuing", "server-issuing"]
    assert found.not_valid_after_utc == START + timedelta(days=7)
    record = memory_store.records[found.serial_number]
    assert (record.kind, record.subject) == (Kind.OCSP, "ocsp-responder")


def test_its_signature_verifies(signer):
    responder = signer.responder()
    key = responder.certificate.public_key()
    key.verify(responder.sign(b"data"), b"data", ec.ECDSA(hashes.SHA256()))


def test_the_certificate_is_for_ocsp_and_needs_no_check_itself(signer):
    found = {each.value for each in signer.responder().certificate.extensions}
    assert x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.OCSP_SIGNING]) in found
    assert x509.OCSPNoCheck() in found
    assert lint_certificate(signer.responder().certificate) == []


def test_it_is_made_once_and_renewed_in_time(signer, clock):
    first = signer.responder().certificate
    clock.move(days=5, hours=23)
    assert signer.responder().certificate == first
    clock.move(hours=2)
    second = signer.responder().certificate
    assert second != first
    assert second.public_key() != first.public_key()


def test_one_from_the_future_is_replaced(signer, clock):
    clock.move(hours=2)
    ahead = signer.responder().certificate
    clock.move(hours=-2)
    assert signer.responder().certificate != ahead


def test_on_its_ca_s_last_day_it_does_not_get_a_new_one_for_each_response(
    signer, clock, hierarchies, memory_store
):
    end = hierarchies.user.issuing.certificate.not_valid_after_utc
    clock.moment = end - timedelta(hours=23)
    first = signer.responder().certificate
    assert first.not_valid_after_utc == end
    for _ in range(3):
        clock.move(hours=7)
        assert signer.responder().certificate == first
    clock.moment = end
    with pytest.raises(UnavailableError, match="ended at"):
        signer.responder()
    assert [each.kind for each in memory_store.records.values()].count(Kind.OCSP) == 1
