import ssl

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.pki import pem
from pgward.pki.errors import BadCertificateError


def test_a_bundle_keeps_its_order(hierarchy):
    certificates = [hierarchy.issuing.certificate, hierarchy.root.certificate]
    assert pem.split(pem.join(certificates)) == certificates


def test_text_between_certificates_is_skipped(hierarchy):
    text = pem.text(hierarchy.root.certificate)
    bundle = f"# the root\n{text}and more\n".encode()
    assert pem.split(bundle) == [hierarchy.root.certificate]


@pytest.mark.parametrize(
    "data", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_junk_is_no_bundle(data):
    with pytest.raises(BadCertificateError, match="no certificates"):
        pem.split(data)


def test_a_huge_bundle_is_refused_unread():
    with pytest.raises(BadCertificateError, match="longer than"):
        pem.split(b"x" * (pem.MAX_BYTES + 1))


@pytest.mark.parametrize("size", [0, 1, 47, 48, 49, 1000])
def test_anything_can_be_armoured(size):
    written = pem.armour("THING", bytes(size))
    assert ssl.PEM_cert_to_DER_cert(written.decode().replace("THING", "CERTIFICATE")) == bytes(size)
    assert max(map(len, written.splitlines())) <= 64


def test_a_certificate_is_armoured_as_cryptography_does(hierarchy):
    certificate = hierarchy.root.certificate
    made = pem.armour("CERTIFICATE", certificate.public_bytes(Encoding.DER))
    assert made == certificate.public_bytes(Encoding.PEM)
