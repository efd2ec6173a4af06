"""What policies say of whoever asks, over HTTP."""

import pytest

from pgward.ca.service.middleware import Guard
from tests.fixtures.aware_services import aware

SELECT = {
    "kind": "SELECT",
    "kinds": ["SELECT"],
    "tables": ["orders"],
    "names": ["orders"],
    "functions": [],
    "settings": [],
    "text": "select * from orders",
    "reads": True,
}
DELETE = SELECT | {"kind": "DELETE", "kinds": ["DELETE"], "reads": False}
RULES = [
    {"name": "staff", "effect": "ALLOW", "condition": "ctx.user.name == 'alice'"},
    {
        "name": "bob's secret",
        "effect": "DENY",
        "condition": "ctx.user.name == 'bob'",
        "priority": -1,
    },
    {
        "name": "changes",
        "effect": "DENY",
        "on": "statement",
        "condition": "!ctx.request.postgres.statement.reads",
        "reason": "ask a lead",
    },
]


@pytest.fixture
def orders(admin):
    rules = [each | {"name": each["name"].replace("'s ", "-")} for each in RULES]
    body = aware({"policy": {"rules": rules}}, allow={"users": ["alice"]})
    assert admin.call("PUT", "/v1/resources/service/orders", body).status_code == 200


@pytest.mark.usefixtures("orders")
def test_decisions_are_told_and_rules_are_not(alice):
    question = {"service": "orders", "statements": [SELECT, DELETE]}
    answer = alice.call("POST", "/v1/me/policies", question)
    assert answer.json() == {
        "ruled": True,
        "connection": {"allowed": True, "policy": "inline", "rule": "staff", "reason": ""},
        "statements": [
            {"allowed": True, "policy": "", "rule": "", "reason": ""},
            {"allowed": False, "policy": "inline", "rule": "changes", "reason": "ask a lead"},
        ],
        "kept": {"role": "app", "own": False},
    }
    assert "bob" not in answer.text


@pytest.mark.usefixtures("orders")
def test_a_service_of_others_is_as_one_that_is_not_there(api):
    api.add("carol")
    carol = api.device("carol")
    answers = [
        carol.call("POST", "/v1/me/policies", {"service": name}) for name in ("orders", "other")
    ]
    assert [each.status_code for each in answers] == [404, 404]
    said = [each.json()["error"]["message"] for each in answers]
    assert said[0].replace("orders", "other") == said[1]


@pytest.mark.parametrize(
    "more",
    [
        {"user": "bob"},
        {"groups": ["dba"]},
        {"method": "pigeon"},
        {"statements": [{}]},
        {"statements": [SELECT] * 101},
        {"statements": [SELECT | {"text": "x" * 20_000}]},
        {"statements": [SELECT | {"text": "\0"}]},
    ],
)
@pytest.mark.usefixtures("orders")
def test_one_cannot_be_somebody_else(alice, more):
    assert alice.call("POST", "/v1/me/policies", {"service": "orders", **more}).status_code == 422


def test_who_asks_through_a_proxy_is_where_they_are(alice, admin, monkeypatch):
    rules = [{"name": "here", "effect": "ALLOW", "condition": "ctx.session.client == '192.0.2.7'"}]
    body = aware({"policy": {"rules": rules}}, allow={"users": ["alice"]})
    assert admin.call("PUT", "/v1/resources/service/orders", body).status_code == 200
    allowed = []
    for address in ("192.0.2.7", "192.0.2.8"):
        monkeypatch.setattr(Guard, "_address", lambda _guard, _scope, told=address: told)
        answer = alice.call("POST", "/v1/me/policies", {"service": "orders"})
        allowed.append(answer.json()["connection"]["allowed"])
    assert allowed == [True, False]
