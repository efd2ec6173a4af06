import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as other
from hypothesis import example, given
from hypothesis import strategies as st

from pgward.pki import der, keys, ocsp, reasons
from pgward.pki.errors import OcspError
from pgward.pki.ocsp import Answer, Failure, Good, NotIssued, Responder, Revoked
from tests.fixtures.pkilint import lint_ocsp

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
KEY = keys.generate()
SERIAL = 0x7D00000000000000000000000000000000000001


def certificate(name="ca", serial=1, key=KEY):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder(subject, subject, key.public_key(), serial)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=7))
        .sign(key, hashes.SHA256())
    )


ISSUER = certificate()
RESPONDER = Responder(
    certificate("ocsp", 2),
    der.sequence(der.oid("1.2.840.10045.4.3.2")),
    lambda data: KEY.sign(data, ec.ECDSA(hashes.SHA256())),
)


def asked(*serials, algorithm=None, nonce=None):
    """A request as cryptography writes it, with more certificates put in by hand."""
    algorithm = algorithm or hashes.SHA1()
    builder = other.OCSPRequestBuilder()
    one = builder.add_certificate(certificate(serial=serials[0]), ISSUER, algorithm)
    if nonce is not None:
        one = one.add_extension(x509.OCSPNonce(nonce), critical=False)
    if len(serials) == 1:
        return one.build().public_bytes(Encoding.DER)
    ids = [der.sequence(ocsp.read_request(asked(s)).certificates[0].encoded) for s in serials]
    return der.sequence(der.sequence(der.sequence(*ids)))


def answer(*statuses, nonce=None):
    ids = ocsp.read_request(asked(*range(1, len(statuses) + 1))).certificates
    pairs = list(zip(ids, statuses, strict=True))
    return Answer(pairs, NOW, NOW - timedelta(minutes=1), NOW + timedelta(hours=1), nonce)


@pytest.mark.parametrize(
    "algorithm",
    [hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()],
)
def test_the_issuer_is_known_by_any_hash(algorithm):
    request = ocsp.read_request(asked(SERIAL, algorithm=algorithm))
    (found,) = request.certificates
    assert found.serial == SERIAL
    assert found.issuer in ocsp.issuer_ids(ISSUER)
    assert request.nonce is None


def test_another_issuer_is_not():
    stranger = ocsp.issuer_ids(certificate("ca", key=keys.generate()))
    renamed = ocsp.issuer_ids(certificate("other"))
    (found,) = ocsp.read_request(asked(SERIAL)).certificates
    assert found.issuer not in stranger | renamed


@pytest.mark.parametrize("length", [1, 16, 32, 128])
def test_a_nonce_is_read(length):
    assert ocsp.read_request(asked(5, nonce=bytes(length))).nonce == bytes(length)


@pytest.mark.parametrize("length", [0, 129])
def test_a_nonce_of_another_length_is_malformed(length):
    with pytest.raises(OcspError, match="nonce is not of 1 to 128"):
        ocsp.read_request(asked(5, nonce=bytes(length)))


def test_several_certificates_at_once():
    found = ocsp.read_request(asked(5, 6, 7)).certificates
    assert [each.serial for each in found] == [5, 6, 7]
    with pytest.raises(OcspError, match="more than 64"):
        ocsp.read_request(asked(*range(1, 66)))


def test_what_old_clients_add_is_skipped():
    cert_id = ocsp.read_request(asked(5)).certificates[0].encoded
    locator = der.explicit(0, der.sequence(der.extension("1.3.6.1.5.5.7.48.1.7", b"\x30\x00")))
    tbs = der.sequence(
        der.explicit(0, der.integer(0)),
        der.explicit(1, der.explicit(4, der.sequence())),
        der.sequence(der.sequence(cert_id, locator)),
        der.explicit(2, der.sequence(der.extension("1.3.6.1.5.5.7.48.1.4", b"\x30\x00"))),
    )
    request = der.sequence(tbs, der.explicit(0, der.sequence(der.bits(b"any signature"))))
    assert [each.serial for each in ocsp.read_request(request).certificates] == [5]


def _with(*, version=b"", cert_id=None, extensions=b"", requests=None):
    cert_id = cert_id or ocsp.read_request(asked(5)).certificates[0].encoded
    requests = requests if requests is not None else der.sequence(cert_id)
    return der.sequence(der.sequence(version, der.sequence(requests), extensions))


NONCE = der.extension("1.3.6.1.5.5.7.48.1.2", der.octets(b"n"))


