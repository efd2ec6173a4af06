from datetime import UTC, datetime

import pytest

from pgward.policy import ruling
from pgward.policy.context import Context, On, ServiceFacts, User
from pgward.policy.model import Condition, Effect, How, Policy, Rule
from pgward.policy.rules import Engine
from pgward.policy.ruling import StatementRuler
from pgward.policy.statements import classify

ALICE = Context(User("alice"), ServiceFacts("orders"))
NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
READS = "ctx.request.postgres.statement.reads"


def ruler(source=READS, *, now=lambda: NOW, **options):
    rule = Rule("reads", Effect.ALLOW, Condition(How.MATCH, source), On.STATEMENT)
    engine = Engine.compile([Policy("p", (rule,), statements=Effect.DENY)])
    return StatementRuler(engine, ALICE, now, **options)


@pytest.mark.parametrize("kind", ["query", "parse", "execute"])
def test_messages_with_a_text(kind):
    rules = ruler()
    assert rules.statement(kind, b"SELECT 1", whole=True) is None
    denied = rules.statement(kind, b"DELETE FROM a", whole=True)
    assert (denied.policy, denied.rule, denied.reason) == ("p", "", "no rule of policy p allows it")


def test_what_was_not_seen_whole_is_denied():
    rules = ruler()
    assert rules.statement("query", b"", whole=True) is None
    assert rules.statement("query", b"SELECT 1", whole=True) is None
    assert rules.statement("query", None, whole=False) is not None
    assert rules.statement("query", b"SELECT 1", whole=False).reason == (
        "policy p denies what cannot be read: it is too long"
    )
    assert rules.statement("execute", None, whole=True).reason == (
        "policy p denies what cannot be read: what it executes was not seen here"
    )
    assert rules.statement("query", b"SELECT 1", whole=True) is None


def test_function_calls_are_ruled():
    assert ruler().statement("function", b"1598", whole=True) is not None
    mine = "ctx.request.postgres.statement.functions == ['1598']"
    assert ruler(mine).statement("function", b"1598", whole=True) is None


def test_rules_see_the_protocol():
    simple = ruler("ctx.request.postgres.statement.protocol == 'simple'")
    assert simple.statement("query", b"SELECT 1", whole=True) is None
    assert simple.statement("parse", b"SELECT 1", whole=True) is not None


def test_a_text_is_decided_once_unless_the_clock_matters():
    times = iter([NOW.replace(hour=hour) for hour in (9, 9, 20)])
    timed = ruler("ctx.now.getHours() < 18", now=lambda: next(times))
    found = [timed.statement("query", b"SELECT 1", whole=True) is None for _ in range(3)]
    assert found == [True, True, False]
    once = iter([NOW])
    timeless = ruler(now=lambda: next(once))
    assert [timeless.statement("query", b"SELECT 1", whole=True) for _ in range(3)] == [None] * 3


def test_what_is_remembered_is_bounded():
    rules = ruler()
    for number in range(1000):
        rules.statement("query", b"SELECT a%d" % number, whole=True)
    assert len(rules._known) <= 128


def test_the_clients_encoding_is_followed():
    rules = ruler(encoding="LATIN1")
    text = b"SELECT '\xe9'"
    assert rules.statement("query", text, whole=True) is None
    rules.parameter_status("TimeZone", "UTC")
    assert rules.statement("query", text, whole=True) is None
    rules.parameter_status("client_encoding", "UTF8")
    assert "not in UTF8" in rules.statement("query", text, whole=True).reason


def test_texts_that_differ_in_literals_are_allowed_alike(monkeypatch):
    seen = []
    monkeypatch.setattr(
        ruling, "classify", lambda text, **given: seen.append(text) or classify(text, **given)
    )
    rules = ruler()
    for number in range(50):
        text = b"SELECT a FROM b WHERE c = %d AND d = 'x%d'" % (number, number)
        assert rules.statement("query", text, whole=True) is None
    assert len(seen) == 1
    for number in (2, 3, 4):
        assert rules.statement("query", b"DELETE FROM a WHERE b = %d" % number, whole=True)
    assert len(seen) == 4


def test_rules_that_look_at_texts_see_every_one():
    rules = ruler("ctx.request.postgres.statement.text.endsWith('7')")
    assert rules.statement("query", b"SELECT 7", whole=True) is None
    assert rules.statement("query", b"SELECT 8", whole=True) is not None
    assert rules.statement("query", b"SELECT 17", whole=True) is None


def test_an_empty_literal_is_not_like_others():
    """Of COPY FROM '' the grammar's tree says no file, and PostgreSQL refuses it."""
    rules = ruler("ctx.request.postgres.statement.kind == 'COPY FROM'")
    assert rules.statement("query", b"COPY a FROM ''", whole=True) is None
    assert rules.statement("query", b"COPY a FROM '/etc/passwd'", whole=True) is not None
