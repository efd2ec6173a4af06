"""Answers of connectors: of their own integrations only, bounded, and never taken on trust."""

import pytest

from pgward.ca.access import asked_plans, requests
from pgward.ca.service.routes.connector_plans import MOST_LETTERS

PATH = "/v1/connector/plan"
STATEMENT = {"database": "shop", "sql": "GRANT x TO y;"}


@pytest.fixture
def connector(api, admin, access):  # noqa: ARG001 - the world has its integration
    return api.machine(admin, "connector", "c1")


@pytest.fixture
def plan(access, clock):
    asked = access.ask()
    with access.store.write() as transaction:
        found = requests.get(transaction.connection, asked.id)
        return asked_plans.ask(transaction, found, now=clock.now(), by="dora")


@pytest.fixture
def body(plan):
    return {
        "integration": "shop-db",
        "request": plan.request_id,
        "number": plan.number,
        "server_version": 16,
        "statements": [STATEMENT],
        "more": 0,
        "problems": [],
        "failure": None,
    }


def test_an_answer_to_what_nobody_asks_is_lost(connector, body):
    for number, wanted in (("0" * 16, False), (body["number"], True), (body["number"], False)):
        answer = connector.call("POST", PATH, body | {"number": number})
        assert answer.json() == {"wanted": wanted}


def test_nobody_answers_for_another(api, admin, connector, body):
    other = api.machine(admin, "connector", "c2")
    assert other.call("POST", PATH, body).status_code == 403
    assert connector.call("POST", PATH, body | {"integration": "none"}).status_code == 403


def test_names_of_a_server_are_shown_and_do_nothing(access, connector, body):
    odd = "a\x1b]0;b\u202ec\nd"
    change = {
        "statements": [{"database": odd, "sql": f"-- {odd}"}],
        "problems": [{"text": odd, "fatal": False}],
        "failure": odd,
    }
    assert connector.call("POST", PATH, body | change).json() == {"wanted": True}
    with access.store.read() as connection:
        kept = asked_plans.find(connection, body["request"]).answer
    clean = r"a\x1b]0;b\u202ec\nd"
    assert kept["statements"] == [{"database": clean, "sql": f"-- {clean}"}]
    assert (kept["problems"], kept["failure"]) == ([{"text": clean, "fatal": False}], clean)


@pytest.mark.parametrize(
    "change",
    [
        {"number": "x"},
        {"more": -1},
        {"statements": [STATEMENT] * 501},
        {"statements": [{**STATEMENT, "sql": "x" * 10_001}]},
        {"statements": [{**STATEMENT, "sql": "x" * 9_000}] * (MOST_LETTERS // 9_000 + 1)},
        {"statements": [{**STATEMENT, "sql": "a\0b"}]},
        {"problems": [{"text": "x", "fatal": False}] * 101},
        {"unknown": 1},
    ],
)
def test_answers_of_another_form_are_refused(connector, body, change):
    assert connector.call("POST", PATH, body | change).status_code == 422