MALFORMED = {
    "nothing": b"",
    "empty": b"\x30\x00",
    "text": b"not asn.1",
    "cut off": asked(5)[:-1],
    "more behind": asked(5) + b"\0",
    "no certificate": _with(requests=b""),
    "version 2": _with(version=der.explicit(0, der.integer(1))),
    "two nonces": _with(extensions=der.explicit(2, der.sequence(NONCE, NONCE))),
    "critical": _with(
        extensions=der.explicit(2, der.sequence(der.extension("1.2.3", b"", critical=True)))
    ),
    "a bare nonce": _with(
        extensions=der.explicit(2, der.sequence(der.extension("1.3.6.1.5.5.7.48.1.2", b"n")))
    ),
    "a NULL with contents": _with(
        cert_id=der.sequence(der.sequence(der.oid("1.2.3"), b"\x05\x01x"), b"\x04\x00" * 2)
    ),
    "too long": bytes(ocsp.MAX_REQUEST + 1),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_requests(what):
    with pytest.raises(OcspError):
        ocsp.read_request(MALFORMED[what])


@given(st.binary(max_size=300))
@example(b"0" * 200)
def test_any_bytes_are_a_request_or_refused(data):
    try:
        found = ocsp.read_request(data)
    except OcspError:
        return
    assert found.certificates


@given(st.data())
def test_a_damaged_request_is_read_or_refused(data):
    whole = bytearray(asked(SERIAL, nonce=b"0123456789abcdef"))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = ocsp.read_request(bytes(whole))
    except OcspError:
        return
    # Whatever was understood goes back as it came, and cryptography agrees with what it is.
    assert other.load_der_ocsp_request(bytes(whole)).serial_number == found.certificates[0].serial


@pytest.mark.parametrize("status", list(Failure))
def test_failures_are_as_cryptography_reads_them(status):
    assert other.load_der_ocsp_response(ocsp.failure(status)).response_status.value == status


def test_a_good_response():
    data = ocsp.respond(answer(Good(), nonce=b"n" * 32), RESPONDER)
    found = other.load_der_ocsp_response(data)
    assert found.certificate_status is other.OCSPCertStatus.GOOD
    assert (
        found.responder_key_hash
        == hashlib.sha1(
            KEY.public_key().public_bytes(Encoding.X962, ocsp.PublicFormat.UncompressedPoint)
        ).digest()
    )
    assert (found.serial_number, found.issuer_key_hash) == (1, found.responder_key_hash)
    assert found.produced_at_utc == NOW
    assert (found.this_update_utc, found.next_update_utc) == (
        NOW - timedelta(minutes=1),
        NOW + timedelta(hours=1),
    )
    assert found.certificates == [RESPONDER.certificate]
    nonce = found.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    assert nonce == b"n" * 32
    KEY.public_key().verify(
        found.signature, found.tbs_response_bytes, ec.ECDSA(found.signature_hash_algorithm)
    )
    assert lint_ocsp(data) == []


@pytest.mark.parametrize("name", reasons.FOR_LEAVES)
def test_a_revoked_response(name):
    reason = reasons.parse(name)
    data = ocsp.respond(answer(Revoked(NOW - timedelta(days=1), reason)), RESPONDER)
    found = other.load_der_ocsp_response(data)
    assert found.certificate_status is other.OCSPCertStatus.REVOKED
    assert found.revocation_time_utc == NOW - timedelta(days=1)
    expected = None if reason is x509.ReasonFlags.unspecified else reason
    assert found.revocation_reason is expected
    assert len(found.extensions) == 0
    assert lint_ocsp(data) == []


def test_a_serial_number_that_was_never_issued():
    data = ocsp.respond(answer(NotIssued()), RESPONDER)
    found = other.load_der_ocsp_response(data)
    assert found.certificate_status is other.OCSPCertStatus.REVOKED
    assert found.revocation_time_utc == datetime(1970, 1, 1, tzinfo=UTC)
    assert found.revocation_reason is x509.ReasonFlags.certificate_hold
    (extension,) = found.extensions
    assert extension.oid.dotted_string == "1.3.6.1.5.5.7.48.1.9"
    assert extension.value.value == b"\x05\x00"
    assert lint_ocsp(data) == []


def test_one_response_about_several():
    data = ocsp.respond(answer(Good(), Revoked(NOW), NotIssued()), RESPONDER)
    found = list(other.load_der_ocsp_response(data).responses)
    assert [(each.serial_number, each.certificate_status.name) for each in found] == [
        (1, "GOOD"),
        (2, "REVOKED"),
        (3, "REVOKED"),
    ]
    assert lint_ocsp(data) == []
