"""The whole way of rotations, at the authority."""

from datetime import timedelta

import pytest
from cryptography import x509

from pgward.ca.generations import State
from pgward.ca.records import CaName
from pgward.ca.rotation.replicas import Presence
from pgward.ca.standing import Loader
from pgward.core.errors import ConflictError, DeniedError, InvalidInputError

HOUR = timedelta(hours=1)


def states(ca):
    return {each.id: each.state for each in ca.authority.standing.generations.all}


def leaf(issued):
    return x509.load_pem_x509_certificate(issued["certificate"].encode())


def issuer(ca, issued):
    known = ca.authority.standing.generations
    chain = x509.load_pem_x509_certificates("".join(issued["chain"]).encode())
    return next(each.id for each in known.all if each.certificate == chain[0])


@pytest.fixture
def alice(rotating_ca):
    rotating_ca.api.add("alice")
    return rotating_ca.api.device("alice")


def test_an_issuing_ca_is_replaced_while_people_log_in(rotating_ca, alice):
    ca = rotating_ca
    assert issuer(ca, alice.certificate()) == "user-issuing"
    name = ca.start("user-issuing").id
    assert issuer(ca, alice.certificate()) == "user-issuing"
    assert ca.advance(name).rotation.phase == "issue-new"
    assert states(ca)["user-issuing"] is State.PREVIOUS
    with pytest.raises(ConflictError, match="certificates of user-issuing are still held"):
        ca.advance(name)
    assert issuer(ca, alice.certificate()) == "user-issuing-2"
    assert ca.advance(name).rotation.phase == "trust-new"
    assert states(ca)["user-issuing"] is State.RETIRED
    assert len(ca.authority.trust.user_issuing) == 1
    assert ca.advance(name).rotation.phase == "done"
    with pytest.raises(ConflictError, match="nothing comes after"):
        ca.advance(name)


def test_the_old_list_is_kept_up_for_an_hour_after_the_last_certificate(rotating_ca, alice):
    ca = rotating_ca
    alice.certificate()
    name = ca.start("user-issuing").id
    ca.advance(name)
    alice.certificate()
    ca.advance(name)
    lists = [each.name for each in ca.authority.crls()]
    assert "user-issuing" not in lists
    assert [each.crl is not None for each in ca.authority.retired()] == [True]
    assert "user-issuing" in [each.name for each in ca.authority.publish_crls()]
    ca.clock.move(hours=2, seconds=1)
    assert [each.crl for each in ca.authority.retired()] == [None]
    assert "user-issuing" not in [each.name for each in ca.authority.publish_crls()]


def test_what_nobody_renewed_can_be_revoked(rotating_ca, alice):
    ca = rotating_ca
    held = leaf(alice.certificate())
    name = ca.start("user-issuing").id
    ca.advance(name)
    moved = ca.advance(name, revoke_remaining=True)
    assert moved.revoked == [f"{held.serial_number:x}"]
    (retired,) = ca.authority.retired()
    assert retired.crl is not None
    revoked = x509.load_der_x509_crl(retired.crl)
    assert revoked.get_revoked_certificate_by_serial_number(held.serial_number) is not None
    assert ca.get(name).history[-1]["revoked"] == 1


def test_a_rollback_from_trust_gives_the_new_ca_up(rotating_ca, alice):
    ca = rotating_ca
    name = ca.start("user-root").id
    assert ca.rollback(name).rotation.phase == "rolled-back"
    assert states(ca)["user-root-2"] is State.RETIRED
    assert len(ca.authority.trust.user_roots) == 1
    assert issuer(ca, alice.certificate()) == "user-issuing"
    assert ca.start("user-root").id == "user-root-3"


def test_a_rollback_from_issuing_locks_nobody_out(rotating_ca, alice):
    ca = rotating_ca
    alice.certificate()
    name = ca.start("user-root").id
    ca.advance(name)
    assert issuer(ca, alice.certificate()) == "user-issuing-2"
    assert ca.rollback(name).rotation.phase == "trust-both"
    # What she had of the old CA before is no successor of what she has now.
    assert len(ca.authority.trust.user_roots) == 2
    with pytest.raises(ConflictError, match="cannot reach its end"):
        ca.rollback(name)
    assert issuer(ca, alice.certificate()) == "user-issuing"
    assert ca.rollback(name).rotation.phase == "rolled-back"


