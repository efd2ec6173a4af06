import json

import pytest

from pgward.client.access import planning
from tests.fixtures.asked import ID, plan, request

ROUTE = f"/v1/access/requests/{ID}/plan"
WAITS = plan(state="asked", answered_at=None, server_version=None, statements=[])


@pytest.fixture
def ca(fake_ca):
    """Have a request that may be planned; the plan comes while somebody waits for it."""
    mine = request(can=["approve", "deny", "plan"])
    fake_ca.routes["GET /v1/access/requests"] = {"requests": [mine], "after": None}
    fake_ca.routes[f"GET /v1/access/requests/{ID}"] = {"request": mine}
    fake_ca.routes[f"POST {ROUTE}"] = {"plan": WAITS}
    fake_ca.routes[f"GET {ROUTE}"] = {"plan": plan()}
    return fake_ca


def test_the_sql_is_shown(logged_in, ca):
    done = logged_in("requests", "plan", "4f0c")
    assert done.stdout.splitlines() == [
        "-- shop-db: PostgreSQL 16, looked at 2026-11-21T12:00:00Z",
        "-- database postgres",
        'CREATE ROLE "alice";',
        'GRANT "reporting" TO "alice";',
        "-- database shop",
        'GRANT SELECT ON TABLE "public"."orders" TO "alice";',
    ]
    assert (done.exit_code, done.stderr) == (0, "")
    assert 14 < float(ca.requests[-1].url.params["wait"]) <= 15


def test_as_data_it_is_whole(logged_in, ca):  # noqa: ARG001 - it answers
    assert json.loads(logged_in("requests", "plan", ID, "-o", "json").stdout) == plan()


def test_what_cannot_be_given_is_said_and_names_do_nothing(logged_in, ca):
    odd = "a\x1b[2Jb"
    found = plan(
        statements=[{"database": odd, "sql": odd}],
        more=1,
        problems=[{"text": odd, "fatal": True}, {"text": "c", "fatal": False}],
    )
    ca.routes[f"GET {ROUTE}"] = {"plan": found}
    done = logged_in("requests", "plan", ID)
    assert done.stdout.splitlines()[1:] == [
        r"-- database a\x1b[2Jb",
        r"a\x1b[2Jb",
        "-- and 1 statement more",
    ]
    assert done.stderr == ("warning: cannot be given: a\\x1b[2Jb\nwarning: not all of it: c\n")


def test_nothing_to_run_is_said(logged_in, ca):
    ca.routes[f"GET {ROUTE}"] = {"plan": plan(statements=[])}
    assert logged_in("requests", "plan", ID).stdout.endswith("-- nothing to run\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "the connector of shop-db has not answered within 1 second"),
        ({"trouble": "there is no connector c1"}, "there is no connector c1"),
        ({"state": "failed", "failure": "the server is away"}, "the server is away"),
    ],
)
def test_without_a_plan_it_says_why(logged_in, ca, monkeypatch, change, said):
    now = iter(range(100))
    monkeypatch.setattr(planning.time, "monotonic", lambda: float(next(now)))
    for route in (f"POST {ROUTE}", f"GET {ROUTE}"):
        ca.routes[route] = {"plan": WAITS | change}
    done = logged_in("requests", "plan", ID, "--wait", "1s")
    waits = f"{said}; waiting for 1 second\n" if change.get("trouble") else ""
    assert (done.exit_code, done.stdout, done.stderr) == (
        1,
        "",
        (
            f"{waits}pgward: nobody knows what 4f0c12 would run: {said}\n"
            "hint: whoever runs the connector looks at it: pgward connectors\n"
        ),
    )


def test_whoever_waits_long_asks_again_and_again(logged_in, ca):
    answers = [{"plan": WAITS}, {"plan": plan()}]
    ca.routes[f"GET {ROUTE}"] = lambda _body: answers.pop(0)
    assert logged_in("requests", "plan", ID, "--wait", "1m").exit_code == 0
    assert [each.url.params["wait"] for each in ca.requests[-2:]] == ["20.0", "20.0"]
