import pytest

from pgward.ca.identity import second_factors
from pgward.ca.login import grounds
from pgward.ca.login.factors.codes import RecoveryFactor, TotpFactor, seal_secret
from pgward.ca.login.factors.factor import Challenge, WrongFactorError
from pgward.ca.resources.fields import FieldsError


@pytest.fixture
def prove(logins):
    """Judge a code of a person by a factor, in a transaction of its own."""

    def prove(factor, code, user="alice"):
        with logins.desk.store.write() as transaction:
            factor.prove(transaction, user, {"code": code}, {})

    return prove


@pytest.fixture
def app_factor(logins):
    return TotpFactor(logins.desk.sealer, logins.desk.clock)


def test_a_code_proves_once(logins, factors, prove, app_factor):
    app = factors.add_app()
    with pytest.raises(WrongFactorError, match="wrong code"):  # it set the app up
        prove(app_factor, app.code())
    logins.desk.clock.move(seconds=30)
    prove(app_factor, app.code())
    with pytest.raises(WrongFactorError) as caught:
        prove(app_factor, app.code())
    assert caught.value.why == "wrong or used TOTP code"
    assert caught.value.hint == "the code changes every 30 seconds, and each works once"


def test_who_has_no_app_has_no_right_code(factors, prove, app_factor, logins):
    app = factors.add_app()
    logins.desk.clock.move(seconds=30)
    with pytest.raises(WrongFactorError) as caught:
        prove(app_factor, app.code(), "root")
    assert caught.value.why == "no authenticator app"


def test_a_row_that_was_copied_to_another_person_does_not_open(logins):
    sealed = seal_secret(logins.desk.sealer, "alice", b"s" * 20)
    with pytest.raises(Exception, match="not sealed by this authority, or not for this"):
        logins.desk.sealer.open("totp secret root", sealed)


def test_only_who_has_one_is_asked(logins, factors, app_factor):
    factors.add_app()
    factors.add_codes()
    paper = RecoveryFactor(logins.desk.clock)
    with logins.desk.store.read() as connection:
        app = second_factors.totp(connection, "alice")
        assert app_factor.challenge(connection, "alice") == Challenge(grounds=[grounds.app(app)])
        assert app_factor.challenge(connection, "root") is None
        made = [grounds.recovery("alice", logins.desk.now())]
        expected = Challenge({"recovery_codes_left": 10}, grounds=made)
        assert paper.challenge(connection, "alice") == expected
        assert paper.challenge(connection, "root") is None


def test_a_recovery_code_proves_once(logins, factors, prove):
    codes = factors.add_codes()
    paper = RecoveryFactor(logins.desk.clock)
    prove(paper, codes[3].upper())
    for code, user in ((codes[3], "alice"), ("nonsense", "alice"), (codes[4], "root")):
        with pytest.raises(WrongFactorError, match="wrong recovery code"):
            prove(paper, code, user)
    prove(paper, codes[4])


@pytest.mark.parametrize("answer", [{}, {"code": 5}, {"code": "x" * 101}, {"code": "1", "x": 1}])
def test_what_is_no_answer_names_the_field(logins, app_factor, answer):
    with logins.desk.store.write() as transaction, pytest.raises(FieldsError, match="answer"):
        app_factor.prove(transaction, "alice", answer, {})
