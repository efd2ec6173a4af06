"""Trying a server out: asked by administrators, answered by its own connector alone."""

import pytest

from tests.fixtures import integrations
from tests.fixtures.edge_services import actions

PATH = "/v1/integrations/shop-db/check"
TOLD = "/v1/connector/check"
FINDING = {"check": "tls", "verdict": "warning", "text": "clear\x1b[2J text", "hint": "use TLS"}


@pytest.fixture
def connector(api, admin):
    made = api.machine(admin, "connector", "c1")
    integrations.declare(admin, edge=None, connector="c1")
    return made


def number(connector):
    (told,) = connector.call("GET", "/v1/connector/wanted").json()["integrations"]
    return told["check"]


def test_a_connector_is_asked_and_its_answer_is_shown(api, admin, connector):
    assert admin.call("GET", PATH).json()["state"] == "unasked"
    assert number(connector) is None
    asked = admin.call("POST", PATH).json()
    assert (asked["state"], asked["asked_by"]) == ("asked", "root")
    body = {"integration": "shop-db", "number": number(connector), "findings": [FINDING]}
    assert connector.call("POST", TOLD, body).json() == {"wanted": True}
    assert connector.call("POST", TOLD, body).json() == {"wanted": False}
    assert number(connector) is None
    shown = admin.call("GET", PATH, query="?wait=5").json()
    assert (shown["state"], shown["trouble"]) == ("there", None)
    (finding,) = shown["findings"]
    assert finding["verdict"] == "warning"
    assert "\x1b" not in finding["text"]
    assert actions(api, "integration.check") == [("root", "integration.check", "ok", "shop-db")]


def test_a_connector_that_does_not_answer_is_told(admin, connector, clock):
    assert connector.chain
    asked = admin.call("POST", PATH).json()
    assert "has never asked for anything" in asked["trouble"]
    assert admin.call("GET", PATH, query="?wait=0.05").json()["state"] == "asked"
    clock.move(minutes=3)
    assert admin.call("GET", PATH).json()["state"] == "unanswered"


def test_nobody_answers_for_another(api, admin, connector):
    admin.call("POST", PATH)
    other = api.machine(admin, "connector", "c2")
    body = {"integration": "shop-db", "number": number(connector), "findings": []}
    assert other.call("POST", TOLD, body).status_code == 403
    assert connector.call("POST", TOLD, body | {"integration": "none"}).status_code == 403
    assert connector.call("POST", TOLD, body | {"number": "x"}).status_code == 422
    assert connector.call("POST", TOLD, body | {"findings": [FINDING] * 21}).status_code == 422


def test_only_administrators_ask(admin, alice, connector):
    assert connector.chain
    assert alice.call("POST", PATH).status_code == 403
    assert alice.call("GET", PATH).status_code == 403
    assert admin.call("POST", "/v1/integrations/none/check").status_code == 404
