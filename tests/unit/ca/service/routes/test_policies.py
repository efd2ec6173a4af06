"""Rules tried out on anybody, over HTTP."""

import pytest

from tests.fixtures.aware_services import aware

PATH = "/v1/policies/explanations"
RULES = [
    {"name": "office", "effect": "ALLOW", "condition": "ctx.session.client == '10.0.0.7'"},
    {
        "name": "changes",
        "effect": "DENY",
        "on": "statement",
        "condition": "!ctx.request.postgres.statement.reads",
        "reason": "ask a lead",
    },
]
ASKED = {"user": {"name": "alice"}, "service": "orders", "session": {"client": "10.0.0.7"}}


@pytest.fixture
def orders(admin, alice):  # noqa: ARG001 - there is an alice
    body = aware({"policy": {"rules": RULES}}, allow={"users": ["alice"]})
    assert admin.call("PUT", "/v1/resources/service/orders", body).status_code == 200


@pytest.mark.usefixtures("orders")
def test_every_rule_is_told_with_what_came_of_it(admin):
    asked = ASKED | {"sql": "select 1; delete from t", "at": "2026-11-22T10:00:00Z"}
    answer = admin.call("POST", PATH, asked)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["user"] == {"name": "alice", "groups": ["dba"], "grants": [], "email": ""}
    assert found["ruled"] is True
    assert found["config"] is None
    connection = found["connection"]
    assert (connection["allowed"], connection["told"]) == (
        True,
        "allowed by rule office of policy inline",
    )
    assert connection["rules"][0]["because"] == [
        {"match": "ctx.session.client == '10.0.0.7'", "is": "true"}
    ]
    assert [(each["allowed"], each["reason"]) for each in found["statements"]] == [
        (True, ""),
        (False, "ask a lead"),
    ]
    assert found["statements"][1]["statement"]["kind"] == "DELETE"


@pytest.mark.usefixtures("orders")
def test_the_configuration_is_told(admin):
    block = {"configs": {"main": {}}, "rules": [{"matchAny": True, "config": "main"}]}
    draft = aware(block, allow={"users": ["alice"]})
    found = admin.call("POST", PATH, ASKED | {"drafts": [draft]}).json()
    assert found["config"]["told"].startswith("config main: db1.internal:5432")
    assert found["config"]["rules"] == [{"config": "main", "match": None, "outcome": "chosen"}]


@pytest.mark.usefixtures("orders")
def test_only_administrators_ask_about_others(alice):
    assert alice.call("POST", PATH, ASKED).status_code == 403


WRONG = [
    ({"session": {"client": "here"}}, 422),
    ({"session": {"method": "magic"}}, 422),
    ({"at": "soon"}, 422),
    ({"sql": "x" * 33_000}, 422),
    ({"sql": "'"}, 200),
    ({"drafts": [{"kind": "Service", "metadata": {}, "spec": {}}]}, 422),
    ({"device": {"id": "nothing"}}, 404),
    ({"device": {"posture": {"system": {"deep": [1]}}}}, 200),
    ({"service": "nothing"}, 404),
    ({"user": {"name": "nobody"}}, 404),
    ({"policies": ["nothing"]}, 404),
]


@pytest.mark.usefixtures("orders")
def test_what_is_wrong_is_told(admin):
    for more, status in WRONG:
        assert admin.call("POST", PATH, ASKED | more).status_code == status, more


@pytest.mark.usefixtures("orders")
def test_cases_are_decided(admin, alice):
    case = {"name": "elsewhere", "user": "alice", "expect": "ALLOW"}
    test = {
        "kind": "PolicyTest",
        "metadata": {"name": "t"},
        "spec": {"service": "orders", "cases": [case]},
    }
    answer = admin.call("POST", "/v1/policies/cases", {"documents": [test]})
    assert answer.json() == {
        "results": [
            {
                "test": "t",
                "case": "elsewhere",
                "ok": False,
                "problem": "expected ALLOW, but denied by the default of policy inline",
            }
        ]
    }
    assert alice.call("POST", "/v1/policies/cases", {"documents": [test]}).status_code == 403
    assert admin.call("POST", "/v1/policies/cases", {"documents": []}).status_code == 422
