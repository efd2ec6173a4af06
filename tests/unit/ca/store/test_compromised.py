"""A key that was revoked as compromised is never certified again, whoever brings it."""

from datetime import timedelta

import pytest
from cryptography import x509

from pgward.ca.log import audit
from pgward.ca.log.head_signer import HeadSigner
from pgward.ca.records import CaName, CertificateRecord, Kind, Signed
from pgward.ca.store import certificates as stored
from pgward.ca.store import compromised
from pgward.ca.store.certificates import CertificateFilter, SqlCertificates
from pgward.ca.store.log_purge import purge_certificates
from pgward.ca.store.schema import COMPROMISED as COMPROMISED_ROWS
from pgward.pki import csr, keys
from pgward.pki.errors import CompromisedKeyError
from tests.fixtures.authority import START
from tests.unit.ca.store.test_log_purge import KEEP

KEY = keys.generate()
REQUEST = csr.make(KEY)
COMPROMISED = x509.ReasonFlags.key_compromise


def issue(authority, request=REQUEST):
    return authority.issue_server(request, kind=Kind.HOST, name="db1", dns=["db1.test"])


def revoke(store, serial, reason=COMPROMISED):
    with store.write() as transaction:
        return stored.revoke(
            transaction, CertificateFilter(serial=serial), now=START, reason=reason
        )


def test_a_compromised_key_gets_no_certificate_and_is_not_even_signed(
    store, sql_authority, monkeypatch
):
    first = issue(sql_authority)
    assert issue(sql_authority).serial_hex != first.serial_hex
    revoke(store, first.serial_hex)
    with store.read() as connection:
        before = len(stored.find(connection, CertificateFilter()))
    monkeypatch.setattr(SqlCertificates, "record", None)
    with pytest.raises(CompromisedKeyError, match="revoked as compromised") as caught:
        issue(sql_authority)
    assert caught.value.hint == "make a new key"
    with store.read() as connection:
        assert len(stored.find(connection, CertificateFilter())) == before


def record(serial, key_sha256):
    return CertificateRecord(
        serial=serial,
        ca=CaName.SERVER_ISSUING,
        kind=Kind.EDGE,
        subject="e1",
        not_before=START,
        not_after=START + timedelta(hours=1),
        key_sha256=key_sha256,
    )


def test_the_others_of_its_batch_get_theirs(store, clock):
    made = SqlCertificates(store, clock)
    made.reserve([record(1, "bad")])
    revoke(store, "1")
    refused = made.reserve([record(2, "good"), record(3, "bad"), record(4, "other")])
    assert {serial: type(error) for serial, error in refused.items()} == {3: CompromisedKeyError}
    assert made.reserve([record(5, "bad")]).keys() == {5}
    with store.read() as connection:
        rows = stored.find(connection, CertificateFilter(state="pending"))
    assert sorted(row["serial"] for row in rows) == ["2", "4"]


def test_what_was_reserved_before_does_not_leave(store, clock):
    made = SqlCertificates(store, clock)
    records = [record(1, "bad"), record(2, "bad"), record(3, "good")]
    made.reserve(records)
    revoke(store, "1")
    refused = made.record([Signed(each, b"der") for each in records])
    assert {serial: error.message for serial, error in refused.items()} == {
        1: "the certificate was revoked before it was signed",
        2: "the key was revoked as compromised",
    }


@pytest.mark.parametrize("reason", [each for each in x509.ReasonFlags if each != COMPROMISED])
def test_another_reason_says_nothing_of_the_key(store, clock, reason):
    made = SqlCertificates(store, clock)
    made.reserve([record(1, "same")])
    revoke(store, "1", reason)
    assert made.reserve([record(2, "same")]) == {}


def test_that_it_is_compromised_may_become_known_later(store, sql_authority, clock, log_key):
    """Also of a certificate that was revoked for another reason, or has expired."""
    first = issue(sql_authority)
    assert revoke(store, first.serial_hex, x509.ReasonFlags.superseded) == [first.serial_hex]
    clock.move(days=60)
    with store.write() as transaction:
        wanted = CertificateFilter(serial=first.serial_hex)
        assert stored.cas_of(transaction.connection, wanted, COMPROMISED) == {"server-issuing"}
        found = stored.revoke(transaction, wanted, now=clock.now(), reason=COMPROMISED)
    assert found == [first.serial_hex]
    assert revoke(store, first.serial_hex) == revoke(store, first.serial_hex) == []
    assert revoke(store, first.serial_hex, x509.ReasonFlags.superseded) == []
    HeadSigner(store, log_key, clock).sign()
    with store.read() as connection:
        (row,) = stored.find(connection, wanted)
        assert (row["reason"], row["revoked_at"]) == ("key_compromise", START)
        assert compromised.known(connection, [row["key_sha256"], "other"]) == {row["key_sha256"]}
        assert audit.audit(connection, log_key.public_key()).problems == []
    with pytest.raises(CompromisedKeyError):
        issue(sql_authority)


def test_it_stays_known_when_what_expired_is_purged(store, clock):
    made = SqlCertificates(store, clock)
    records = [record(1, "bad"), record(2, "good")]
    made.reserve(records)
    made.record([Signed(each, b"der") for each in records])
    revoke(store, "1")
    revoke(store, "2", x509.ReasonFlags.superseded)
    clock.move(days=5000)
    assert purge_certificates(store, clock.now(), KEEP) == 1
    assert purge_certificates(store, clock.now(), KEEP) == 0
    assert made.reserve([record(3, "bad")]).keys() == {3}


def test_a_key_is_checked_by_itself(store, sql_authority):
    key_sha256 = keys.spki_sha256(KEY.public_key())
    with store.read() as connection:
        compromised.check(connection, key_sha256)
    revoke(store, issue(sql_authority).serial_hex)
    with store.read() as connection, pytest.raises(CompromisedKeyError):
        compromised.check(connection, key_sha256)


def test_every_certificate_asks_an_index_of_these_keys_alone(store):
    assert f"reason = '{compromised.REASON}'" == COMPROMISED_ROWS
    with store.read() as connection:
        statement = compromised._KNOWN.params(keys=["ab", "cd"])
        text = statement.compile(connection, compile_kwargs={"literal_binds": True})
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
    assert [row[-1].partition(" (")[0] for row in plan] == [
        "SEARCH certificates USING INDEX ix_certificates_compromised"
    ]
