import anyio
import pytest

from pgward.ca import caller
from pgward.ca.login.attempt import Attempt, DeviceFacts, Given, NeverAsks, Proven
from pgward.ca.login.grounds import Ground
from pgward.core.errors import DeniedError, InvalidInputError
from tests.fixtures.authority import START


def made(**changed):
    facts = {"id": "1", "method": "password", "provider": "corp", "thumbprint": "jkt"}
    return Attempt(began_at=START, **facts | changed)


def test_everything_but_what_was_given_comes_back():
    before = made(
        device=DeviceFacts("laptop", "secret", {"os": "linux"}),
        reason="ticket",
        given=Given("alice", "hunter2"),
        asked_by="totp",
        memory={"tries": 1},
    )
    rests_on = (Ground("account", "alice", "2026-01-01"),)
    before.prove(Proven("alice", ("oidc",), rests_on, "sub", "sid", "refresh", {"x": 1}))
    before.prove_factor(Ground("totp", "alice", "2026-01-02"))
    after = Attempt.load(before.dump())
    assert b"hunter2" not in before.dump()
    assert after.resumed
    assert after.given == Given()
    after.resumed, after.given = before.resumed, before.given
    assert after == before


def test_nobody_is_named_before_it_is_proven():
    attempt = made(given=Given("alice", "x"))
    assert attempt.actor == caller.UNKNOWN
    attempt.prove(Proven("alice", ("password",)))
    assert (attempt.actor, attempt.factors) == ("alice", ["password"])


def test_secrets_are_not_shown():
    shown = repr(made(given=Given("a", "hunter2"), device=DeviceFacts(token="hunter3")))
    assert "hunter" not in shown


def test_a_method_without_providers_takes_none():
    made(provider=None).check_no_provider()
    with pytest.raises(InvalidInputError, match="has no provider"):
        made().check_no_provider()


def test_what_never_asks_takes_no_answer():
    with pytest.raises(DeniedError, match="nothing was asked for"):
        anyio.run(NeverAsks().answer, None, {})