def test_there_is_no_way_back_once_the_old_ca_is_gone(rotating_ca):
    name = rotating_ca.start("user-issuing").id
    rotating_ca.advance(name)
    rotating_ca.advance(name)
    with pytest.raises(ConflictError, match="no way back from trust-new"):
        rotating_ca.rollback(name)


def test_who_lags_holds_all_up(rotating_ca):
    ca = rotating_ca
    edge = ca.edge()
    name = ca.start("user-issuing").id
    with pytest.raises(ConflictError, match="stays in phase trust-both") as raised:
        ca.advance(name)
    assert "edge:e1 lags since 2026-11-21T12:00:00Z: it was not seen yet" in raised.value.message
    assert "--force-without NAME" in (raised.value.hint or "")
    ca.report(edge, name)
    assert ca.advance(name).without == []


def test_a_dead_machine_can_be_left_behind_with_a_reason(rotating_ca):
    ca = rotating_ca
    ca.edge("e1")
    ca.edge("e2")
    name = ca.start("user-issuing").id
    with pytest.raises(InvalidInputError, match="needs a reason"):
        ca.advance(name, without=("e1",))
    with pytest.raises(InvalidInputError, match="'e9' does not lag"):
        ca.advance(name, without=("e9",), reason="scrapped")
    with pytest.raises(ConflictError, match="edge:e2 lags"):
        ca.advance(name, without=("e1",), reason="scrapped")
    moved = ca.advance(name, without=("e1", "edge:e2"), reason="scrapped")
    assert moved.without == ["edge:e1", "edge:e2"]
    assert ca.get(name).history[-1] == {
        "phase": "issue-new",
        "at": "2026-11-21T12:00:00Z",
        "by": "root",
        "without": ["edge:e1", "edge:e2"],
        "reason": "scrapped",
    }


def test_a_replica_without_the_key_holds_all_up(rotating_ca):
    ca = rotating_ca
    name = ca.start("user-issuing").id
    key = ca.directory / "keys" / "user-issuing-2.key"
    kept = key.read_bytes()
    key.unlink()
    other = Loader(ca.store, ca.keeper, ca.clock)
    presence = Presence(ca.store, other, "ca2:8443", ca.clock)
    presence.tell()
    with pytest.raises(ConflictError, match="replica ca2:8443 lags: it has no key of"):
        ca.advance(name)
    key.write_bytes(kept)
    presence.tell()
    assert ca.advance(name).rotation.phase == "issue-new"


def test_a_machine_moves_with_the_server_ca(rotating_ca):
    ca = rotating_ca
    edge = ca.edge()
    name = ca.start("server-root").id
    ca.report(edge, name)
    ca.advance(name)
    with pytest.raises(ConflictError, match="to present a certificate of the new CA"):
        ca.advance(name)
    ca.renew(edge)
    assert len(edge.chain) == 3  # with the cross certificate
    ca.report(edge, name)
    ca.advance(name)
    assert len(ca.authority.trust.server_roots) == 1
    # Its proof leads to the new root now.
    ca.report(edge, name)
    assert ca.advance(name).rotation.phase == "done"


def test_a_machine_that_was_left_behind_is_refused_in_the_end(rotating_ca):
    ca = rotating_ca
    edge = ca.edge()
    name = ca.start("server-root").id
    for extra in ({}, {"revoke_remaining": True}):
        ca.advance(name, without=("e1",), reason="scrapped", **extra)
    answer = edge.call("GET", "/v1/machine/orders")
    assert answer.status_code == 403
    assert DeniedError.code == answer.json()["error"]["code"]


def test_the_fingerprint_changes_with_the_root_that_issues(rotating_ca):
    ca = rotating_ca
    first = ca.authority.fingerprint
    name = ca.start("server-root").id
    assert ca.authority.fingerprint == first
    ca.advance(name)
    assert ca.authority.fingerprint != first
    known = ca.authority.standing.generations
    assert ca.authority.trust.server_roots[0] == known.current(CaName.SERVER_ROOT).certificate
