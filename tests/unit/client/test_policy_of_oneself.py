import json

import pytest

from tests.fixtures.commands import body

ALLOWED = {"allowed": True, "policy": "p", "rule": "r", "reason": ""}
DENIED = {"allowed": False, "policy": "p", "rule": "changes", "reason": "ask a lead"}


@pytest.fixture
def answers(fake_ca):
    found = {"ruled": True, "connection": ALLOWED, "statements": [], "kept": None}
    fake_ca.routes["POST /v1/me/policies"] = found
    return found


def test_what_one_asks_about_oneself(logged_in, answers, fake_ca):
    answers["statements"] = [ALLOWED, DENIED]
    words = ("--service", "orders", "--role", "rw", "--method", "otp", "--reason", "T-7")
    done = logged_in("policy", "explain", *words, "--sql", "select f(); delete from a")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[:2] == ["the connection", "allowed by rule r of policy p"]
    assert done.stdout.endswith("denied by rule changes of policy p: ask a lead\n")
    asked = body(fake_ca)
    said = {name: asked[name] for name in ("service", "role", "method", "reason")}
    assert said == {"service": "orders", "role": "rw", "method": "otp", "reason": "T-7"}
    assert asked["statements"][0] == {
        "kind": "SELECT",
        "kinds": ["SELECT"],
        "tables": [],
        "names": [],
        "functions": ["f"],
        "settings": [],
        "text": "select f()",
        "whole": True,
        "reads": False,
        "parsed": True,
        "why": "",
    }


@pytest.mark.usefixtures("answers")
def test_for_programs(logged_in):
    done = logged_in("policy", "explain", "--service", "orders", "-o", "json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["connection"]["rule"], found["statements"]) == (0, "r", [])


def test_the_role_is_kept_as_the_ca_says(logged_in, answers):
    answers["statements"], answers["kept"] = [ALLOWED], {"role": "app", "own": False}
    words = ("--service", "orders", "--sql", "alter role app nologin")
    done = logged_in("policy", "explain", *words)
    assert done.stdout.endswith(
        "denied by protectRole of the service: people land here as app, so it is not changed here\n"
    )


def test_where_no_policy_applies(logged_in, answers):
    answers["ruled"], answers["statements"] = False, [ALLOWED]
    done = logged_in("policy", "explain", "--service", "orders", "--sql", "select 1")
    assert (done.exit_code, done.stdout.count("\n")) == (0, 2)
    assert "orders is in mode tcp: no policy applies" in done.stderr


@pytest.mark.parametrize(
    "more",
    [
        ("--group", "dba"),
        ("--mfa",),
        ("--trusted-device",),
        ("--client", "::1"),
        ("--at", "2026-11-22"),
    ],
)
def test_what_is_for_administrators_needs_a_name(logged_in, more):
    done = logged_in("policy", "explain", "--service", "orders", *more)
    assert done.exit_code == 2
    assert f"{more[0]} needs --user" in done.stderr
