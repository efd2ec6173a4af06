from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from cryptography import x509

from pgward.ca.identity import directory, sessions
from pgward.ca.identity.directory import NewUser
from pgward.ca.records import CaName, CertificateRecord, Kind, Revocation, Signed
from pgward.ca.store import certificates as stored
from pgward.ca.store.certificates import CertificateFilter, SqlCertificates
from pgward.ca.store.schema import crls
from pgward.core.errors import ConflictError, DeniedError, LoginNeededError
from tests.fixtures.authority import START
from tests.fixtures.sessions import new_session

HOUR = timedelta(hours=1)
REASON = x509.ReasonFlags.superseded


@pytest.fixture
def certificates(store, clock):
    return SqlCertificates(store, clock)


@pytest.fixture
def session(store):
    with store.write() as transaction:
        user = directory.add(transaction, NewUser("alice"), now=START, by="test")
        return sessions.start(transaction, new_session(user, lifetime=HOUR), now=START)[0]


def _record(serial, kind=Kind.EDGE, subject="e1", session_id=None):
    return CertificateRecord(
        serial=serial,
        ca=CaName.SERVER_ISSUING,
        kind=kind,
        subject=subject,
        not_before=START,
        not_after=START + HOUR,
        key_sha256="00" * 32,
        session_id=session_id,
    )


def _revoke(store, wanted):
    with store.write() as transaction:
        return stored.revoke(transaction, wanted, now=START, reason=REASON)


def _states(store):
    with store.read() as connection:
        rows = stored.find(connection, CertificateFilter())
    return {row["serial"]: row["state"] for row in rows}


def _sign(certificates, *records):
    return certificates.record([Signed(record, b"der") for record in records])


def _told(refused):
    return {serial: (type(error), error.message) for serial, error in refused.items()}


def test_a_certificate_is_pending_then_issued(store, certificates):
    certificates.reserve([_record(255)])
    assert _states(store) == {"ff": "pending"}
    assert _sign(certificates, _record(255)) == {}
    assert _states(store) == {"ff": "issued"}


def test_many_are_recorded_together_but_for_those_that_are_refused(store, certificates):
    records = [_record(serial) for serial in (1, 2, 3)]
    certificates.reserve(records)
    _revoke(store, CertificateFilter(serial="2"))
    assert list(_sign(certificates, *records)) == [2]
    assert _states(store) == {"1": "issued", "2": "revoked", "3": "issued"}


def test_of_many_with_one_taken_serial_number_none_is_reserved(store, certificates):
    certificates.reserve([_record(2)])
    with pytest.raises(ConflictError, match="serial number is taken"):
        certificates.reserve([_record(1), _record(2)])
    assert _states(store) == {"2": "pending"}


def test_a_serial_number_is_reserved_once(certificates):
    certificates.reserve([_record(1)])
    with pytest.raises(ConflictError, match="serial number is taken"):
        certificates.reserve([_record(1)])


def test_what_was_revoked_while_it_was_signed_does_not_leave(store, certificates):
    certificates.reserve([_record(1)])
    assert _revoke(store, CertificateFilter(subject="e1")) == ["1"]
    refused = _sign(certificates, _record(1))
    expected = (DeniedError, "the certificate was revoked before it was signed")
    assert _told(refused) == {1: expected}


@pytest.mark.parametrize("how", ["logout", "block", "remove", "late"])
def test_a_login_certificate_needs_its_session_to_the_last_moment(
    store, certificates, clock, session, how
):
    record = _record(1, Kind.PERSON, "alice", session.id)
    certificates.reserve([record])
    with store.write() as transaction:
        transaction.execute(sa.insert(directory.users).values(_other_administrator()))
        if how == "logout":
            sessions.end(transaction, "logout", now=START, session_id=session.id)
    with store.write() as transaction:
        transaction.execute(
            sa.insert(directory.group_members).values(group_name="administrators", user_name="r")
        )
        if how == "block":
            directory.block(transaction, "alice", "", now=START)
        if how == "remove":
            directory.remove(transaction, "alice")
    if how == "late":
        clock.move(hours=1)
    refused = _sign(certificates, record)
    expected = (LoginNeededError, "your login session has ended")
    assert _told(refused) == {1: expected}


def test_revocations_are_those_of_one_ca_that_matter_still(store, certificates):
    for serial in (1, 2):
        certificates.reserve([_record(serial)])
    _revoke(store, CertificateFilter(serial="1"))
    found = certificates.revocations(CaName.SERVER_ISSUING, expired_after=START)
    assert found == [Revocation(1, START, REASON)]
    assert certificates.revocations(CaName.USER_ISSUING, expired_after=START) == []
    late = START + 2 * HOUR
    assert certificates.revocations(CaName.SERVER_ISSUING, expired_after=late) == []


def test_revoking_twice_revokes_once(store, certificates):
    certificates.reserve([_record(1)])
    assert _revoke(store, CertificateFilter(kind="edge")) == ["1"]
    assert _revoke(store, CertificateFilter(kind="edge")) == []


@pytest.mark.usefixtures("sql_authority")
def test_crls_are_numbered_kept_a_while_and_each_number_used_once(store, certificates):
    latest = certificates.latest_crl(CaName.USER_ISSUING)
    with pytest.raises(ConflictError, match="exists already"):
        certificates.save_crl(latest)
    for step in range(1, 15):  # numbers follow the clock, and lists are an hour apart
        certificates.save_crl(_numbered(latest, latest.number + 3600 * step))
    with store.read() as connection:
        statement = sa.select(crls.c.number).where(crls.c.ca == "user-issuing")
        kept = sorted(connection.execute(statement).scalars())
    assert kept == [latest.number + 3600 * step for step in range(5, 15)]
    assert certificates.latest_crl(CaName.USER_ISSUING).number == kept[-1]


def test_a_crl_without_a_revocation_that_came_meanwhile_is_not_stored(
    store, certificates, sql_authority
):
    latest = certificates.latest_crl(CaName.SERVER_ISSUING)
    certificates.reserve([_record(1)])
    _revoke(store, CertificateFilter(serial="1"))
    with pytest.raises(ConflictError, match="revoked while"):
        certificates.save_crl(_numbered(latest, latest.number + 1))
    sql_authority.publish_crls()
    assert certificates.latest_crl(CaName.SERVER_ISSUING).number > latest.number


def test_the_cas_of_what_would_be_revoked(store, certificates):
    certificates.reserve([_record(1)])
    wanted, compromised = CertificateFilter(serial="1"), x509.ReasonFlags.key_compromise
    with store.read() as connection:
        found = stored.cas_of(connection, wanted, REASON)
    _revoke(store, wanted)
    with store.read() as connection:
        again = stored.cas_of(connection, wanted, REASON)
        worse = stored.cas_of(connection, wanted, compromised)
    assert (found, again, worse) == ({"server-issuing"}, set(), {"server-issuing"})


@pytest.mark.parametrize(
    ("kind", "actor"),
    [("person", "x"), ("edge", "edge:x"), ("host", "host:x"), ("api", "system:ca")],
)
def test_owners_are_named_as_actors(kind, actor):
    assert stored.actor_of(kind, "x") == actor


def _numbered(crl, number):
    return replace(crl, number=number)


def _other_administrator():
    return {
        "name": "r",
        "name_key": "r",
        "full_name": "",
        "email": "",
        "created_at": START,
        "created_by": "test",
    }
