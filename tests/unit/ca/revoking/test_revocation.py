from cryptography import x509

from pgward.ca import observe
from pgward.ca.identity import directory, sessions
from pgward.ca.identity.directory import NewUser
from pgward.ca.issuing.rules import NO_RULES
from pgward.ca.records import CaName
from pgward.ca.revoking.revocation import Reason, Revoker
from pgward.ca.store.certificates import CertificateFilter
from tests.fixtures.authority import START
from tests.fixtures.ca_service import request_pem
from tests.fixtures.sessions import new_session


def _person(store, authority, name):
    with store.write() as transaction:
        user = directory.add(transaction, NewUser(name), now=START, by="test")
        session, token = sessions.start(transaction, new_session(user), now=START)
    issued = authority.begin_login(
        request_pem().encode(),
        user=name,
        session_id=session.id,
        session_ends=session.expires_at,
        rules=NO_RULES,
    ).result()
    return session, token, issued.serial_hex


def _on_crl(authority):
    crl = x509.load_der_x509_crl(authority.crl(CaName.USER_ISSUING).der)
    return {f"{entry.serial_number:x}" for entry in crl}


def test_cutting_a_person_off_ends_sessions_and_publishes(store, sql_authority):
    _, token, serial = _person(store, sql_authority, "alice")
    _, _, other = _person(store, sql_authority, "bob")
    version = store.version()
    with store.write() as transaction:
        found = Revoker(sql_authority).cut_off(
            transaction, "alice", "left", now=START, reason=Reason.privilege_withdrawn
        )
    assert found == [serial]
    assert _on_crl(sql_authority) == {serial}
    assert other not in _on_crl(sql_authority)
    assert store.version() > version
    with store.read() as connection:
        assert sessions.find(connection, token, START) is None


def test_it_is_counted_under_the_reasons_name(store, sql_authority, monkeypatch):
    counted = []
    monkeypatch.setattr(observe, "event", lambda *said, **labels: counted.append((said, labels)))
    _person(store, sql_authority, "alice")
    with store.write() as transaction:
        Revoker(sql_authority).cut_off(
            transaction, "alice", "lost", now=START, reason=Reason.key_compromise
        )
    assert (("revoked", 1), {"reason": "keyCompromise"}) in counted


def test_without_anything_to_revoke_no_crl_is_made(store, sql_authority):
    before = sql_authority.crl(CaName.USER_ISSUING).number
    with store.write() as transaction:
        nothing = CertificateFilter(subject="nobody")
        assert (
            Revoker(sql_authority).revoke(transaction, nothing, now=START, reason=Reason.superseded)
            == []
        )
    assert sql_authority.crl(CaName.USER_ISSUING).number == before


def test_ended_sessions_take_their_certificates_along(store, sql_authority):
    kept, _, _ = _person(store, sql_authority, "alice")
    _, token, serial = _person(store, sql_authority, "bob")
    with store.write() as transaction:
        revoker = Revoker(sql_authority)
        assert revoker.end_all_but(transaction, "alice", "x", now=START, keep=kept.id) == []
        assert revoker.end_all_but(transaction, "bob", "x", now=START, keep="-") == [serial]
        assert sessions.find(transaction.connection, token, START) is None
