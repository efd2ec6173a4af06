from dataclasses import replace
from datetime import timedelta

import pytest

from pgward.policy.context import Connect, Context, On, ServiceFacts, User
from pgward.policy.model import Condition, Effect, How, Policy, Rule
from pgward.policy.role_guard import RoleGuard
from pgward.tunnel.aware.ruling import Denial
from pgward.tunnel.edge.aware.judge import Judge
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.authority import MovableClock
from tests.fixtures.aware_sessions import NOW, POSTGRES

CONTEXT = Context(User("alice", ("dba",)), ServiceFacts("orders"), Connect("app", "prod"))


def policy(source: str, effect: Effect = Effect.ALLOW, on: On = On.CONNECT) -> Policy:
    return Policy("p", (Rule("r", effect, Condition(How.MATCH, source), on=on, reason="so it is"),))


def judge() -> Judge:
    return Judge(MovableClock(NOW).now)


def test_without_policies_everyone_may():
    assert judge().connect("orders", POSTGRES, CONTEXT) == ""
    ruler = judge().ruling("orders", POSTGRES, CONTEXT, "UTF8")
    assert not ruler.every
    ruler.parameter_status("client_encoding", "LATIN1")
    for kind in ("query", "parse", "execute", "function"):
        assert ruler.statement(kind, b"123", whole=True) is None


def test_the_role_is_guarded_with_policies_and_without():
    text = "ALTER ROLE käfer PASSWORD 'x'"
    for policies in ((), (policy("true", on=On.STATEMENT),)):
        postgres = replace(POSTGRES, policies=policies)
        ruler = judge().ruling("orders", postgres, CONTEXT, "UTF8", RoleGuard("käfer"))
        assert ruler.every is bool(policies)
        denied = ruler.statement("query", text.encode(), whole=False)
        assert denied is not None
        assert denied.rule == "protectRole"
        ruler.parameter_status("client_encoding", "LATIN1")
        assert ruler.statement("parse", text.encode("latin-1"), whole=True) == denied
        assert ruler.statement("execute", None, whole=True) is None
        judge().rule_anew(ruler, "orders", postgres, CONTEXT)
        assert ruler.statement("query", text.encode("latin-1"), whole=True) is None


def test_the_rule_that_lets_in_is_named():
    postgres = replace(POSTGRES, policies=(policy("'dba' in ctx.user.groups"),))
    assert judge().connect("orders", postgres, CONTEXT) == "p/r"


def test_a_refusal_says_why():
    postgres = replace(POSTGRES, policies=(policy("true", Effect.DENY),))
    with pytest.raises(RefusedError, match="so it is") as caught:
        judge().connect("orders", postgres, CONTEXT)
    assert (caught.value.reason, caught.value.sqlstate) == (Reason.DENIED, "42501")


def test_a_service_that_changed_is_judged_anew():
    made = judge()
    assert made.connect("orders", POSTGRES, CONTEXT) == ""
    denying = replace(POSTGRES, policies=(policy("true", Effect.DENY),))
    with pytest.raises(RefusedError):
        made.connect("orders", denying, CONTEXT)
    assert made.connect("orders", POSTGRES, CONTEXT) == ""


def test_time_passes():
    clock = MovableClock(NOW)
    made = Judge(clock.now)
    until = (NOW + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    postgres = replace(POSTGRES, policies=(policy(f"ctx.now < timestamp('{until}')"),))
    made.connect("orders", postgres, CONTEXT)
    clock.move(minutes=2)
    with pytest.raises(RefusedError):
        made.connect("orders", postgres, CONTEXT)


def test_what_began_is_judged_as_of_then():
    clock = MovableClock(NOW)
    made = Judge(clock.now)
    until = (NOW + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    postgres = replace(POSTGRES, policies=(policy(f"ctx.now < timestamp('{until}')"),))
    clock.move(minutes=2)
    assert made.connect("orders", postgres, CONTEXT, NOW) == "p/r"
    now = made.variables(CONTEXT)
    assert made.variables(CONTEXT, NOW) != now


def test_a_session_follows_newer_policies_in_its_own_encoding():
    reads = policy("!ctx.request.postgres.statement.reads", Effect.DENY, On.STATEMENT)
    made = judge()
    ruler = made.ruling("orders", replace(POSTGRES, policies=(reads,)), CONTEXT, "UTF8")
    ruler.parameter_status("client_encoding", "LATIN1")
    ruler.parameter_status("TimeZone", "UTC")
    latin = "select 'ü'".encode("latin-1")
    assert ruler.statement("query", latin, whole=True) is None
    nothing = policy("true", Effect.DENY, On.STATEMENT)
    made.rule_anew(ruler, "orders", replace(POSTGRES, policies=(nothing,)), CONTEXT)
    assert ruler.statement("query", latin, whole=True) is not None
    made.rule_anew(ruler, "orders", POSTGRES, CONTEXT)
    assert ruler.statement("query", b"delete from t", whole=True) is None
    made.rule_anew(ruler, "orders", replace(POSTGRES, policies=(reads,)), CONTEXT)
    assert ruler.statement("query", latin, whole=True) is None


def test_each_denial_is_heard_of():
    heard = []
    made = Judge(MovableClock(NOW).now, heard.append)
    postgres = replace(POSTGRES, policies=(policy("true", Effect.DENY, On.STATEMENT),))
    ruler = made.ruling("orders", postgres, CONTEXT, "UTF8", RoleGuard("app"))
    for text in (b"select 1", b"alter role app nologin"):
        ruler.statement("query", text, whole=True)
    assert [each.name for each in heard] == ["p/r", "protectRole"]


def test_the_role_is_guarded_in_what_passes_in_pieces():
    heard = []
    made = Judge(MovableClock(NOW).now, heard.append)
    ruler = made.ruling("orders", POSTGRES, CONTEXT, "UTF8", RoleGuard("app"))
    rest = ruler.rest()
    assert rest is not None
    assert rest.take(b"select 1; al") is None
    denied = rest.take(b"ter role app nologin")
    assert denied == Denial("protectRole", "people land here as app, so it is not changed here")
    assert [each.name for each in heard] == ["protectRole"]
    assert made.ruling("orders", POSTGRES, CONTEXT, "UTF8").rest() is None


def test_statements_are_ruled_as_the_relay_asks():
    source = "ctx.request.postgres.statement.kind in ['DELETE', 'FUNCTION_CALL']"
    postgres = replace(POSTGRES, policies=(policy(source, Effect.DENY, On.STATEMENT),))
    ruler = judge().ruling("orders", postgres, CONTEXT, "UTF8")
    assert ruler.statement("query", b"select 1", whole=True) is None
    denied = ruler.statement("parse", b"delete from t", whole=True)
    assert denied == Denial("p/r", "so it is")
    ruler.parameter_status("client_encoding", "LATIN1")
    assert ruler.statement("query", "select 'ü'".encode("latin-1"), whole=True) is None
    assert ruler.statement("function", b"1598", whole=True) is not None
