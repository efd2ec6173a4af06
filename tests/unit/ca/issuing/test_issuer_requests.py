"""Signing requests that no decent program makes: a certificate with our names, or our one error."""

import time
from base64 import encodebytes

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgward.ca.issuing.rules import NO_RULES
from pgward.core.errors import PgwardError
from pgward.pki import csr, keys, pem
from pgward.pki.errors import BadKeyError, BadRequestError

KEY = keys.generate()
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
EXTENSION_REQUEST = bytes.fromhex("06092a864886f70d01090e")
COMMON_NAME = bytes.fromhex("0603550403")
CHALLENGE = bytes.fromhex("06092a864886f70d010907")
ALT_NAME, BASIC, KEY_USAGE = (bytes.fromhex(f"0603551d{last}") for last in ("11", "13", "0f"))
SIGNING = bytes.fromhex("03020780")
CA_TRUE = bytes.fromhex("30030101ff")


def tlv(tag: int, *contents: bytes) -> bytes:
    """Write DER: a tag, a length, what is inside."""
    inside = b"".join(contents)
    size = len(inside)
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    length = bytes([size]) if size < 0x80 else bytes([0x80 | len(octets)]) + octets
    return bytes([tag]) + length + inside


def sequence(*contents: bytes) -> bytes:
    return tlv(0x30, *contents)


def name(value: bytes = b"alice", tag: int = 0x0C, oid: bytes = COMMON_NAME) -> bytes:
    return sequence(tlv(0x31, sequence(oid, tlv(tag, value))))


def information(subject: bytes, *attributes: bytes, spki: bytes | None = None) -> bytes:
    key = keys.spki(KEY.public_key()) if spki is None else spki
    return sequence(b"\x02\x01\x00", subject, key, tlv(0xA0, *attributes))


def extension(oid: bytes, value: bytes, *, critical: bool = False) -> bytes:
    return sequence(oid, b"\x01\x01\xff" if critical else b"", tlv(0x04, value))


def asks_for(*extensions: bytes) -> bytes:
    """Return the attribute that holds wanted extensions (RFC 2985)."""
    return sequence(EXTENSION_REQUEST, tlv(0x31, sequence(*extensions)))


def signed(info: bytes) -> bytes:
    """Sign what is inside, whatever it is, so that the signature is no reason to refuse it."""
    signature = KEY.sign(info, ec.ECDSA(hashes.SHA256()))
    der = sequence(info, ECDSA_SHA256, tlv(0x03, b"\0" + signature))
    return pem_of(der)


def pem_of(der: bytes) -> bytes:
    label = b"CERTIFICATE REQUEST-----\n"
    return b"-----BEGIN " + label + encodebytes(der) + b"-----END " + label


UNKNOWN_KEY = sequence(sequence(b"\x06\x03\x2a\x03\x04"), b"\x03\x01\0")
GOOD = information(name())
NAMES = sequence(tlv(0x82, b"evil.example.com"))


@pytest.fixture
def ask(alice):
    """Ask the real API for a certificate; return its names, or None when it says 422."""

    def asking(request: bytes) -> list[str] | None:
        body = {"csr": request.decode()}
        answer = alice.call("POST", "/v1/certificates/login", body)
        if answer.status_code != 200:
            error = answer.json()["error"]
            assert (answer.status_code, error["code"]) == (422, "invalid"), answer.text
            return None
        (made,) = pem.split(answer.json()["certificate"].encode())
        with pytest.raises(x509.ExtensionNotFound):
            made.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
        return [str(each.value) for each in made.subject]

    return asking


STRANGE_REQUESTS = {
    "a bare one": GOOD,
    "no name": information(sequence()),
    "another's name": information(name(b"root")),
    "a name with NUL": information(name(b"alice\0root")),
    "a BMP name": information(name("älice".encode("utf-16-be"), 0x1E)),
    "half a BMP name": information(name(b"abc", 0x1E)),
    "a name that is not UTF-8": information(name(b"\xff\xfe")),
    "a number as a name": information(name(b"\x05", 0x02)),
    "a name of 9,000 letters": information(name(b"a" * 9000)),
    "500 names": information(sequence(*[name()[2:]] * 500)),
    "two common names in one": information(
        sequence(tlv(0x31, *[sequence(COMMON_NAME, tlv(0x0C, b"x"))] * 2))
    ),
    "an attribute of no kind": information(name(), sequence()),
    "an attribute without values": information(name(), sequence(CHALLENGE, tlv(0x31))),
    "a challenge": information(name(), sequence(CHALLENGE, tlv(0x31, tlv(0x0C, b"s3cret")))),
    "a long challenge": information(name(), sequence(CHALLENGE, tlv(0x31, tlv(0x0C, b"x" * 9000)))),
    "the same attribute twice": information(
        name(), *[sequence(CHALLENGE, tlv(0x31, tlv(0x0C, b"x")))] * 2
    ),
    "a CA, please": information(name(), asks_for(extension(BASIC, CA_TRUE, critical=True))),
    "names, please": information(name(), asks_for(extension(ALT_NAME, NAMES))),
    "the same names twice": information(name(), asks_for(*[extension(ALT_NAME, NAMES)] * 2)),
    "two lists of extensions": information(name(), *[asks_for(extension(ALT_NAME, NAMES))] * 2),
    "an extension of nonsense": information(name(), asks_for(extension(KEY_USAGE, b"\xff" * 9))),
    "an unknown critical extension": information(
        name(), asks_for(extension(bytes.fromhex("06032a0304"), b"x", critical=True))
    ),
    "300 extensions": information(name(), asks_for(*[extension(KEY_USAGE, SIGNING)] * 300)),
    "nothing inside": sequence(),
    "version 7": GOOD.replace(b"\x02\x01\x00", b"\x02\x01\x07", 1),
    "a length that lies": GOOD[:1] + b"\x83\xff\xff\xff" + GOOD[2:],
    "an indefinite length": b"\x30\x80" + GOOD[2:] + b"\0\0",
    "very deep": b"\x30\x80" * 2000,
    "a key of no kind": information(name(), spki=UNKNOWN_KEY),
    "a point at infinity": information(
        name(),
        spki=keys.spki(KEY.public_key())[:-66] + b"\x03\x42\x00\x00" + bytes(64),
    ),
}


