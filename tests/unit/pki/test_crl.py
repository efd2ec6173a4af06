from datetime import timedelta

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from pgward.pki import crl, keys
from pgward.pki.chain import CLIENT_AUTH
from pgward.pki.crl import RevocationList
from pgward.pki.errors import CrlError
from tests.fixtures.pki import NOW, TestCa

KEY = keys.generate()


def load(hierarchy, ders):
    return RevocationList.load(ders, [hierarchy.root.certificate, hierarchy.issuing.certificate])


def test_what_the_lists_say_together(hierarchy):
    leaf = hierarchy.issuing.issue("alice", KEY, [CLIENT_AUTH])
    lists = load(
        hierarchy,
        [
            hierarchy.root.crl(end=NOW + timedelta(days=90)),
            hierarchy.issuing.crl([leaf.serial_number]),
        ],
    )
    issuing_id = crl.key_id(hierarchy.issuing.certificate)
    assert crl.issuer_key_id(leaf) == issuing_id
    assert lists.is_revoked(issuing_id, leaf.serial_number)
    assert not lists.is_revoked(issuing_id, 4711)
    assert lists.expires_at == NOW + timedelta(days=7)


def test_nothing_of_a_revoked_issuing_ca_counts(hierarchy):
    serial = hierarchy.issuing.certificate.serial_number
    issuing_id = crl.key_id(hierarchy.issuing.certificate)
    lists = load(hierarchy, [hierarchy.root.crl([serial]), hierarchy.issuing.crl()])
    assert lists.is_revoked(issuing_id, 4711)
    assert not lists.is_revoked(crl.key_id(hierarchy.root.certificate), 4711)


def test_a_root_that_revokes_itself_is_still_what_was_chosen_to_be_trusted(hierarchy):
    serial = hierarchy.root.certificate.serial_number
    lists = load(hierarchy, [hierarchy.root.crl([serial]), hierarchy.issuing.crl()])
    assert lists.revoked_issuers == frozenset()


def test_the_same_serial_of_another_ca_does_not_count(hierarchy):
    lists = load(hierarchy, [hierarchy.root.crl([7]), hierarchy.issuing.crl()])
    assert not lists.is_revoked(crl.key_id(hierarchy.issuing.certificate), 7)


def test_the_highest_number_counts(hierarchy):
    newer, older = hierarchy.issuing.crl([7], number=10), hierarchy.issuing.crl([], number=9)
    for order in ([newer, older], [older, newer]):
        lists = load(hierarchy, [hierarchy.root.crl(), *order])
        assert lists.is_revoked(crl.key_id(hierarchy.issuing.certificate), 7)


def test_every_issuer_needs_a_list(hierarchy):
    with pytest.raises(CrlError, match="no revocation list of CN=root"):
        load(hierarchy, [hierarchy.issuing.crl()])


def test_an_issuer_without_a_list_lets_nobody_in(hierarchy):
    lists = load(hierarchy, [hierarchy.root.crl(), hierarchy.issuing.crl()])
    with pytest.raises(CrlError):
        lists.is_revoked(b"unknown", 7)


def test_a_list_signed_by_another_is_refused(hierarchy):
    forged = hierarchy.issuing.crl(key=keys.generate())
    with pytest.raises(CrlError, match="not signed by that CA"):
        load(hierarchy, [hierarchy.root.crl(), forged])


def test_a_list_in_anothers_name_is_refused(hierarchy):
    misnamed = hierarchy.issuing.crl(issuer=hierarchy.root.certificate.subject)
    with pytest.raises(CrlError, match="not signed by that CA"):
        load(hierarchy, [hierarchy.root.crl(), misnamed])


def test_a_strangers_list_is_refused(hierarchy):
    with pytest.raises(CrlError, match="of no CA known here"):
        load(hierarchy, [hierarchy.root.crl(), hierarchy.issuing.crl(), TestCa.root().crl()])


def test_a_list_without_a_number_is_refused(hierarchy):
    with pytest.raises(CrlError, match="no number"):
        crl.read(hierarchy.issuing.crl(number=None))


@pytest.mark.parametrize(
    "critical",
    [
        x509.DeltaCRLIndicator(1),
        x509.IssuingDistributionPoint(None, None, True, False, None, False, False),
    ],
)
def test_a_partial_list_is_refused(hierarchy, critical):
    with pytest.raises(CrlError, match="not a full one"):
        crl.read(hierarchy.issuing.crl(extra=((critical, True),)))


@given(st.binary(max_size=300))
def test_bytes_raise_the_one_error(data):
    with pytest.raises(CrlError):
        crl.read(data)


def test_certificates_without_key_identifiers_are_told(hierarchy):
    bare = x509.CertificateBuilder(
        hierarchy.root.certificate.subject,
        hierarchy.root.certificate.subject,
        KEY.public_key(),
        7,
        NOW,
        NOW + timedelta(days=1),
    ).sign(KEY, hierarchy.root.certificate.signature_hash_algorithm)
    for read in (crl.key_id, crl.issuer_key_id):
        with pytest.raises(CrlError):
            read(bare)


@pytest.mark.parametrize(
    ("made_for", "left", "near"),
    [(7, 3, False), (7, 2.7, True), (7, -1, True), (5000, 31, False), (5000, 30, True)],
)
def test_a_list_nears_its_end_in_proportion_to_its_life(made_for, left, near):
    end = NOW + timedelta(days=made_for)
    assert crl.nears_its_end(NOW, end, end - timedelta(days=left)) is near
