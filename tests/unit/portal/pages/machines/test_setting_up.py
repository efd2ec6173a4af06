"""A server connected step by step."""

from urllib.parse import urlencode

import pytest

from tests.fixtures.edge_services import actions, create_secret

PAGE = "/admin/integrations/+new"
EVIL = "<script>alert(1)</script>"
SECRET = "of a connector"
SERVER = {
    "name": "shop-db",
    "host": "db1.internal",
    "port": "5433",
    "databases": "shop\r\ntill",
    "owners": "app",
    "heir": "app",
}


@pytest.fixture
def connector(api, admin):
    return api.machine(admin, "connector", "c1")


@pytest.fixture
def steps(web, connector):
    """The browser at the last step."""
    assert connector.chain
    web.sign_in("root")
    ask(web, "login", worker="connector:c1")
    return web


def ask(web, step, **fields):
    """Send the form of the first step, as a browser does."""
    return web.open(f"{PAGE}?{urlencode({'step': step, **SERVER, **fields})}")


def connect(web, **fields):
    """Press the last button; a browser sends what a list of choices shows."""
    return web.press(
        "Connect and test it", **{"ssl_mode": "verify-full", "roots": "system", **fields}
    )


def wanted(connector):
    return connector.call("GET", "/v1/connector/wanted").json()["integrations"]


def test_without_a_connector_one_is_enrolled_first(web, api):
    assert api
    page = web.sign_in("root").open(PAGE)
    assert page.status == 200
    assert page.links["enroll one"] == "/admin/connectors"
    page = ask(web, "account")
    assert (page.status, "Nobody works the server" in page.text) == (422, True)


def test_each_step_leads_to_the_next_and_back(web, connector):
    assert connector.chain
    page = web.sign_in("root").open(PAGE)
    assert "the connector c1" in page.text
    page = ask(web, "account", worker="connector:c1", version="16", flavour="rds")
    assert page.status == 200, page.text
    assert 'CREATE ROLE "pgward_connector" LOGIN CREATEROLE;' in page.text
    assert 'GRANT CONNECT ON DATABASE "till"' in page.text
    assert "rds_superuser" in page.text
    (on, back) = [each for each in page.forms if each.action == PAGE]
    assert on.fields["step"] == "login"
    assert back.fields["step"] == "server"
    assert on.fields["databases"] == "shop\r\ntill" or "till" in on.fields["databases"]
    page = web.open(f"{PAGE}?{urlencode(back.fields)}")
    assert "Next: its account" in page.answer.text
    assert "db1.internal" in page.answer.text


def test_a_server_with_a_certificate_of_ours_is_verified_by_us(web, api, admin, connector):
    assert connector.chain
    api.machine(admin, "host", "db1", dns=["db1.internal"])
    web.sign_in("root")
    assert fields(ask(web, "login", worker="connector:c1"))["roots"] == "pgward"
    page = ask(web, "login", worker="connector:c1", host="db2.internal")
    assert fields(page)["roots"] == "system"


def fields(page):
    return next(each.fields for each in page.forms if "roots" in each.fields)


def test_a_server_is_connected_and_tried(steps, api, connector):
    page = connect(steps, auth="password", password=SECRET)
    assert (page.status, page.path) == (200, "/admin/integrations/shop-db"), page.text
    assert "its connector tries the server now" in page.text
    assert SECRET not in page.answer.text
    (told,) = wanted(connector)
    assert told["check"] is not None
    assert (told["settings"]["host"], told["settings"]["port"]) == ("db1.internal", 5433)
    assert told["settings"]["auth"] == {"password": {"from_secret": "shop-db-connector"}}
    body = {"integration": "shop-db"}
    answer = connector.call("POST", "/v1/connector/secret", body).json()
    assert (answer["name"], answer["version"]) == ("shop-db-connector", 1)
    names = [each[1] for each in actions(api, "") if each[0] == "root"]
    assert "secret.create" in names
    assert "integration.check" in names
    assert SECRET not in str(api.events())


@pytest.mark.parametrize(
    ("given", "auth", "root"),
    [
        ({"auth": "certificate", "roots": "pgward"}, {"certificate": {"minutes": 5}}, None),
        ({"auth": "none", "ssl_mode": "disable"}, {"none": True}, None),
        ({"auth": "file", "file": "/etc/p"}, {"password": {"from_file": "/etc/p"}}, "system"),
    ],
)
def test_there_are_other_ways_to_log_in(steps, connector, given, auth, root):
    page = connect(steps, **given)
    assert page.status == 200, page.text
    (told,) = wanted(connector)
    assert (told["settings"]["auth"], told["settings"]["ssl_root_cert"]) == (auth, root)


@pytest.mark.parametrize(
    "fields",
    [
        {"auth": "password", "password": ""},
        {"auth": "whim"},
        {"auth": "none", "ssl_mode": "whim"},
        {"auth": "none", "roots": "pem", "ssl_root_cert": "x"},
        {"auth": "none", "host": EVIL},
        {"auth": "none", "name": ""},
        {"auth": "none", "worker": "whim:c1"},
        {"auth": "none", "user": "a" * 100},
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_stored(steps, connector, api, fields):
    page = connect(steps, **fields)
    assert page.status == 422, page.text
    assert "<script>" not in page.answer.text
    assert wanted(connector) == []
    assert actions(api, "secret.create") == []


def test_what_is_there_is_not_overwritten(steps, admin, connector):
    create_secret(admin, "shop-db-connector", "other")
    page = connect(steps, password=SECRET)
    assert page.status == 409
    assert wanted(connector) == []
    assert connect(steps, auth="none").status == 200
    ask(steps, "login", worker="connector:c1")
    assert connect(steps, auth="none").status == 412


@pytest.mark.parametrize(
    "query",
    [
        {"port": "0"},
        {"version": "10"},
        {"flavour": EVIL},
        {"name": EVIL},
        {"colour": "red"},
        {"owners": "a" * 13_000},
    ],
)
def test_addresses_that_cannot_be_lead_to_the_first_step(web, connector, query):
    assert connector.chain
    page = ask(web.sign_in("root"), "login", worker="connector:c1", **query)
    assert page.status == 422, page.text
    assert "<script>" not in page.answer.text
    assert "Next: its account" in page.answer.text


def test_others_see_and_do_nothing(web, api):
    api.add("alice")
    csrf = web.sign_in("alice").open("/databases").forms[0].fields["csrf"]
    assert web.open(PAGE).status == 403
    assert web.send(PAGE, {"csrf": csrf, **SERVER, "auth": "none"}).status == 403
