import json

import pytest

from pgward.system import terminal
from tests.fixtures.asked import ID, approval, approved, decision, plan, request
from tests.fixtures.commands import body
from tests.fixtures.fake_ca import error

ROUTE = "/v1/access/requests"
OTHER = "b" * 16


@pytest.fixture
def ca(fake_ca):
    """Have two requests that bob may decide about."""
    found = [request(id=each, version=3, can=["approve", "deny"]) for each in (ID, OTHER)]
    fake_ca.routes[f"GET {ROUTE}"] = {"requests": found, "after": None}
    fake_ca.routes |= {f"GET {ROUTE}/{each['id']}": {"request": each} for each in found}
    for verb in ("approve", "deny", "cancel", "revoke"):
        for each in (ID, OTHER):
            fake_ca.routes[f"POST {ROUTE}/{each}/{verb}"] = {"request": approved(id=each)}
    return fake_ca


@pytest.fixture
def person(monkeypatch):
    """Answer on a terminal; return the questions."""
    questions = []

    def person(answer):
        monkeypatch.setattr(terminal, "interactive", lambda: True)
        monkeypatch.setattr(
            terminal, "confirm", lambda question: questions.append(question) or answer
        )
        return questions

    return person


def posts(ca):
    return [each for each in ca.calls if each.startswith("POST")]


def test_what_is_approved_is_shown_first(logged_in, ca, person):
    questions = person(True)
    done = logged_in("approve", "4f0c", "--reason", "fine")
    assert questions == ["approve it?"]
    assert body(ca) == {"reason": "fine", "version": 3}
    assert "reason       TICKET-7\n" in done.stderr
    assert "what         shop-reading (role pg_read_all_data)\n" in done.stderr
    assert done.stderr.endswith("approved 4f0c12: alice at shop, until 2026-11-21T14:05:00Z\n")


def test_who_says_no_has_approved_nothing(logged_in, ca, person):
    person(False)
    done = logged_in("approve", "4f0c")
    assert (done.exit_code, posts(ca)) == (1, [])
    assert done.stderr.endswith(
        "pgward: 4f0c12: alice at shop was not approved\nhint: pgward deny ID\n"
    )


def test_where_nobody_can_be_asked_it_has_to_be_said(logged_in, ca):
    done = logged_in("approve", ID)
    assert (done.exit_code, posts(ca)) == (2, [])
    assert f"hint: pgward requests show {ID}, then --yes" in done.stderr


def test_several_are_approved_without_a_question(logged_in, ca):
    done = logged_in("approve", ID, "bbb", ID, "--yes", "-o", "json")
    assert done.exit_code == 0, done.stderr
    assert posts(ca) == [f"POST {ROUTE}/{each}/approve" for each in (ID, OTHER)]
    assert [each["id"] for each in json.loads(done.stdout)["approved"]] == [ID, OTHER]


def test_nothing_is_done_to_one_when_another_is_not_there(logged_in, ca):
    done = logged_in("deny", ID, "ffff", "--reason", "no")
    assert (done.exit_code, posts(ca)) == (1, [])


def test_one_approval_of_several(logged_in, ca):
    needed = [approval(count=2, given=1)]
    half = request(approvals=needed, decisions=[decision()], version=4)
    ca.routes[f"POST {ROUTE}/{ID}/approve"] = {"request": half}
    done = logged_in("approve", ID, "--yes")
    assert done.stderr == "approved 4f0c12: alice at shop, which still waits for carol\n"


def test_an_extension_has_no_end_of_its_own(logged_in, ca):
    ca.routes[f"POST {ROUTE}/{ID}/approve"] = {"request": approved(grant=None)}
    assert logged_in("approve", ID, "--yes").stderr == "approved 4f0c12: alice at shop\n"


def test_who_may_not_approve_hears_why_and_is_asked_nothing(logged_in, ca, person):
    questions = person(True)
    ca.routes[f"GET {ROUTE}/{ID}"] = {"request": request()}
    ca.routes[f"POST {ROUTE}/{ID}/approve"] = error("denied", "nobody approves their own request")
    done = logged_in("approve", ID)
    assert (done.exit_code, questions) == (3, [])
    assert done.stderr == "pgward: nobody approves their own request\n"


@pytest.mark.parametrize(
    ("words", "did"),
    [
        (["deny", ID, "--reason", "x"], "denied"),
        (["cancel", ID, "--reason", "x"], "cancelled"),
        (["revoke", ID, "--reason", "x"], "revoked"),
    ],
)
def test_the_other_decisions(logged_in, ca, words, did):
    done = logged_in(*words)
    assert body(ca) == {"reason": "x"}
    assert done.stderr == f"{did} 4f0c12: alice at shop\n"
    assert json.loads(logged_in(*words, "-o", "json").stdout)[did] == [approved()]


def test_each_of_several_is_tried_and_it_is_summed_up(logged_in, ca):
    ca.routes[f"POST {ROUTE}/{ID}/revoke"] = error("conflict", "that access has ended already")
    done = logged_in("revoke", ID, OTHER)
    assert posts(ca) == [f"POST {ROUTE}/{each}/revoke" for each in (ID, OTHER)]
    assert (done.exit_code, done.stderr) == (
        1,
        (
            "revoked bbbbbb: alice at shop\n"
            "not revoked: 4f0c12: alice at shop: that access has ended already\n"
            "pgward: revoked 1 of 2\nhint: pgward requests show ID\n"
        ),
    )
    alone = logged_in("revoke", ID)
    assert alone.stderr == "pgward: that access has ended already\n"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (plan(), ""),
        (
            plan(problems=[{"text": "no role \x1b", "fatal": True}]),
            "warning: cannot be given: no role \\x1b\n",
        ),
        (
            plan(state="failed", failure="the server is away"),
            "warning: nobody knows what it would run: the server is away\n",
        ),
    ],
)
def test_who_approves_hears_before_what_cannot_be_given(logged_in, ca, person, found, said):
    person(True)
    mine = request(version=3, can=["approve", "deny", "plan"])
    ca.routes[f"GET {ROUTE}/{ID}"] = {"request": mine}
    ca.routes[f"POST {ROUTE}/{ID}/plan"] = {"plan": found}
    done = logged_in("approve", ID)
    assert "sql          pgward requests plan 4f0c12\n" in done.stderr
    assert done.stderr.endswith(
        f"{said}approved 4f0c12: alice at shop, until 2026-11-21T14:05:00Z\n"
    )


def test_a_plan_that_cannot_be_had_hinders_nobody(logged_in, ca, person):
    person(True)
    mine = request(version=3, can=["approve", "deny", "plan"])
    ca.routes[f"GET {ROUTE}/{ID}"] = {"request": mine}
    ca.routes[f"POST {ROUTE}/{ID}/plan"] = error("conflict", "it lapsed")
    done = logged_in("approve", ID)
    assert "warning: nobody knows what it would run: it lapsed\napproved" in done.stderr


def test_a_denial_needs_a_reason(logged_in):
    assert "missing option '--reason'" in logged_in("deny", ID).stderr
