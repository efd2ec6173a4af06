from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.acme.purge import purge
from pgward.ca.store import certificates as stored
from pgward.ca.store import log_purge
from pgward.ca.store.certificates import CertificateFilter
from pgward.ca.store.log_purge import purge_certificates
from pgward.ca.store.schema_acme import (
    acme_accounts,
    acme_authorizations,
    acme_certificates,
    acme_challenges,
    acme_keys,
    acme_nonces,
    acme_orders,
)
from tests.fixtures.acme_client import kind_of

KEEP = timedelta(days=400)


def _count(acme):
    with acme.store.read() as connection:
        return {
            table.name.removeprefix("acme_"): connection.execute(
                sa.select(sa.func.count()).select_from(table)
            ).scalar()
            for table in (
                *(acme_keys, acme_accounts, acme_certificates),
                *(acme_orders, acme_authorizations, acme_challenges, acme_nonces),
            )
        }


def _left(acme):
    found = _count(acme)
    return found["keys"], found["accounts"], found["certificates"]


def _purge(acme, **more):
    while purge(acme.store, acme.clock.now(), keep=KEEP, **more):
        pass


def _events(acme):
    return [e for e in acme.events() if e["action"].endswith(".purge")]


def test_what_ended_long_ago_goes_and_who_got_what_stays(acme):
    acme.issue(acme.client(), "db1.test")
    assert purge(acme.store, acme.clock.now()) == 0
    before = _count(acme)
    acme.clock.move(hours=26)
    assert purge(acme.store, acme.clock.now()) == before["nonces"] > 0
    acme.clock.move(days=8)
    assert purge(acme.store, acme.clock.now(), keep=KEEP) == 1
    assert _count(acme) == {
        "keys": 1,
        "accounts": 1,
        "certificates": 1,
        "orders": 0,
        "authorizations": 0,
        "challenges": 0,
        "nonces": 0,
    }


def test_a_little_at_a_time(acme):
    client = acme.client()
    for _ in range(3):
        client.order("db1.test")
    acme.clock.move(days=9)
    nonces = _count(acme)["nonces"]
    counts = []
    while count := purge(acme.store, acme.clock.now(), batch=2):
        counts.append(count)
    assert (max(counts), sum(counts)) == (4, nonces + 3)


@pytest.mark.parametrize("hours", [-1, -12])
def test_a_used_nonce_is_not_good_again_when_the_clock_is_put_back(acme, hours):
    """Another replica, whose clock is behind, must not take it either."""
    client = acme.client()
    nonce = client.new_nonce()
    assert client.post(client.kid, nonce=nonce).status_code == 200
    acme.clock.move(hours=-hours)
    purge(acme.store, acme.clock.now())
    acme.clock.move(hours=hours)
    assert kind_of(client.post(client.kid, nonce=nonce)) == "badNonce"


@pytest.mark.parametrize("how", ["deactivated", "revoked"])
def test_an_account_that_was_ended_and_got_nothing_goes_after_a_week(acme, how):
    client = acme.client()
    if how == "deactivated":
        client.post(client.kid, {"status": "deactivated"})
    else:
        with acme.store.write() as transaction:
            transaction.execute(sa.update(acme_accounts).values(status=how))
    acme.clock.move(days=6)
    _purge(acme)
    assert _left(acme) == (1, 1, 0)
    acme.clock.move(days=2)
    _purge(acme)
    assert _left(acme) == (0, 0, 0)
    account, key = _events(acme)
    assert (account["action"], account["actor"]) == ("acme.account.purge", "system:ca")
    assert account["target"] == client.kid.rpartition("/")[2]
    assert account["details"]["status"] == how
    assert account["details"]["created_at"] == "2026-11-21T12:00:00Z"
    assert (key["action"], key["target"]) == ("acme.key.purge", "db1")
    assert key["details"]["kid"] == account["details"]["kid"]
    assert key["details"]["dns"] == ["db1.test", "*.db.test"]
    acme.client(acme.key())  # its name is free again


def test_an_account_stays_as_long_as_its_orders_and_certificates(acme):
    client = acme.client()
    acme.issue(client, "db1.test")
    client.post(client.kid, {"status": "deactivated"})
    acme.clock.move(days=100)
    _purge(acme)
    assert _left(acme) == (1, 1, 1)
    acme.clock.move(days=400)
    assert purge_certificates(acme.store, acme.clock.now(), log_purge.Policy(KEEP)) > 0
    _purge(acme)
    assert _left(acme) == (0, 0, 0)


def test_an_account_that_was_never_used_goes_when_its_certificates_would(acme):
    client = acme.client()
    acme.clock.move(days=399)
    _purge(acme)
    client.nonce = None
    assert client.post(client.kid).status_code == 200
    acme.clock.move(days=2)
    purge(acme.store, acme.clock.now(), keep=None)
    assert _left(acme) == (1, 1, 0)
    _purge(acme)
    assert _left(acme) == (0, 0, 0)
    client.nonce = None
    assert kind_of(client.post(client.kid)) == "accountDoesNotExist"


@pytest.mark.parametrize(
    ("fields", "days", "left"),
    [
        ({}, 13, 1),  # it ends after seven days
        ({}, 15, 0),
        ({"lifetime": timedelta(days=300)}, 30, 1),
        ({"lifetime": timedelta(days=300)}, 308, 0),
    ],
)
def test_a_key_without_accounts_goes_a_week_after_its_end(acme, fields, days, left):
    acme.key(**fields)
    acme.clock.move(days=days)
    _purge(acme)
    assert _left(acme) == (left, 0, 0)


def test_a_key_stays_as_long_as_one_of_its_accounts(acme):
    eab = acme.key(uses=2)
    used, other = acme.client(eab), acme.client(eab)
    acme.issue(used, "db1.test")
    other.post(other.kid, {"status": "deactivated"})
    acme.clock.move(days=300)
    _purge(acme)
    assert _left(acme) == (1, 1, 1)
    used.nonce = None
    assert used.order("a.db.test").status_code == 201


def test_who_owned_a_compromised_key_stays_known(acme):
    client = acme.client()
    leaf, _ = acme.issue(client, "db1.test")
    client.revoke(leaf, reason=1)
    acme.clock.move(days=5000)
    purge_certificates(acme.store, acme.clock.now(), log_purge.Policy(KEEP))
    _purge(acme)
    assert _left(acme) == (1, 1, 1)
    with acme.store.read() as connection:
        rows = stored.find(connection, CertificateFilter(kind="host"))
    assert [row["serial"] for row in rows] == [f"{leaf.serial_number:x}"]
