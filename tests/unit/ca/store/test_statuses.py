from datetime import timedelta

import pytest
import sqlalchemy as sa
from cryptography import x509

from pgward.ca.records import Kind
from pgward.ca.store import certificates as stored
from pgward.ca.store.certificates import CertificateFilter
from pgward.ca.store.schema import certificates
from pgward.ca.store.statuses import SqlStatuses
from pgward.pki import csr, keys
from pgward.pki.ocsp import Good, NotIssued, Revoked
from tests.fixtures.authority import START


@pytest.fixture
def serial(sql_authority):
    issued = sql_authority.issue_server(
        csr.make(keys.generate()), kind=Kind.HOST, name="h1", dns=["h1"]
    )
    return issued.certificate.serial_number


@pytest.fixture
def statuses(store):
    return SqlStatuses(store)


def test_what_was_issued_is_good(statuses, serial):
    assert statuses.find("server-issuing", [serial]) == {serial: Good()}


def test_under_another_ca_it_was_never_issued(statuses, serial):
    assert statuses.find("user-issuing", [serial]) == {serial: NotIssued()}


def test_what_was_revoked_tells_when_and_why(statuses, serial, store):
    at = START + timedelta(minutes=5)
    with store.write() as transaction:
        wanted, reason = CertificateFilter(serial=f"{serial:x}"), x509.ReasonFlags.superseded
        stored.revoke(transaction, wanted, now=at, reason=reason)
    assert statuses.find("server-issuing", [serial]) == {serial: Revoked(at, reason)}


def test_what_is_not_signed_yet_was_never_issued(statuses, serial, store):
    with store.write() as transaction:
        transaction.execute(sa.update(certificates).values(state=stored.PENDING))
    assert statuses.find("server-issuing", [serial]) == {serial: NotIssued()}


def test_serial_numbers_that_no_certificate_can_have(statuses, serial):
    strange = [0, -1, -serial, 1 << 159, 1 << 5000]
    found = statuses.find("server-issuing", [*strange, serial])
    assert found == {**dict.fromkeys(strange, NotIssued()), serial: Good()}
