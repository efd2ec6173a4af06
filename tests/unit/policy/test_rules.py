from datetime import UTC, datetime, timedelta

import pytest

from pgward.policy.cel import ConditionError
from pgward.policy.context import Connect, Context, On, ServiceFacts, User
from pgward.policy.model import Condition, Effect, How, Policy, Rule
from pgward.policy.rules import Decision, Engine
from pgward.policy.statements import classify, function_call

ALLOW, DENY = Effect.ALLOW, Effect.DENY
NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
ALICE = Context(User("alice", ("dba",)), ServiceFacts("orders"), Connect("app", "shop"))
BOB = Context(User("bob", ("staff",)), ServiceFacts("orders"), Connect("app", "shop"))
TRUE, FALSE, FAILS = "true", "false", "ctx.service.labels.none == ''"
DBA = "'dba' in ctx.user.groups"
STATEMENT = "ctx.request.postgres.statement"


def match(source):
    return Condition(How.MATCH, source)


def tree(how, *sources):
    return Condition(how, of=tuple(match(each) for each in sources))


def rule(effect, condition, *, on=On.CONNECT, priority=0, name="r", reason=""):
    found = match(condition) if isinstance(condition, str) else condition
    return Rule(name, effect, found, on, priority, reason)


def policy(*rules, name="p", **defaults):
    return Policy(name, rules, **defaults)


def connect(*policies, context=ALICE):
    return Engine.compile(policies).connect(context, NOW)


def query(text, *policies, context=ALICE):
    engine = Engine.compile(policies)
    return engine.text(context, NOW, classify(text.encode()))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (tree(How.ANY, FALSE, TRUE), True),
        (tree(How.ANY, FALSE, FALSE), False),
        (tree(How.ANY, FAILS, TRUE), True),
        (tree(How.ANY, FAILS, FALSE), None),
        (tree(How.ALL, TRUE, TRUE), True),
        (tree(How.ALL, TRUE, FALSE), False),
        (tree(How.ALL, FAILS, FALSE), False),
        (tree(How.ALL, FAILS, TRUE), None),
        (tree(How.NONE, FALSE, FALSE), True),
        (tree(How.NONE, FALSE, TRUE), False),
        (tree(How.NONE, FAILS, TRUE), False),
        (tree(How.NONE, FAILS, FALSE), None),
        (Condition(How.NONE, of=(tree(How.ALL, TRUE, FALSE), match(FALSE))), True),
        (match(FAILS), None),
    ],
)
def test_conditions_hold_or_do_not_or_fail(condition, expected):
    # What fails neither allows, nor spares it a denial.
    allows = connect(policy(rule(ALLOW, condition))).allowed
    denies = not connect(policy(rule(DENY, condition), connect=ALLOW)).allowed
    assert (allows, denies) == {True: (True, True), False: (False, False), None: (False, True)}[
        expected
    ]


def test_without_policies_all_is_allowed():
    engine = Engine.compile([])
    assert engine.connect(ALICE, NOW) == Decision(allowed=True)
    assert engine.text(ALICE, NOW, classify(b"DROP TABLE a")) == Decision(allowed=True)
    assert not engine.rules_statements


def test_a_policy_with_rules_denies_whom_none_of_them_allows():
    only = policy(rule(ALLOW, DBA, name="dba"))
    assert connect(only) == Decision(allowed=True, policy="p", rule="dba")
    assert connect(only, context=BOB) == Decision(
        allowed=False, policy="p", reason="no rule of policy p allows it"
    )


def test_a_policy_may_say_otherwise():
    curfew = policy(rule(DENY, DBA, reason="not you"), connect=ALLOW)
    assert connect(curfew) == Decision(allowed=False, policy="p", rule="r", reason="not you")
    assert connect(curfew, context=BOB) == Decision(allowed=True, policy="p")


def test_the_default_that_denies_wins():
    open_one = policy(name="open", connect=ALLOW)
    assert connect(open_one, policy(name="closed", connect=DENY)).policy == "closed"


def test_rules_on_statements_leave_connections_alone():
    only = policy(rule(DENY, TRUE, on=On.STATEMENT))
    assert connect(only).allowed


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([rule(ALLOW, TRUE, name="a"), rule(DENY, TRUE, name="d")], "d"),
        ([rule(DENY, TRUE, name="d"), rule(ALLOW, TRUE, name="a")], "d"),
        ([rule(ALLOW, TRUE, name="a", priority=-1), rule(DENY, TRUE, name="d")], "a"),
        ([rule(ALLOW, TRUE, name="a"), rule(DENY, TRUE, name="d", priority=1)], "a"),
        ([rule(DENY, FALSE, name="d"), rule(ALLOW, TRUE, name="a")], "a"),
        ([rule(ALLOW, TRUE, name="a1"), rule(ALLOW, TRUE, name="a2")], "a1"),
    ],
)
def test_the_first_by_priority_decides_and_denials_come_first(rules, expected):
    assert connect(policy(*rules)).rule == expected
    apart = [policy(each, name=f"p{index}") for index, each in enumerate(rules)]
    assert connect(*apart).rule == expected


def test_failures_on_the_way_are_told():
    found = connect(policy(rule(ALLOW, FAILS, name="broken"), rule(ALLOW, TRUE, name="all")))
    assert found.rule == "all"
    assert len(found.failed) == 1
    assert found.failed[0].startswith("p/broken: key not found in map")


