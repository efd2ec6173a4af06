from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.resources import host_grants, kinds, stored
from pgward.ca.resources.host_grants import GrantNews, HostGrants
from pgward.ca.store.schema_access import access_grants
from tests.fixtures.authority import START

HOUR = timedelta(hours=1)


@pytest.fixture
def declare(store):
    def put(name, *hosts):
        spec = {"connector": "c1", "host": "db", "user": "u", "auth": {"none": True}}
        body = {"kind": "Integration", "metadata": {"name": name}}
        wanted = kinds.read("Integration", body | {"spec": spec | {"hosts": list(hosts)}})
        with store.write() as transaction:
            stored.put(transaction, wanted, now=START, by="root")

    return put


@pytest.fixture
def ask(store, clock):
    def of(host):
        with store.read() as connection:
            return host_grants.of_host(connection, host, clock.now())

    return of


def test_a_host_has_the_grants_of_its_integrations(declare, grant, ask, clock):
    declare("shop-db", "h1", "h2")
    declare("wiki-db", "h2")
    grant(1, user_name="ann", role="a_1")
    grant(2, user_name="bob", role="b_1", integration="wiki-db")
    grant(3, user_name="eve", role="e_1", state="ending")
    grant(4, user_name="ann", role="a_1", state="ended")
    grant(5, user_name="zoe", role="z_1", ends_at=clock.now() - 40 * 24 * HOUR, state="ended")
    grant(6, user_name="kim", role="k_1", ends_at=clock.now())
    grant(7, user_name="joe", role="j_1", state="pending")
    grant(8, user_name="ann", role="a_1", ends_at=clock.now() + 9 * HOUR)
    assert ask("h1") == HostGrants(
        ("shop-db",), {("ann", "a_1"): clock.now() + 9 * HOUR}, frozenset({"eve", "kim"})
    )
    assert ask("h2").pairs.keys() == {("ann", "a_1"), ("bob", "b_1")}
    assert ask("h3") == HostGrants()


def test_it_is_news_who_is_which_access_role(declare, grant, store):
    news = GrantNews()

    def read():
        with store.read() as connection:
            return news.read(connection)

    grant(1)
    assert read() == {}
    declare("shop-db")
    assert read() == {}
    declare("shop-db", "h1", "h2")
    declare("wiki-db", "h2")
    first = read()
    assert first.keys() == {"h1", "h2"}
    grant(2, integration="other-db")
    grant(3)  # the same role, until then
    assert read() == first
    grant(5, integration="wiki-db", role="w_1")
    assert (read()["h1"], read()["h2"] == first["h2"]) == (first["h1"], False)
    first = read()
    grant(4, user_name="bob", role="b_1")
    second = read()
    assert second != first
    with store.write() as transaction:
        ended = sa.update(access_grants).where(access_grants.c.id == "g4").values(state="ended")
        transaction.execute(ended)
    assert read() == first
    with store.read() as connection:
        assert GrantNews().read(connection) == first
    extended = sa.update(access_grants).where(access_grants.c.id == "g1")
    with store.write() as transaction:
        transaction.execute(extended.values(ends_at=START + 9 * HOUR))
    assert read()["h1"] != first["h1"]
    declare("shop-db")
    assert read().keys() == {"h2"}