def test_a_strange_request_changes_no_name(ask):
    got = {what: ask(signed(info)) for what, info in STRANGE_REQUESTS.items()}
    assert {what: names for what, names in got.items() if names not in (None, ["alice"])} == {}
    assert got["another's name"] == got["names, please"] == got["a CA, please"] == ["alice"]


STRANGE_KEYS = {
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "brainpool": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
    "P-224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "Ed448": ed448.Ed448PrivateKey.generate,
    "DSA": lambda: dsa.generate_private_key(1024),
    "RSA 1024": lambda: rsa.generate_private_key(65537, 1024),
}


@pytest.mark.parametrize("make", STRANGE_KEYS.values(), ids=STRANGE_KEYS)
def test_a_strange_key_gets_no_certificate(make):
    key = make()
    digest = None if isinstance(key, ed448.Ed448PrivateKey) else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    with pytest.raises((BadKeyError, BadRequestError)):
        csr.read(request.sign(key, digest).public_bytes(Encoding.PEM))


def spki_of(modulus: int, exponent: int) -> bytes:
    numbers = tlv(0x02, positive(modulus)), tlv(0x02, positive(exponent))
    algorithm = bytes.fromhex("300d06092a864886f70d0101010500")
    return sequence(algorithm, tlv(0x03, b"\0", sequence(*numbers)))


def positive(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1)


HUGE_KEYS = {
    "8193 bits": (8193, 65537),
    "16384 bits": (16384, 65537),
    "16385 bits": (16385, 65537),
    "40,000 bits": (40_000, 65537),
    "60,000 bits with exponent 3": (60_000, 3),
    "an exponent of 16,384 bits": (16384, 2**16383 + 1),
    "an exponent of 4,000 bits": (4096, 2**4000 + 1),
    "an exponent as long as the modulus": (2048, 2**2047 + 1),
    "an even exponent": (2048, 2),
    "exponent 1": (2048, 1),
    "modulus 1": (1, 1),
}


@pytest.mark.parametrize("numbers", HUGE_KEYS.values(), ids=HUGE_KEYS)
def test_huge_rsa_keys_and_exponents_cost_no_time(numbers):
    bits, exponent = numbers
    spki = spki_of(2**bits - 1, exponent)
    algorithm = bytes.fromhex("300d06092a864886f70d01010b0500")
    signature = tlv(0x03, b"\0", b"\x01" * min(bits // 8 + 1, 4000))
    request = pem_of(sequence(information(name(), spki=spki), algorithm, signature))
    began = time.process_time()
    with pytest.raises((BadRequestError, BadKeyError)):
        csr.read(request)
    assert time.process_time() - began < 1


def test_a_key_for_exchange_alone_is_refused():
    spki = (
        x25519.X25519PrivateKey.generate()
        .public_key()
        .public_bytes(Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises((BadRequestError, BadKeyError)):
        csr.read(signed(information(name(), spki=spki)))


REAL = x509.load_pem_x509_csr(
    x509.CertificateSigningRequestBuilder()
    .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alice")]))
    .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example.com")]), critical=False)
    .add_extension(x509.BasicConstraints(ca=True, path_length=3), critical=True)
    .add_attribute(AttributeOID.CHALLENGE_PASSWORD, b"s3cret")
    .sign(KEY, hashes.SHA256())
    .public_bytes(Encoding.PEM)
)
PIECES = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([b"\x30\x80", b"\x02\x01\x00", b"\xa0\x00", b"\x31\x00", b"\xff\xff", NAMES]),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Change a real request's inside here and there, and sign it anew."""
    data = bytearray(REAL.tbs_certrequest_bytes)
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 3))] = draw(PIECES)
    return signed(bytes(data))


ANY = st.one_of(mutated(), st.binary(max_size=300).map(pem_of), st.binary(max_size=60).map(signed))


@given(asked=ANY)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_requests_raise_the_one_error_or_change_no_name(authority, asked):
    ends = authority.clock.now().replace(year=2027)
    try:
        issued = authority.begin_login(
            asked, user="alice", session_id="s", session_ends=ends, rules=NO_RULES
        ).result()
    except PgwardError:
        return
    assert issued.certificate.subject.rfc4514_string() == "CN=alice"
    assert keys.spki(issued.certificate.public_key()) == keys.spki(KEY.public_key())
