from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from pgward.pki import crl_der, keys, reasons
from pgward.pki.errors import CrlError

KEY = keys.generate()
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")])


def builder(next_update=NOW + timedelta(days=7)):
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(NAME)
        .last_update(NOW)
        .next_update(next_update)
        .add_extension(x509.CRLNumber(7), critical=False)
    )


def theirs(entries, unsigned=None):
    """The same list as cryptography encodes it."""
    unsigned = unsigned or builder()
    for serial, at, reason in entries:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
        if reason is not x509.ReasonFlags.unspecified:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        unsigned = unsigned.add_revoked_certificate(entry.build())
    return unsigned.sign(KEY, hashes.SHA256())


def empty(**options):
    return builder(**options).sign(KEY, hashes.SHA256()).tbs_certlist_bytes


ENTRIES = st.tuples(
    st.integers(min_value=1, max_value=2**159 - 1),
    st.integers(0, 100 * 365 * 86400).map(
        lambda s: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(seconds=s)
    ),
    st.sampled_from(list(reasons.CODES)),
)


@given(st.lists(ENTRIES, max_size=20))
def test_it_is_what_cryptography_writes(entries):
    assert crl_der.with_entries(empty(), entries) == theirs(entries).tbs_certlist_bytes


def test_times_of_other_zones_and_fractions_of_seconds():
    zone = timezone(timedelta(hours=5, minutes=30))
    local = NOW.astimezone(zone)
    expected = theirs([(5, NOW, x509.ReasonFlags.superseded)]).tbs_certlist_bytes
    for at in (local, NOW.replace(microsecond=999_999)):
        made = crl_der.with_entries(empty(), [(5, at, x509.ReasonFlags.superseded)])
        assert made == expected


def test_a_list_that_ends_after_2049():
    end = datetime(2060, 1, 1, tzinfo=UTC)
    entries = [(5, NOW, x509.ReasonFlags.unspecified)]
    made = crl_der.with_entries(empty(next_update=end), entries)
    assert made == theirs(entries, builder(end)).tbs_certlist_bytes


def test_it_is_assembled_with_a_signature():
    tbs = crl_der.with_entries(empty(), [(5, NOW, x509.ReasonFlags.key_compromise)])
    made = crl_der.assemble(tbs, KEY.sign(tbs, ec.ECDSA(hashes.SHA256())))
    found = x509.load_der_x509_crl(made)
    assert found.is_signature_valid(KEY.public_key())
    (entry,) = found
    assert (entry.serial_number, entry.revocation_date_utc) == (5, NOW)


@pytest.mark.parametrize("serial", [0, -1, 2**159])
def test_serial_numbers_that_cannot_be(serial):
    with pytest.raises(CrlError, match="out of bounds"):
        crl_der.with_entries(empty(), [(serial, NOW, x509.ReasonFlags.unspecified)])


def test_what_is_no_list():
    for tbs in (b"", b"\x30\x00", empty() + b"\0", empty()[:-1]):
        with pytest.raises(CrlError, match="malformed"):
            crl_der.with_entries(tbs, [])


def test_what_cannot_be_assembled():
    with pytest.raises(CrlError, match="malformed"):
        crl_der.assemble(b"\x30\x00", b"")
