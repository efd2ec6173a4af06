import pytest

from pgward.ca.host_news import HostNews, News
from tests.fixtures.authority import START
from tests.fixtures.live_grants import give


@pytest.fixture
def news(store, sql_authority):
    return HostNews(store, sql_authority)


def test_a_poll_is_answered_when_it_knows_something_else():
    told = News(7, {"crls": "user-root:1"})
    assert told.is_news(0, "0" * 16)
    assert told.is_news(7, "0" * 16)
    assert not told.is_news(7, told.tag)
    assert not told.is_news(8, "0" * 16)  # a replica that is behind


def test_the_parts_of_an_authority(news, store):
    told = news.get(0)
    assert told.version == store.version()
    assert {name: told.parts[name] for name in ("crls", "orders", "endings")} == {
        "crls": f"user-issuing:{int(START.timestamp())},user-root:1",
        "orders": "",
        "endings": "0",
    }
    assert len(told.parts["trust"]) == len(told.tag) == 16


def test_it_is_worked_out_once_for_a_version(news, store):
    assert news.known(0) is None
    told = news.get(0)
    assert news.get(0) is told
    assert news.known(told.version) is told
    assert news.known(told.version + 1) is None
    with store.write() as transaction:
        transaction.changed()
    later = news.get(store.version())
    assert later.version == store.version()
    assert later.tag == told.tag


def test_a_revocation_is_news_of_lists_and_of_endings(news, store, admin, alice):
    alice.certificate()
    before = news.get(store.version())
    admin.call("POST", "/v1/users/alice/block", {"reason": "left"})
    after = news.get(store.version())
    changed = {name for name in after.parts if after.parts[name] != before.parts[name]}
    assert changed == {"crls", "endings"}


def test_a_logout_without_a_living_certificate_is_news_as_well(api, news, store, alice):
    """The database sessions that began with one run on."""
    alice.certificate()
    api.clock.move(hours=2)
    before = news.get(store.version())
    alice.call("POST", "/v1/logout")
    after = news.get(store.version())
    changed = {name for name in after.parts if after.parts[name] != before.parts[name]}
    assert changed == {"endings"}


def test_a_login_is_no_news(api, news, store):
    api.add("bob")
    before = news.get(store.version())
    api.device("bob").certificate()
    api.add("carol", "dba")
    assert news.get(store.version()).tag == before.tag


def test_who_is_which_role_is_news_while_there_is_a_role_map(api, admin, news, store):
    spec = {"hosts": ["db1"], "rules": [{"groups": ["dba"], "roles": ["app"]}]}
    body = {"kind": "RoleMap", "metadata": {"name": "m"}, "spec": spec}
    seen = [news.get(store.version()).parts["roles"]]
    admin.call("PUT", "/v1/resources/RoleMap/m", body)
    seen.append(news.get(store.version()).parts["roles"])
    api.add("bob", "dba")
    seen.append(news.get(store.version()).parts["roles"])
    admin.call("POST", "/v1/users/bob/block", {"reason": "left"})
    seen.append(news.get(store.version()).parts["roles"])
    admin.call("DELETE", "/v1/resources/RoleMap/m")
    assert (seen[0], len(set(seen))) == ("", 4)
    assert news.get(store.version()).parts["roles"] == ""


def test_who_is_which_access_role_is_news_while_an_integration_names_hosts(api, admin, news, store):
    spec = {"connector": "c1", "host": "db", "user": "u", "auth": {"none": True}, "hosts": ["h1"]}
    body = {"kind": "Integration", "metadata": {"name": "shop-db"}, "spec": spec}
    assert admin.call("PUT", "/v1/resources/integration/shop-db", body).status_code == 200
    before = news.get(store.version())
    give(store, api.clock.now())
    after = news.get(store.version())
    assert after.of("h1").parts["roles"] != before.of("h1").parts["roles"]
    assert after.of("h1").tag != before.of("h1").tag
    assert after.of("h2") is after  # whom it does not concern, it does not wake
    assert (after.tag, after.parts["roles"]) == (before.tag, "")
