from datetime import UTC, datetime

import pytest

from pgward.policy.cases import check_rules, read_asked, read_test, shown
from pgward.policy.context import Connect, Context, Device, ServiceFacts, Session, User
from pgward.policy.reading import SpecError, read_spec
from pgward.policy.role_guard import RoleGuard
from pgward.policy.rules import Decision, Engine

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
ORDERS = ServiceFacts("orders", {"env": "prod"})
RULE = {"name": "dba", "effect": "ALLOW", "condition": "true"}
CASE = {"name": "c", "user": "ann", "expect": "ALLOW"}
ENGINE = Engine.compile(
    [
        read_spec(
            "p",
            {
                "statements": {"default": "DENY"},
                "rules": [
                    {"name": "dba", "effect": "ALLOW", "condition": "'dba' in ctx.user.groups"},
                    {
                        "name": "reads",
                        "effect": "ALLOW",
                        "on": "statement",
                        "condition": "ctx.request.postgres.statement.reads",
                    },
                    {
                        "name": "bob",
                        "effect": "DENY",
                        "condition": "ctx.user.name == 'bob'",
                        "reason": "not you",
                    },
                ],
            },
        )
    ]
)


def cases(*values, given=None, service=ORDERS):
    spec = {"cases": list(values)} | ({} if given is None else {"given": given})
    return read_test(spec).read_cases(service, now=NOW)


def case(given=None, **change):
    (found,) = cases(CASE | change, given=given)
    return found


def test_a_case_in_full():
    found = case(
        user={"name": "ann", "groups": ["dba"], "email": "ann@example.com", "grants": ["w"]},
        device={"id": "d1", "trusted": True, "posture": {"os": "linux"}},
        session={
            "id": "s1",
            "method": "otp",
            "client": "10.0.0.1",
            "started": "2026-11-22T08:00:00Z",
            "mfa": True,
            "reason": "a ticket",
        },
        connect={
            "user": "app",
            "database": "shop",
            "applicationName": "psql",
            "parameters": {"replication": "database"},
        },
        at="2026-11-22T10:00:00+01:00",
    )
    said = {"user": "app", "database": "shop", "application_name": "psql"}
    assert found.asked.context == Context(
        User("ann", ("dba",), "ann@example.com", ("w",)),
        ORDERS,
        Connect("app", "shop", "psql", {**said, "replication": "database"}),
        Session(
            "s1",
            "otp",
            "10.0.0.1",
            datetime(2026, 11, 22, 8, tzinfo=UTC),
            mfa=True,
            reason="a ticket",
        ),
        Device("d1", trusted=True, posture={"os": "linux"}),
    )
    assert found.asked.at == datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert found.asked.statements is None


def test_what_is_given_holds_for_all_field_by_field():
    given = {
        "user": {"name": "ann", "groups": ["dba"]},
        "session": {"mfa": True},
        "at": "2026-01-01",
    }
    first, second = cases(
        {"name": "c1", "expect": "ALLOW", "session": {"client": "::1"}},
        {"name": "c2", "expect": "ALLOW", "user": {"groups": []}, "at": "2026-01-02T00:00:00"},
        given=given,
    )
    assert first.asked.context.session == Session(client="::1", mfa=True)
    assert first.asked.context.user == User("ann", ("dba",))
    assert first.asked.at == datetime(2026, 1, 1, tzinfo=UTC)
    assert second.asked.context.user == User("ann")
    assert second.asked.at == datetime(2026, 1, 2, tzinfo=UTC)
    assert second.asked.context.service == ORDERS


def test_a_service_may_be_another():
    assert case(service="shop").asked.context.service == ServiceFacts("shop", {"env": "prod"})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"user": {"name": "ann", "groups": ["dba"]}}, None),
        ({"user": {"name": "ann", "groups": ["dba"]}, "rule": "dba"}, None),
        ({"user": {"name": "ann", "groups": ["dba"]}, "rule": "p/dba"}, None),
        (
            {"user": {"name": "ann", "groups": ["dba"]}, "rule": "q/dba"},
            "ALLOW as expected, but not by q/dba: allowed by rule dba of policy p",
        ),
        ({}, "expected ALLOW, but denied by the default of policy p"),
        ({"expect": "DENY"}, None),
        ({"expect": "DENY", "user": "bob", "reason": "not you"}, None),
        ({"expect": "DENY", "user": "bob", "reason": "nor you"}, "the reason is 'not you'"),
        ({"sql": "SELECT 1"}, None),
        ({"sql": "SELECT 1; DELETE FROM a", "expect": "DENY", "rule": "p"}, None),
        ({"function": 7, "expect": "DENY"}, None),
    ],
)
def test_what_is_not_as_expected_is_told(change, problem):
    assert case(**change).problem(ENGINE) == problem


