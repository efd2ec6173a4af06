import sqlalchemy as sa

from pgward.ca.acme.purge import purge
from pgward.ca.store.schema_acme import (
    acme_accounts,
    acme_authorizations,
    acme_certificates,
    acme_challenges,
    acme_keys,
    acme_nonces,
    acme_orders,
)


def _count(acme):
    with acme.store.read() as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
            for table in (
                *(acme_keys, acme_accounts, acme_certificates),
                *(acme_orders, acme_authorizations, acme_challenges, acme_nonces),
            )
        }


def test_what_ended_long_ago_goes_and_who_got_what_stays(acme):
    acme.issue(acme.client(), "db1.test")
    assert purge(acme.store, acme.clock.now()) == 0
    before = _count(acme)
    acme.clock.move(hours=2)
    assert purge(acme.store, acme.clock.now()) == before["acme_nonces"] > 0
    acme.clock.move(days=8)
    assert purge(acme.store, acme.clock.now()) == 1
    assert _count(acme) == {
        "acme_keys": 1,
        "acme_accounts": 1,
        "acme_certificates": 1,
        "acme_orders": 0,
        "acme_authorizations": 0,
        "acme_challenges": 0,
        "acme_nonces": 0,
    }


def test_a_little_at_a_time(acme):
    client = acme.client()
    for _ in range(3):
        client.order("db1.test")
    acme.clock.move(days=9)
    nonces = _count(acme)["acme_nonces"]
    counts = []
    while count := purge(acme.store, acme.clock.now(), batch=2):
        counts.append(count)
    assert (max(counts), sum(counts)) == (4, nonces + 3)
