from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.accounts import access_roles
from pgward.ca.keys.sealing import SealError
from pgward.ca.store.schema_accounts import access_passwords
from pgward.core.errors import NotFoundError
from pgward.pgwire.scram import Verifier
from tests.fixtures.access_world import SERVICE
from tests.fixtures.authority import START
from tests.fixtures.ca_service import SEALER

ALICE = ("shop-db", "alice")
AWARE = {
    "mode": "postgres",
    "postgres": {"user": {"fromGrant": True}, "auth": {"password": {"fromGrant": True}}},
}


class Role:
    """The role alice, each step in a transaction of its own."""

    def __init__(self, store):
        self.store = store

    def write(self, act, *arguments, **named):
        with self.store.write() as transaction:
            return act(transaction, *arguments, **named)

    def make(self, version):
        made = self.write(access_roles.make, SEALER, "shop-db", {"alice": version})
        return made.get("alice")

    def told(self, version):
        self.write(access_roles.told, "shop-db", {"alice": version})

    def another(self):
        self.write(access_roles.another, *ALICE)

    def current(self, refused=None):
        with self.store.read() as connection:
            return access_roles.current(connection, SEALER, *ALICE, refused)

    def version(self, refused=None):
        found = self.current(refused)
        return None if found is None else found.version

    def refuse(self, now=START):
        return self.write(access_roles.refuse, *ALICE, now)


@pytest.fixture
def alice(store):
    return Role(store)


def test_a_password_is_made_once_and_is_random(alice):
    first = alice.make(1)
    assert len(first) == 43
    assert alice.make(1) == first
    assert alice.make(2) is None
    alice.another()
    assert alice.make(1) is None
    assert alice.make(2) != first


def test_an_edge_gets_what_the_server_has_and_else_the_other(alice):
    """Between the server's change and its connector's word it may be either."""
    with pytest.raises(NotFoundError, match="no password yet"):
        alice.current()
    first = alice.make(1)
    alice.told(1)
    assert alice.current().value == first
    alice.another()
    assert alice.version() == 1
    second = alice.make(2)
    assert (alice.version(), alice.version(refused=1)) == (1, 2)
    assert alice.current(refused=1).value == second
    alice.told(2)
    assert (alice.version(), alice.version(refused=1), alice.version(refused=2)) == (2, 2, None)
    assert second not in repr(alice.current())


def test_a_word_about_another_password_counts_for_nothing(alice):
    alice.make(1)
    alice.told(7)
    alice.another()
    alice.make(2)
    alice.told(1)
    assert alice.version() == 2
    assert alice.version(refused=2) is None


def test_one_that_the_server_does_not_take_is_replaced_once_a_minute(alice):
    assert not alice.refuse()
    alice.make(1)
    assert not alice.refuse()
    alice.told(1)
    assert alice.refuse()
    assert not alice.refuse()
    alice.make(2)
    alice.told(2)
    assert not alice.refuse(START + timedelta(seconds=59))
    assert alice.refuse(START + timedelta(seconds=60))


def test_of_a_role_that_nobody_has_nothing_is_known_and_no_version_comes_again(alice):
    first = alice.make(1)
    alice.told(1)
    alice.write(access_roles.forget, *ALICE)
    with pytest.raises(NotFoundError):
        alice.current()
    assert alice.make(1) is None
    assert alice.make(2) != first
    alice.write(access_roles.drop, "shop-db")
    with pytest.raises(NotFoundError):
        alice.current()


def test_what_is_sealed_for_one_role_opens_for_no_other(alice, store):
    alice.make(1)
    with store.write() as transaction:
        transaction.execute(sa.update(access_passwords).values(role="bob"))
    with store.read() as connection, pytest.raises(SealError, match="for another role"):
        access_roles.current(connection, SEALER, "shop-db", "bob")


def test_a_server_gets_a_verifier_with_a_salt_of_its_own():
    one, other = access_roles.verifier("geheim"), access_roles.verifier("geheim")
    assert one != other
    assert Verifier.read(one).fits(b"geheim")
    assert "geheim" not in one


def test_only_roles_of_services_that_want_it_have_one(access):
    access.put("Service", "aware", SERVICE, **AWARE)
    access.put("Integration", "other", {**_integration(), "connector": "c2"})
    access.put("Service", "elsewhere", SERVICE, **AWARE, integration="other")
    roles = {"ann": {"shop"}, "sam": {"shop", "aware"}, "dora": {"elsewhere"}, "olga": {"gone"}}
    with access.store.read() as connection:
        assert access_roles.wanted(connection, "shop-db", roles) == {"sam": 1}
    with access.store.write() as transaction:
        access_roles.make(transaction, SEALER, "shop-db", {"sam": 1})
        access_roles.another(transaction, "shop-db", "sam")
    with access.store.read() as connection:
        assert access_roles.wanted(connection, "shop-db", roles) == {"sam": 2}


def _integration():
    auth = {"password": {"fromSecret": "other"}}
    return {"connector": "c1", "host": "db2.internal", "user": "pgward_connector", "auth": auth}