@pytest.mark.parametrize(
    ("change", "path", "what"),
    [
        ({"expect": "allow"}, "cases[0].expect", "must be 'ALLOW' or 'DENY'"),
        ({"name": None}, "cases[0].name", "is missing"),
        ({"user": None}, "cases[0].user", "is missing"),
        ({"user": {"groups": []}}, "cases[0].user.name", "is missing"),
        ({"user": {"name": "a", "groups": "dba"}}, "cases[0].user.groups", "must be a list"),
        ({"user": {"name": "a", "groups": [1]}}, "cases[0].user.groups[0]", "must be a text"),
        ({"usr": "a"}, "cases[0].usr", "is not a field; did you mean user?"),
        (
            {"session": {"client": "1.2.3"}},
            "cases[0].session.client",
            "is no IP address, such as 10.0.0.7",
        ),
        ({"at": "noon"}, "cases[0].at", "is no time, such as 2026-11-22T09:30:00+01:00"),
        ({"sql": 1}, "cases[0].sql", "must be a text"),
        ({"sql": "SELECT", "function": 1}, "cases[0]", "has sql and function: ask for one of them"),
        ({"function": "now"}, "cases[0].function", "must be the function's number (oid)"),
        ({"session": {"mfa": "yes"}}, "cases[0].session.mfa", "must be true or false"),
        ({"device": {"posture": []}}, "cases[0].device.posture", "must be an object"),
        ({"connect": {"parameters": {"a": 1}}}, "cases[0].connect.parameters.a", "must be a text"),
        ({"connect": []}, "cases[0].connect", "must be an object"),
        ({"service": {"labels": []}}, "cases[0].service.labels", "must be an object"),
        ({"rule": 1}, "cases[0].rule", "must be a text"),
        (
            {"session": {"method": "pigeon"}},
            "cases[0].session.method",
            "must be one of certificate, tunnel, web, otp, token",
        ),
        (
            {"sql": "-- nothing"},
            "cases[0].sql",
            "has no statement; leave it out to ask about a connection",
        ),
    ],
)
def test_wrong_cases_are_refused_by_field(change, path, what):
    with pytest.raises(SpecError) as caught:
        case(**change)
    assert (caught.value.path, caught.value.what) == (path, what)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({}, "cases"),
        ({"cases": []}, "cases"),
        ({"cases": [CASE], "policies": "p"}, "policies"),
        ({"cases": [CASE], "service": 1}, "service"),
        ({"cases": [CASE], "given": {"sql": ""}}, "given.sql"),
        ([], ""),
    ],
)
def test_wrong_tests_are_refused_by_field(spec, path):
    with pytest.raises(SpecError) as caught:
        read_test(spec)
    assert caught.value.path == path


def test_one_question_alone():
    asked = read_asked({"user": "ann", "sql": "SELECT 1"}, now=NOW)
    assert (asked.context.user, asked.at) == (User("ann"), NOW)
    assert asked.decide(ENGINE).name == "p/reads"
    with pytest.raises(SpecError, match=r"^user is missing$"):
        read_asked({}, now=NOW)


def test_the_guard_of_the_role_comes_first():
    guard = RoleGuard("app")
    kept = case(sql="alter role app nologin", user={"name": "ann"}, expect="DENY")
    assert kept.asked.decide(ENGINE, guard).name == "protectRole"
    assert kept.asked.decide(ENGINE).name == "p"
    assert kept.problem(ENGINE, guard) is None
    assert case(sql="select 'alter role app'").asked.decide(ENGINE, guard).name == "p/reads"
    assert case(user="bob").asked.decide(ENGINE, guard).name == "p/bob"


def test_what_keeps_people_out_counts_for_connections_only():
    shut = Decision(allowed=False, rule="allow")
    assert case(expect="DENY", rule="allow").problem(ENGINE, None, shut) is None
    assert case(sql="select 1", rule="reads").problem(ENGINE, None, shut) is None


def test_a_rule_that_is_expected_must_be_one():
    policies = [read_spec("p", {"rules": [RULE]})]
    for rule in ("dba", "p/dba", "p", "protectRole", None):
        check_rules(cases(CASE | {"rule": rule}), policies, ["protectRole"])
    with pytest.raises(SpecError, match=r"^cases\[0\].rule is none of .*; did you mean p/dba\?"):
        check_rules(cases(CASE | {"rule": "p/dbas"}), policies, [])


def test_cases_have_names_of_their_own():
    with pytest.raises(SpecError, match=r"^cases\[1\].name is that of another case: 'c'"):
        cases(CASE, CASE | {"expect": "DENY"})


def test_decisions_in_words():
    by_guard = Decision(allowed=False, rule="protectRole", reason="so")
    assert shown(by_guard) == "denied by protectRole of the service"
    assert shown(Decision(allowed=True)) == "allowed as no policy rules it"
