from datetime import timedelta

from pgward.ca.store import endings


def test_the_last_certificate_of_each_machine_counts(api, admin, edge, alice, clock):
    assert edge.chain
    alice.certificate()
    clock.move(days=1)
    api.machine(admin := api.device("root"), "edge", "e1")  # joins anew: the former is revoked
    host = api.machine(admin, "host", "db1")
    ends = host.chain[0].not_valid_after_utc
    with api.store.read() as connection:
        found = endings.of_machines(connection, clock.now(), ends + timedelta(1), limit=9)
        none = endings.of_machines(connection, clock.now(), clock.now(), limit=9)
    assert [(each.kind, each.subject) for each in found] == [("edge", "e1"), ("host", "db1")]
    assert found[1].not_after == ends
    assert none == []
