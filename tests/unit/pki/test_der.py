from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from pgward.pki import der
from pgward.pki.der import DerError, Reader


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (der.integer(0), "020100"),
        (der.integer(127), "02017f"),
        (der.integer(128), "02020080"),
        (der.integer(-1), "0201ff"),
        (der.integer(-128), "020180"),
        (der.integer(-129), "0202ff7f"),
        (der.enumerated(6), "0a0106"),
        (der.octets(b"ab"), "04026162"),
        (der.bits(b"\xf0"), "030200f0"),
        (der.oid("1.2.840.113549.1.1.11"), "06092a864886f70d01010b"),
        (der.oid("2.5.29.20"), "0603551d14"),
        (der.sequence(der.integer(1), der.integer(2)), "3006020101020102"),
        (der.explicit(0, der.integer(1)), "a003020101"),
        (der.implicit(2), "8200"),
        (der.octets(bytes(200))[:3], "0481c8"),
        (der.octets(bytes(70_000))[:5], "0483011170"),
        (der.extension("2.5.29.20", der.integer(1)), "300a0603551d140403020101"),
        (der.extension("2.5.29.20", b"", critical=True), "300a0603551d140101ff0400"),
    ],
)
def test_writing(written, expected):
    assert written.hex() == expected


@pytest.mark.parametrize(
    ("moment", "short"),
    [
        (datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), b"\x17\x0d491231235959Z"),
        (datetime(2050, 1, 1, tzinfo=UTC), b"\x18\x0f20500101000000Z"),
    ],
)
def test_times(moment, short):
    assert der.time(moment) == short
    assert der.generalized_time(moment) == b"\x18\x0f%bZ" % f"{moment:%Y%m%d%H%M%S}".encode()


@pytest.mark.parametrize("arcs", ["1.2.840.10045.4.3.2", "2.5.4.3", "1.3.6.1.5.5.7.48.1.2"])
def test_identifiers_are_as_cryptography_writes_them(arcs):
    name = x509.Name([x509.NameAttribute(x509.ObjectIdentifier(arcs), "x")])
    assert der.oid(arcs) in name.public_bytes()


@given(st.integers(min_value=-(2**200), max_value=2**200))
def test_integers_are_read_as_written(number):
    reader = Reader(der.integer(number))
    assert reader.integer() == number
    reader.end()


def test_values_are_read_in_order():
    reader = Reader(der.sequence(der.integer(5), der.value(der.BOOLEAN, b"\xff"), der.octets(b"x")))
    inner = reader.enter()
    reader.end()
    assert (inner.integer(), inner.boolean(), inner.optional(der.NULL)) == (5, True, None)
    assert inner.peek() == der.OCTET_STRING
    assert inner.whole(der.OCTET_STRING) == b"\x04\x01x"
    assert inner.peek() is None
    inner.end()


@pytest.mark.parametrize(
    "data",
    [
        "",  # nothing
        "02",  # no length
        "0202ff",  # cut off
        "028101ff",  # a long form that is not needed
        "02820001ff",  # a length with a leading zero
        "0280ff0000",  # indefinite
        "0285000000000100",  # longer than any length here
        "02820",
        "0281",
        "04017f",  # another tag
        "0200",  # an integer of no octets
        "0202007f",  # an octet too many
        "0202ff80",
    ],
)
def test_an_integer_that_is_not_der(data):
    with pytest.raises(DerError):
        Reader(bytes.fromhex(data if len(data) % 2 == 0 else data + "0")).integer()


@pytest.mark.parametrize("data", ["0600", "060180", "0602802a", "06032a8001", "0603558180"])
def test_an_identifier_that_is_not_der(data):
    with pytest.raises(DerError):
        Reader(bytes.fromhex(data)).oid()


def test_a_boolean_is_one_of_two():
    with pytest.raises(DerError):
        Reader(b"\x01\x01\x01").boolean()


def test_nothing_may_follow():
    reader = Reader(der.integer(1) + b"\0")
    reader.integer()
    with pytest.raises(DerError, match="behind the end"):
        reader.end()


def test_a_real_certificate_request_reads_whole():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x" * 60)])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    outer = Reader(made.public_bytes(Encoding.DER))
    inside = outer.enter()
    outer.end()
    assert inside.whole(der.SEQUENCE) == made.tbs_certrequest_bytes
    algorithm = inside.enter()
    assert der.value(der.OID, algorithm.oid()) == der.oid("1.2.840.10045.4.3.2")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    reader = Reader(data)
    try:
        while (tag := reader.peek()) is not None:
            reader.read(tag)
    except DerError:
        return
    reader.end()
