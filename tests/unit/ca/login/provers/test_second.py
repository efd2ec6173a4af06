import anyio
import pytest

from pgward.ca.login.factors.factor import WrongFactorError
from pgward.ca.login.provers.second import SecondFactorProver
from pgward.core.errors import InvalidInputError

ALL = frozenset({"totp", "recovery", "webauthn"})


@pytest.fixture
def prover(logins, factors):
    return SecondFactorProver(logins.desk, factors.desk)


def asked(prover, attempt, accepted=ALL):
    return anyio.run(prover.begin, attempt, accepted)


def answered(prover, attempt, ask, **answer):
    attempt.ask(prover.kind, ask)
    return anyio.run(prover.answer, attempt, answer)


def test_who_has_an_app_is_asked_for_a_code(logins, factors, prover):
    app = factors.add_app()
    ask = asked(prover, logins.proven())
    assert (ask.kind, ask.facts) == ("second_factor", {"factors": ["totp"]})
    logins.desk.clock.move(minutes=1)
    assert answered(prover, logins.proven(), ask, factor="totp", code=app.code()) == "totp"
    with pytest.raises(WrongFactorError):
        answered(prover, logins.proven(), ask, factor="totp", code=app.code())


def test_who_has_none_is_asked_for_nothing_and_sets_none_up(logins, prover):
    assert asked(prover, logins.proven()) is None


def test_only_what_is_accepted_is_asked_for_and_taken(logins, factors, prover):
    factors.add_app()
    (code, *_) = factors.add_codes()
    ask = asked(prover, logins.proven(), frozenset({"totp"}))
    assert ask.facts["factors"] == ["totp"]
    with pytest.raises(InvalidInputError):
        answered(prover, logins.proven(), ask, factor="recovery", code=code)
    assert asked(prover, logins.proven(), frozenset({"webauthn"})) is None


def test_a_recovery_code_counts_where_it_is_accepted(logins, factors, prover):
    factors.add_app()
    (code, *_) = factors.add_codes()
    ask = asked(prover, logins.proven())
    assert answered(prover, logins.proven(), ask, factor="recovery", code=code) == "recovery"
