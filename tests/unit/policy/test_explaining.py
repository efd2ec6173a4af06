from datetime import UTC, datetime

from pgward.policy import explaining
from pgward.policy.context import Context, ServiceFacts, User
from pgward.policy.reading import read_spec
from pgward.policy.role_guard import RoleGuard
from pgward.policy.rules import Engine
from pgward.policy.statements import classify, unread

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
ANN = Context(User("ann"), ServiceFacts("orders"))
NONE = "ctx.service.labels.none == ''"


def engine(*rules):
    return Engine.compile([read_spec("p", {"rules": list(rules)})] if rules else [])


def rule(name, effect, condition, **more):
    return {"name": name, "effect": effect, "condition": condition, **more}


def outcomes(found):
    return {each.step.name: each.what for each in found.rules}


def test_every_rule_is_told_in_order():
    found = explaining.connection(
        engine(
            rule("last", "ALLOW", "true", priority=9),
            rule("ann", "ALLOW", {"any": ["ctx.user.name == 'ann'", NONE]}),
            rule("broken", "ALLOW", NONE, priority=-1),
            rule("bob", "DENY", "ctx.user.name == 'bob'"),
        ),
        ANN,
        NOW,
    )
    assert outcomes(found) == {
        "p/broken": "fails: it does not allow",
        "p/bob": "does not hold",
        "p/ann": "decides",
        "p/last": "not asked: decided already",
    }
    assert found.rules[2].because[0] == ("ctx.user.name == 'ann'", "true")
    assert found.rules[2].because[1][1].startswith("fails: key not found")
    assert found.decision.name == "p/ann"


def test_a_denial_that_fails_denies():
    found = explaining.connection(engine(rule("broken", "DENY", NONE)), ANN, NOW)
    assert outcomes(found) == {"p/broken": "decides: a denial that fails denies"}
    assert not found.decision.allowed


def test_a_statement_is_told_with_what_is_known_of_it():
    reads = rule("reads", "ALLOW", "ctx.request.postgres.statement.reads", on="statement")
    (statement,) = classify(b"SELECT 1 FROM a")
    found = explaining.one_statement(engine(reads), ANN, NOW, statement)
    assert found.to_json() == {
        "allowed": True,
        "policy": "p",
        "rule": "reads",
        "reason": None,
        "rules": [
            {
                "policy": "p",
                "rule": "reads",
                "on": "statement",
                "priority": 0,
                "effect": "ALLOW",
                "outcome": "decides",
                "because": [{"match": "ctx.request.postgres.statement.reads", "is": "true"}],
            }
        ],
        "statement": {
            "kind": "SELECT",
            "kinds": ["SELECT"],
            "tables": ["a"],
            "functions": [],
            "settings": [],
            "reads": True,
            "text": "SELECT 1 FROM a",
        },
    }


def test_an_unread_statement_is_told_with_its_reason():
    found = explaining.one_statement(engine(), ANN, NOW, unread("it is too long", whole=False))
    assert found.to_json()["statement"] == {
        "kind": "UNPARSED",
        "whole": False,
        "why": "it is too long",
    }


def test_a_text_is_explained_by_its_statements():
    reads = rule("reads", "ALLOW", "ctx.request.postgres.statement.reads", on="statement")
    found = explaining.text(engine(reads), None, ANN, NOW, b"select 1; select 2")
    assert [each.decision.name for each in found] == ["p/reads", "p/reads"]
    assert explaining.text(engine(reads), RoleGuard("app"), ANN, NOW, b"") == []


def test_what_the_guard_denies_is_denied_whole_and_no_rule_is_asked():
    said = b"select 1; alter role app nologin"
    found = explaining.text(engine(), RoleGuard("app"), ANN, NOW, said)
    assert [each.statement.kind for each in found if each.statement] == ["SELECT", "ALTER ROLE"]
    assert {(each.decision.name, each.rules) for each in found} == {("protectRole", ())}
