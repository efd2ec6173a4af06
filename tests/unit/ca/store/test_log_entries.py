from datetime import timedelta

import sqlalchemy as sa
from cryptography import x509

from pgward.ca.records import CaName, CertificateRecord, Kind, Signed
from pgward.ca.store import certificates as stored
from pgward.ca.store import log, log_entries
from pgward.ca.store.certificates import CertificateFilter, SqlCertificates
from pgward.ca.store.schema import certificates
from pgward.ca.store.schema_log import log_leaves
from pgward.core.errors import DeniedError
from pgward.pki import log_entry, merkle
from pgward.pki.log_entry import CertificateEntry, RevocationEntry
from tests.fixtures.authority import START

HOUR = timedelta(hours=1)


def issue(store, clock, serial=0x7F, **fields) -> CertificateRecord:
    record = CertificateRecord(
        serial=serial,
        ca=CaName.USER_ISSUING,
        kind=fields.pop("kind", Kind.EDGE),
        subject=fields.pop("subject", "e1"),
        not_before=START,
        not_after=START + HOUR,
        key_sha256="00",
        **fields,
    )
    made = SqlCertificates(store, clock)
    made.reserve([record])
    assert made.record([Signed(record, b"DER")]) == {}
    return record


def leaves(store) -> list[sa.Row]:
    with store.read() as connection:
        return connection.execute(sa.select(log_leaves).order_by("log_index")).all()


def row(store, serial="7f") -> sa.RowMapping:
    with store.read() as connection:
        return stored.find(connection, CertificateFilter(serial=serial))[0]


def test_a_certificate_is_a_leaf_that_its_row_makes_again(store, clock):
    issue(store, clock, client="192.0.2.7")
    found = row(store)
    expected = CertificateEntry(START, "user-issuing", "edge", "e1", b"DER", "", "192.0.2.7")
    assert found["log_index"] == 0
    assert log_entry.decode(log_entries.certificate(found, found["der"]).encoded) == expected
    assert leaves(store) == [(0, 1, "7f", merkle.leaf_hash(expected.encode()), None)]


def test_the_login_session_is_in_the_leaf(store, clock):
    issue(store, clock, session_id="s1")
    found = row(store)
    entry = log_entry.decode(log_entries.certificate(found, b"DER").encoded)
    assert entry.session == "s1"


def test_each_revocation_is_a_leaf_with_its_reason(store, clock):
    issue(store, clock, 0x7F)
    issue(store, clock, 0x11)
    clock.move(minutes=1)
    with store.write() as transaction:
        reason = x509.ReasonFlags.superseded
        wanted = CertificateFilter(kind="edge")
        assert stored.revoke(transaction, wanted, now=clock.now(), reason=reason) == ["11", "7f"]
    bodies = [
        RevocationEntry(clock.now(), "user-issuing", serial, "superseded").encode()
        for serial in ("11", "7f")
    ]
    assert leaves(store)[2:] == [
        (2, 2, "11", merkle.leaf_hash(bodies[0]), bodies[0]),
        (3, 2, "7f", merkle.leaf_hash(bodies[1]), bodies[1]),
    ]


def test_revoking_nothing_logs_nothing(store, clock):
    issue(store, clock)
    with store.write() as transaction:
        wanted = CertificateFilter(kind="host")
        stored.revoke(transaction, wanted, now=START, reason=x509.ReasonFlags.unspecified)
    assert len(leaves(store)) == 1


def test_what_fails_to_be_recorded_is_in_no_log(store, clock):
    record = issue(store, clock)
    with store.read() as connection:
        before = log.state(connection)
    refused = SqlCertificates(store, clock).record([Signed(record, b"again")])
    assert [type(each) for each in refused.values()] == [DeniedError]
    with store.read() as connection:
        assert log.state(connection) == before
        assert connection.execute(sa.select(certificates.c.der)).scalar() == b"DER"
