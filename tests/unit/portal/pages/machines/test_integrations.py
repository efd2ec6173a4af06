"""Servers that connectors work, in a browser."""

import pytest

from tests.fixtures import catalogs, integrations
from tests.fixtures.ca_service import service
from tests.fixtures.edge_services import actions, create_secret

PAGE = "/admin/integrations/shop-db"
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def connector(api, admin):
    made = api.machine(admin, "connector", "c1")
    integrations.declare(
        admin, edge=None, connector="c1", tags={"env": "prod"}, owner={"users": ["olga"]}
    )
    return made


@pytest.fixture
def root(web, connector):
    assert connector.chain
    return web.sign_in("root")


def send(web, **fields):
    csrf = web.open("/admin").forms[0].fields["csrf"]
    return web.send(PAGE, {"csrf": csrf, **fields})


def told(connector):
    return connector.call("GET", "/v1/connector/wanted").json()["integrations"][0]


def test_there_is_none_at_first(web, api):
    assert api
    page = web.sign_in("root").open("/admin/integrations")
    assert "No server is connected yet" in page.text


def test_a_server_is_shown_with_what_its_connector_said(root, api, connector):
    page = root.open("/admin/integrations")
    assert page.links["shop-db"] == PAGE
    assert page.links["c1"] == "/admin/connectors/c1"
    assert "db1.internal:5432" in page.text
    catalogs.deliver(api.store, {"": catalogs.SERVER, "shop": catalogs.SHOP})
    health = {"state": "away", "problem": EVIL, "server_version": 16}
    report = {"id": "a" * 32, "integration": "shop-db", "version": 1, "health": health}
    assert connector.call("POST", "/v1/connector/report", report).status_code == 200
    for path in ("/admin/integrations", PAGE):
        page = root.open(path)
        assert page.status == 200, page.text
        assert EVIL in page.text
        assert "<script>" not in page.answer.text
    assert "env=prod" in page.text
    assert "olga" in page.text
    assert 'CREATE ROLE "pgward_connector"' in page.text


def test_it_is_tried_by_its_connector_and_what_it_found_is_shown(root, connector, monkeypatch):
    monkeypatch.setattr("pgward.portal.pages.machines.integrations._SECONDS", 0.01)
    assert "Nobody has tried it yet" in root.open(PAGE).text
    page = root.press("Test it now")
    assert "has not answered yet" in page.text
    assert 'data-live="2"' in page.answer.text
    finding = {"check": "tls", "verdict": "warning", "text": EVIL, "hint": f"mend {EVIL}"}
    body = {"integration": "shop-db", "number": told(connector)["check"], "findings": [finding]}
    assert connector.call("POST", "/v1/connector/check", body).json() == {"wanted": True}
    page = root.open(PAGE)
    assert f"warning tls {EVIL}" in page.text
    assert "<script>" not in page.answer.text
    assert "root asked" in page.text


def test_a_connector_that_is_silent_is_named(root, clock, monkeypatch):
    monkeypatch.setattr("pgward.portal.pages.machines.integrations._SECONDS", 0.01)
    root.open(PAGE)
    root.press("Test it now")
    clock.move(minutes=3)
    assert "has never asked for anything" in root.open(PAGE).text


def test_its_connector_looks_at_it_when_somebody_asks(root, connector, api):
    root.open(PAGE)
    assert "looks at the server now" in root.press("Look at it now").text
    assert told(connector)["settings"]["discovery"]["asked"] is not None
    assert actions(api, "catalog.refresh") == [("root", "catalog.refresh", "ok", "shop-db")]


def test_a_password_is_changed_and_what_leads_there_is_named(root, admin, api):
    create_secret(admin, "app-password", "old")
    accounts = [{"user": "app", "secret": "app-password"}]
    integrations.declare(admin, edge=None, connector="c1", accounts=accounts)
    admin.call("PUT", "/v1/resources/service/orders", service(integration="shop-db"))
    page = root.open(PAGE)
    assert page.links["orders"] == "/admin/resources/services/orders"
    assert "The password of app is changed now." in root.press("Change it now").text
    assert [each[1] for each in actions(api, "account.")] == ["account.ask"]
    assert send(root, act="change", secret="other").status == 404


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ({"certificate": {"minutes": 5}}, "a certificate in the account's name"),
        ({"password": {"fromSecret": "s1"}}, "a password, in the secret s1"),
        ({"password": {"fromFile": "/etc/p"}}, "a password, file /etc/p"),
        ({"password": {"fromVault": {"path": "apps/shop"}}}, "a password, vault apps/shop"),
    ],
)
def test_how_it_logs_in_is_said(root, admin, auth, words):
    integrations.declare(admin, edge=None, connector="c1", auth=auth)
    assert words in root.open(PAGE).text


def test_it_is_forgotten_with_what_was_asked_about_it(root, connector, admin):
    root.open(PAGE)
    admin.call("POST", "/v1/integrations/shop-db/check")
    page = root.press("Forget shop-db")
    assert page.path == "/admin/integrations"
    assert "shop-db is forgotten" in page.text
    assert root.open(PAGE).status == 404
    integrations.declare(admin, edge=None, connector="c1")
    assert told(connector)["check"] is None


def test_what_cannot_be_is_told(root):
    assert send(root, act="burn").status == 422
    assert send(root, act="look", colour="red").status == 422
    assert root.open("/admin/integrations/none").status == 404
    assert root.open("/admin/integrations/%3Cscript%3E").status == 404


def test_others_see_and_do_nothing(web, api, connector):
    assert connector.chain
    api.add("alice", "dba")
    csrf = web.sign_in("alice").open("/databases").forms[0].fields["csrf"]
    for path in ("/admin/integrations", PAGE):
        assert web.open(path).status == 403
    for act in ("test", "look", "change", "delete"):
        assert web.send(PAGE, {"csrf": csrf, "act": act}).status == 403
