import subprocess
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from pgward.pki import keys, name_identity
from tests.fixtures.pki import NOW

CN, ORG, C, MAIL = (
    NameOID.COMMON_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.COUNTRY_NAME,
    NameOID.EMAIL_ADDRESS,
)


def name(*parts: list[x509.NameAttribute]) -> x509.Name:
    return x509.Name([x509.RelativeDistinguishedName(part) for part in parts])


def attribute(oid: x509.ObjectIdentifier, text: str, kind=None) -> x509.NameAttribute:
    return x509.NameAttribute(oid, text, kind)


NAMES = [
    name([attribute(CN, " A  b Ünï ")]),
    name(
        [attribute(C, "DE")],
        [attribute(ORG, "Big Org"), attribute(CN, "x")],
        [attribute(MAIL, "A@b")],
    ),
    name([attribute(CN, "Ü B", _ASN1Type.BMPString)]),
    name([attribute(CN, "Ü B", _ASN1Type.UniversalString)]),
    name([attribute(CN, "x" * 60)], [attribute(ORG, "y" * 200)]),
    name(),
]


@pytest.mark.parametrize("given", NAMES, ids=range(len(NAMES)))
def test_the_same_as_openssl_says(given) -> None:
    builder = x509.CertificateRevocationListBuilder().issuer_name(given)
    made = builder.last_update(NOW).next_update(NOW + timedelta(1))
    pem = made.sign(keys.generate(), hashes.SHA256()).public_bytes(Encoding.PEM)
    command = ["openssl", "crl", "-hash", "-noout"]
    said = subprocess.run(command, input=pem, capture_output=True, check=True).stdout.decode()
    first_four = bytes.fromhex(name_identity.identity(given)[:8])
    assert first_four[::-1].hex() == said.strip()


def test_what_is_the_same_and_what_is_not() -> None:
    same = [" Ab  C", "aB c ", "ab c"]
    assert len({name_identity.identity(name([attribute(CN, each)])) for each in same}) == 1
    kinds = [_ASN1Type.UTF8String, _ASN1Type.PrintableString, _ASN1Type.BMPString]
    assert len({name_identity.canonical(name([attribute(CN, "a", each)])) for each in kinds}) == 1
    others = [name([attribute(CN, "É")]), name([attribute(CN, "é")]), name([attribute(ORG, "é")])]
    assert len({name_identity.identity(each) for each in others}) == 3