READERS = policy(
    rule(ALLOW, f"{STATEMENT}.reads", on=On.STATEMENT, name="reads"),
    name="readers",
    statements=DENY,
)
LONG = "it is longer than 16384 bytes without its literals"
NO_SECRETS = policy(
    rule(DENY, f"'secrets' in {STATEMENT}.names", on=On.STATEMENT, name="secrets"),
    name="no-secrets",
)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("SELECT 1", True),
        ("", True),
        ("SELECT 1; SELECT 2", True),
        ("SELECT 1; DELETE FROM a", False),
        ("WITH x AS (DELETE FROM a RETURNING 1) SELECT * FROM x", False),
        ("DO 'begin end'", False),
        ("SELEC 1", False),
        ("SELECT 1 /*" + "x" * 20_000 + "*/", True),
        ("SELECT 1 /*" + "x" * 20_000 + "*/; DROP TABLE a", False),
        ("SELECT a" + ", a" * 10_000, False),
    ],
)
def test_a_policy_that_denies_by_default(text, allowed):
    assert query(text, READERS).allowed is allowed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT 1", ""),
        ("SELECT * FROM a.secrets", "rule secrets denies it"),
        ("SELECT * FROM secrets; SELECT 1", "rule secrets denies it"),
        ("SELECT 1; TABLE ONLY secrets", "rule secrets denies it"),
        ("SELECT 1 /*" + "x" * 70_000 + "*/", ""),
        ("SELECT 1 /*" + "x" * 70_000 + "*/; TABLE secrets", "rule secrets denies it"),
        # What cannot be read might be about secrets: the condition fails, and so denies.
        (
            "SELEC 1",
            'rule secrets denies it (this cannot be read: syntax error at or near "SELEC")',
        ),
        (
            "SELECT a" + ", a" * 10_000,
            f"rule secrets denies it (this cannot be read: {LONG})",
        ),
    ],
)
def test_a_policy_that_denies_some(text, reason):
    assert query(text, NO_SECRETS).reason == reason


def test_what_looks_at_a_text_that_is_too_long_fails():
    text = "INSERT INTO a VALUES (1)" + ",(1)" * 10_000
    found = query(text, policy(rule(DENY, f"{STATEMENT}.text == ''", on=On.STATEMENT, name="text")))
    assert found.reason == (
        "rule text denies it (this cannot be read: its text is longer than 16384 bytes)"
    )
    allowing = rule(ALLOW, f"{STATEMENT}.text != ''", on=On.STATEMENT, name="text")
    found = query(text, policy(allowing, name="texts", statements=DENY))
    assert found.reason == (
        "no rule of policy texts allows it "
        "(this cannot be read: its text is longer than 16384 bytes)"
    )


def test_a_rule_that_holds_whatever_is_said_gives_its_reason_alone():
    nobody = policy(rule(DENY, TRUE, on=On.STATEMENT, name="nobody"))
    assert query("SELEC 1", nobody).reason == "rule nobody denies it"


def test_what_cannot_be_read_is_denied_where_statements_are_ruled():
    on_kind = policy(rule(DENY, f"{STATEMENT}.kind == 'DROP TABLE'", on=On.STATEMENT))
    assert query("SELEC 1", on_kind) == Decision(
        allowed=False,
        policy="p",
        reason='policy p denies what cannot be read: syntax error at or near "SELEC"',
    )
    assert query("SELEC 1", policy(*on_kind.rules, unparsed=ALLOW)).allowed


def test_who_may_do_anything_may_say_what_cannot_be_read():
    dba = policy(rule(ALLOW, DBA, on=On.STATEMENT, priority=-1))
    assert query("SELEC 1", NO_SECRETS, dba).allowed
    assert not query("SELEC 1", NO_SECRETS, dba, context=BOB).allowed


def test_what_is_not_denied_is_not_thereby_allowed_when_it_cannot_be_read():
    negated = policy(
        rule(ALLOW, f"!('DELETE' in {STATEMENT}.kinds)", on=On.STATEMENT), statements=DENY
    )
    assert query("SELECT 1", negated).allowed
    assert not query("SELEC 1", negated).allowed


def test_function_calls_are_ruled():
    engine = Engine.compile([READERS])
    assert not engine.statement(ALICE, NOW, function_call(1598)).allowed
    named = policy(rule(ALLOW, f"{STATEMENT}.functions == ['1598']", on=On.STATEMENT))
    engine = Engine.compile([policy(*named.rules, statements=DENY)])
    assert engine.statement(ALICE, NOW, function_call(1598)).allowed
    assert not engine.statement(ALICE, NOW, function_call(1)).allowed


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([policy(rule(DENY, TRUE))], False),
        ([policy(rule(ALLOW, TRUE, on=On.STATEMENT), unparsed=ALLOW)], False),
        ([policy(rule(ALLOW, TRUE, on=On.STATEMENT))], True),
        ([policy(rule(DENY, TRUE, on=On.STATEMENT), unparsed=ALLOW)], True),
        ([policy(statements=DENY)], True),
        ([policy(unparsed=DENY)], True),
    ],
)
def test_whether_statements_are_ruled_at_all(policies, expected):
    assert Engine.compile(policies).rules_statements is expected


def test_whether_the_clock_matters():
    late = "ctx.now.getHours() >= 14"
    assert Engine.compile([READERS, policy(rule(DENY, late))]).timeless
    timed = Engine.compile([policy(rule(DENY, late, on=On.STATEMENT))])
    assert not timed.timeless
    (statement,) = classify(b"SELECT 1")
    assert not timed.statement(ALICE, NOW, statement).allowed
    assert timed.statement(ALICE, NOW - timedelta(hours=1), statement).allowed


def test_a_wrong_condition_names_its_rule():
    with pytest.raises(ConditionError, match="rule r of policy p: line 1, column 4") as caught:
        Engine.compile([policy(rule(DENY, "ctx.usr == ''"))])
    assert (caught.value.line, caught.value.column) == (1, 4)
