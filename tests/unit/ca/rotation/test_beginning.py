import pytest

from pgward.ca.generations import State
from pgward.ca.rotation import beginning, rotations
from pgward.ca.rotation.beginning import NextCa
from pgward.ca.store import authorities as stored
from pgward.ca.store.certificates import SqlCertificates
from pgward.core.errors import ConflictError


def test_the_next_cas_have_their_lists_at_once(rotating_ca):
    rotation = rotating_ca.start("user-root")
    certificates = SqlCertificates(rotating_ca.store)
    root, issuing = (certificates.latest_crl(each) for each in rotation.new)
    known = rotating_ca.authority.standing.generations
    assert root.next_update == known.get("user-root-2").certificate.not_valid_after_utc
    assert issuing.next_update < root.next_update
    assert {known.get(each).state for each in rotation.new} == {State.NEXT}


def test_a_hierarchy_that_is_being_rotated_begins_no_other(rotating_ca):
    rotation = rotating_ca.start("user-issuing")
    certificates = SqlCertificates(rotating_ca.store, rotating_ca.clock)
    with rotating_ca.store.read() as connection:
        known = stored.read(connection)
    made = known.get(rotation.new_issuing)
    signer = rotating_ca.keeper.load(made.key)
    with (
        pytest.raises(ConflictError, match="the rotation user-issuing-2 is under way"),
        rotating_ca.store.write() as transaction,
    ):
        beginning.begin(transaction, [NextCa(made, signer)], known, certificates, rotating_ca.clock)
    with rotating_ca.store.read() as connection:
        assert len(rotations.every(connection)) == 1
