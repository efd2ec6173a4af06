from pgward.ca.records import Kind
from pgward.pki import snapshot


def roots(hierarchies):
    return [hierarchies.server.root]


def test_an_edge_verifies_what_was_signed(authority, hierarchies, clock):
    text = authority.sign_snapshot({"version": 1})
    assert snapshot.verify(text, roots(hierarchies), clock.now()) == {"version": 1}


def test_one_certificate_serves_many_snapshots(authority, memory_store):
    for version in range(3):
        authority.sign_snapshot({"version": version})
    assert [record.kind for record in memory_store.records.values()] == [Kind.SNAPSHOT]


def test_it_is_replaced_while_its_snapshots_still_verify(
    authority, hierarchies, memory_store, clock
):
    old = authority.sign_snapshot({"version": 1})
    clock.move(days=4, minutes=1)
    new = authority.sign_snapshot({"version": 2})
    assert len({record.key_sha256 for record in memory_store.records.values()}) == 2
    for text in (old, new):
        snapshot.verify(text, roots(hierarchies), clock.now())


def test_a_certificate_from_the_future_is_not_used_when_the_clock_is_put_right(
    authority, hierarchies, clock
):
    clock.move(days=2)
    authority.sign_snapshot({"version": 1})
    clock.move(days=-2)
    text = authority.sign_snapshot({"version": 2})
    assert snapshot.verify(text, roots(hierarchies), clock.now()) == {"version": 2}
