import asyncio
from dataclasses import replace

import pytest

from pgward.client.edge_calls import LoginFacts
from pgward.core.errors import DeniedError, PgwardError, UnavailableError
from pgward.policy import cel
from pgward.policy.model import Condition, Effect, How, Policy, Rule
from pgward.tunnel.edge.aware.login_book import FRESH_SECONDS, STALE_SECONDS, LoginBook, is_wanted
from pgward.tunnel.edge.state_postgres import ConfigRule
from tests.fixtures.aware_sessions import ALICE, GUEST, POSTGRES

REPLY = {
    "email": "alice@example.com",
    "factors": ["password", "totp"],
    "device": {"id": "d1", "approved": True, "posture": {"firewall": True}},
}
KNOWN = LoginFacts("alice@example.com", ("password", "totp"), "d1", True, {"firewall": True})


class Ca:
    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.error: PgwardError | None = None
        self.reply: dict = REPLY

    def call(self, method, path, fields):
        assert (method, path) == ("GET", "/v1/edges/self/login")
        self.asked.append(dict(fields))
        if self.error is not None:
            raise self.error
        return self.reply


class Bench:
    def __init__(self) -> None:
        self.ca, self.now = Ca(), 1000.0
        self.book = LoginBook(self.ca, lambda: self.now)

    def find(self, peer=ALICE) -> LoginFacts | None:
        return asyncio.run(self.book.find("orders", peer))


def policy(source: str) -> Policy:
    inner = Condition(How.ANY, of=(Condition(How.MATCH, source),))
    return Policy("p", (Rule("r", Effect.ALLOW, Condition(How.ALL, of=(inner,))),))


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("ctx.device.trusted", True),
        ("ctx.session.mfa", True),
        ("ctx.user.email.endsWith('@example.com')", True),
        ("ctx.user.name == 'alice'", False),
    ],
)
def test_it_is_asked_where_a_rule_wants_to_know(source, wanted):
    assert is_wanted(replace(POSTGRES, policies=(policy(source),))) is wanted
    rule = ConfigRule(
        cel.compile(f"{source} == true" if wanted and "mfa" in source else source), ""
    )
    assert is_wanted(replace(POSTGRES, rules=(rule, ConfigRule(None, "")))) is wanted
    assert not is_wanted(POSTGRES)


def test_what_the_ca_says_counts_for_a_while():
    bench = Bench()
    assert bench.find() == KNOWN
    bench.now += FRESH_SECONDS - 1
    assert bench.find() == KNOWN
    assert bench.ca.asked == [{"service": "orders", "user": "alice", "serial": "1f"}]
    bench.now += 2
    bench.find()
    assert len(bench.ca.asked) == 2


def test_a_guest_is_known_by_its_login_session():
    bench = Bench()
    bench.find(GUEST)
    assert bench.ca.asked == [{"service": "orders", "user": "alice", "session": "s1"}]


def test_somebody_without_a_device():
    bench = Bench()
    bench.ca.reply = {"email": "", "factors": [], "device": None}
    assert bench.find() == LoginFacts("", (), None, False, {})


@pytest.mark.parametrize("error", [UnavailableError("away"), DeniedError("no")])
def test_while_the_ca_is_away_what_it_said_counts_for_some_minutes(error, caplog):
    bench = Bench()
    bench.find()
    bench.ca.error = error
    bench.now += STALE_SECONDS - 1
    assert bench.find() == KNOWN
    bench.now += 2
    assert bench.find() is None
    assert "does not tell of alice" in caplog.text


def test_an_answer_of_another_form_is_none():
    bench = Bench()
    bench.ca.reply = {"nonsense": 1}
    assert bench.find() is None
