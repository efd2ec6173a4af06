"""The plan of a request: asked, answered by its connector, and seen by those who may."""

import threading

import pytest

from pgward.access.questions import Question
from tests.fixtures.access_world import BUNDLE

REQUESTS = "/v1/access/requests"
ANSWER = {
    "integration": "shop-db",
    "server_version": 16,
    "statements": [{"database": "shop", "sql": 'GRANT SELECT ON TABLE "s"."\x1b[2J" TO "ann";'}],
    "more": 2,
    "problems": [{"text": "there is no role 'ghost'", "fatal": True}],
    "failure": None,
}


@pytest.fixture
def connector(api, admin, access):  # noqa: ARG001 - the world has its integration
    return api.machine(admin, "connector", "c1")


@pytest.fixture
def asked(access):
    return access.ask()


@pytest.fixture
def reply(connector):
    """Answer the one question that the connector is asked."""

    def reply(**change):
        (integration,) = connector.call("GET", "/v1/connector/wanted").json()["integrations"]
        (found,) = integration["questions"]
        question = Question.read(found)
        whose = {"request": question.request, "number": question.number}
        answer = connector.call("POST", "/v1/connector/plan", ANSWER | whose | change)
        assert answer.status_code == 200, answer.text
        return answer.json()["wanted"]

    return reply


@pytest.fixture
def plan(who, asked):
    """Call the route as somebody; return the plan, or the status of the refusal."""

    def plan(name, method="GET", query="", of=None):
        path = f"{REQUESTS}/{of or asked.id}/plan"
        answer = who(name).call(method, path, None if method == "GET" else {}, query=query)
        return answer.json()["plan"] if answer.is_success else answer.status_code

    return plan


def test_a_plan_is_asked_for_answered_and_shown(plan, reply, asked):
    assert plan("dora")["state"] == "unasked"
    assert plan("dora", "POST")["state"] == "asked"
    assert plan("dora", "POST")["state"] == "asked"
    assert plan("ann", query="?wait=0")["answered_at"] is None
    assert reply()
    assert plan("dora") == {
        "request": asked.id,
        "integration": "shop-db",
        "state": "there",
        "asked_at": "2026-11-21T12:00:00Z",
        "answered_at": "2026-11-21T12:00:00Z",
        "server_version": 16,
        "statements": [
            {"database": "shop", "sql": 'GRANT SELECT ON TABLE "s"."\\x1b[2J" TO "ann";'}
        ],
        "more": 2,
        "problems": [{"text": "there is no role 'ghost'", "fatal": True}],
        "failure": None,
        "trouble": None,
    }


def test_who_waits_has_the_answer_as_soon_as_it_is_there(plan, reply):
    plan("dora", "POST")
    told = []
    waiting = threading.Thread(target=lambda: told.append(plan("dora", query="?wait=20")))
    waiting.start()
    assert reply(failure="PostgreSQL is away", statements=[], problems=[])
    waiting.join(20)
    assert [(each["state"], each["failure"]) for each in told] == [("failed", "PostgreSQL is away")]
    assert plan("ann")["failure"] == "the connector cannot look at the server"


@pytest.mark.parametrize(
    ("name", "status"), [("ann", 200), ("dora", 200), ("adam", 200), ("sam", 404), ("olga", 404)]
)
def test_only_those_see_it_who_see_the_request(plan, name, status):
    for method in ("GET", "POST"):
        found = plan(name, method)
        assert (found if isinstance(found, int) else 200) == status


def test_without_a_connector_that_is_said(plan):
    assert plan("dora", "POST")["trouble"] == "there is no connector c1"


def test_what_is_decided_is_planned_no_more(access, plan, asked):
    access.decide(asked.id, "dora")
    assert plan("dora", "POST") == 409
    assert plan("dora")["state"] == "unasked"
    assert plan("dora", of="abcd") == 404
    assert BUNDLE in access.request(asked.id).rights.bundles
