"""Edges, hosts and connectors, as administrators see them in a browser."""

import pytest

from tests.fixtures import integrations
from tests.fixtures.ca_service import request_pem
from tests.fixtures.edge_services import actions

EVIL = "<script>alert(1)</script>"
PATHS = ("/admin/edges", "/admin/hosts", "/admin/connectors")


def token_of(page):
    return next(word for word in page.words if word.startswith("pgj1."))


@pytest.mark.parametrize(
    ("kind", "words", "names"),
    [
        ("edge", "pgward edge enroll", ["edge.example.com", "10.0.0.9"]),
        ("host", "pgward hba apply", ["edge.example.com", "10.0.0.9"]),
        ("connector", "pgward connector enroll", []),
    ],
)
def test_a_token_made_here_lets_a_machine_in_once(web, api, kind, words, names):
    page = web.sign_in("root").open(f"/admin/{kind}s")
    assert f"No {kind} yet" in page.text
    given = {"name": " m1 "}
    if names:
        given |= {"dns": "*.edge.example.com\r\nedge.example.com", "ips": "10.0.0.9"}
    page = web.press("Make a join token", **given)
    assert page.status == 200
    assert words in page.text
    assert not names or "edge.example.com" in page.text
    body = {"token": token_of(page), "csr": request_pem(), "kind": kind}
    body |= {"advertise": "m1.test:6432"} if kind == "edge" else {}
    assert api.call("POST", "/v1/enroll", body).status_code == 201
    assert api.call("POST", "/v1/enroll", body).status_code == 403
    page = web.open(f"/admin/{kind}s")
    assert page.links["m1"] == f"/admin/{kind}s/m1"
    assert all(name in web.open(f"/admin/{kind}s/m1").text for name in names)


def test_what_no_token_is_made_for_is_said_and_kept_in_the_form(web, api):
    web.sign_in("root").open("/admin/edges")
    page = web.press("Make a join token", name=EVIL, dns="a.example.com", hours="2")
    assert page.status == 422
    assert EVIL not in page.answer.text
    form = next(each for each in page.forms if "Make a join token" in each.buttons)
    assert form.fields["name"] == EVIL
    assert form.fields["hours"] == "2"
    assert web.press("Make a join token", name="m1", hours="9999").status == 422
    assert {each[2] for each in actions(api, "token.create")} == {"failed"}


def test_an_edge_is_shown_with_its_certificate_and_its_configuration(web, edge, clock):
    page = web.sign_in("root").open("/admin/edges")
    assert "never seen" in page.text
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 200
    page = web.open("/admin/edges/e1")
    assert page.status == 200
    assert "online" in page.text
    assert "e1.test:7432" in page.text
    assert page.links["0 sessions"] == "/sessions?edge=e1"
    assert "0 % of its life is over" in page.answer.text
    clock.move(minutes=6)
    assert "It is away." in web.open("/admin/edges/e1").text


def test_an_edge_is_shown_with_the_databases_that_it_asks(web, edge):
    services = {"fine": None, "orders": EVIL}
    assert edge.call("POST", "/v1/edge/databases", {"services": services}).status_code == 200
    page = web.sign_in("root").open("/admin/edges/e1")
    assert page.links["orders"] == "/admin/resources/services/orders"
    assert f"does not answer {EVIL}" in page.text
    assert EVIL not in page.answer.text
    assert page.text.index("orders") < page.text.index("fine")


def test_a_connector_is_shown_with_its_servers(web, api, admin):
    connector = api.machine(admin, "connector", "c1")
    web.sign_in("root")
    assert "It has no server to work yet" in web.open("/admin/connectors/c1").text
    integrations.declare(admin, edge=None, connector="c1")
    assert "told nothing" in web.open("/admin/connectors/c1").text
    health = {"state": EVIL[:20], "problem": EVIL, "server_version": 16}
    report = {"id": "a" * 32, "integration": "shop-db", "version": 1, "health": health}
    assert connector.call("POST", "/v1/connector/report", report).status_code == 200
    page = web.open("/admin/connectors/c1")
    assert EVIL in page.text
    assert "<script>" not in page.answer.text
    assert web.open("/admin/connectors").links["shop-db"] == "/admin/integrations/shop-db"


def test_a_machine_is_locked_out_and_removed(web, api, edge):
    web.sign_in("root").open("/admin/edges/e1")
    page = web.press("Revoke its certificates", reason="keyCompromise", comment=EVIL)
    assert "Revoked: 1." in page.text
    assert EVIL not in page.answer.text
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 403
    page = web.press("Remove it")
    assert page.path == "/admin/edges"
    assert "e1 is removed" in page.text
    assert actions(api, "edge.remove") == [("root", "edge.remove", "ok", "e1")]
    assert web.open("/admin/edges/e1").status == 404


@pytest.mark.parametrize("fields", [{"act": "burn"}, {"act": "revoke", "reason": "whim"}])
@pytest.mark.usefixtures("edge")
def test_what_cannot_be_done_is_told(web, fields):
    csrf = web.sign_in("root").open("/admin/edges/e1").forms[0].fields["csrf"]
    assert web.send("/admin/edges/e1", {"csrf": csrf} | fields).status == 422


@pytest.mark.usefixtures("edge")
def test_others_see_and_do_nothing(web, api):
    api.add("alice", "dba")
    csrf = web.sign_in("alice").open("/databases").forms[0].fields["csrf"]
    for path in (*PATHS, "/admin/edges/e1"):
        assert web.open(path).status == 403
        assert web.send(path, {"csrf": csrf, "name": "m1", "act": "remove"}).status == 403
    assert [each for each in actions(api, "token") if each[0] == "alice"] == []


@pytest.mark.usefixtures("api")
def test_what_is_not_there_is_no_page(web):
    web.sign_in("root")
    for path in PATHS:
        assert web.open(f"{path}/nobody").status == 404
        assert web.open(f"{path}/%3Cscript%3E").status == 404


def test_many_are_searched_and_shown_page_by_page(web, api, admin, monkeypatch):
    monkeypatch.setattr("pgward.portal.pages.machines.common.FEW", 2)
    for name in ("ash", "beech", "birch"):
        api.machine(admin, "connector", name)
    page = web.sign_in("root").open("/admin/connectors")
    assert {"ash", "beech"} <= page.links.keys()
    page = web.open(page.links["Next page"])
    assert "birch" in page.links
    assert "ash" not in page.links
    assert "Next page" not in page.links
    page = web.open("/admin/connectors?search=BE")
    assert "beech" in page.links
    assert "birch" not in page.links
    assert "None is called so." in web.open("/admin/connectors?search=%3Cb%3E").text
    assert "<b>" not in web.open("/admin/connectors?search=%3Cb%3E").answer.text
