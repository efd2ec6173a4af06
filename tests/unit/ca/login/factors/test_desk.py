import anyio
import pytest

from pgward.ca.identity import devices
from pgward.ca.login.factors.factor import WrongFactorError
from pgward.core.errors import DeniedError, InvalidInputError


@pytest.fixture
def prove(factors):
    def prove(answer, *, flow="flow", memory=None, thumbprint="jkt", user="alice"):
        asked = {"totp": {}, "recovery": {}} if memory is None else memory

        async def proving():
            return await factors.desk.prove(user, answer, asked, flow=flow, thumbprint=thumbprint)

        return anyio.run(proving)

    return prove


def test_a_person_is_asked_for_what_there_is(logins, factors):
    with logins.desk.store.read() as connection:
        assert factors.desk.challenge(connection, "alice") is None
    factors.add_app()
    factors.add_codes()
    with logins.desk.store.read() as connection:
        challenge = factors.desk.challenge(connection, "alice")
    assert challenge.facts == {"factors": ["totp", "recovery"], "recovery_codes_left": 10}


def test_recovery_codes_alone_are_no_second_factor(logins, factors):
    factors.add_codes()
    with logins.desk.store.read() as connection:
        assert factors.desk.challenge(connection, "alice") is None


def test_any_of_them_proves(logins, factors, prove):
    app, codes = factors.add_app(), factors.add_codes()
    logins.desk.clock.move(seconds=30)
    assert prove({"factor": "totp", "code": app.code()}).kind == "totp"
    assert prove({"factor": "recovery", "code": codes[0]}).kind == "recovery"


@pytest.mark.parametrize("factor", ["webauthn", "password", "x" * 33, None, 5])
def test_what_was_not_asked_for_proves_nothing(factors, prove, factor):
    factors.add_app()
    with pytest.raises(InvalidInputError):
        prove({"factor": factor, "code": "123456"})
    with pytest.raises(InvalidInputError, match="no second factor 'totp'"):
        prove({"factor": "totp", "code": "123456"}, memory={"recovery": {}})


def test_a_login_has_five_tries(factors, prove):
    factors.add_app()
    for _ in range(5):
        with pytest.raises(WrongFactorError):
            prove({"factor": "totp", "code": "000000"})
    with pytest.raises(DeniedError, match="too many wrong codes in this login"):
        prove({"factor": "totp", "code": "000000"})
    with pytest.raises(DeniedError, match="too many failed attempts"):
        prove({"factor": "totp", "code": "000000"}, flow="another")


def test_who_guesses_elsewhere_does_not_slow_a_known_device(logins, factors, prove):
    app = factors.add_app()
    logins.desk.clock.move(seconds=30)
    with logins.desk.store.write() as transaction:
        devices.see(transaction, "alice", "laptop", name="", client=None, now=logins.desk.now())
    for number in range(8):
        with pytest.raises(DeniedError):
            prove({"factor": "totp", "code": "000000"}, flow=f"f{number}", thumbprint="evil")
    answer = {"factor": "totp", "code": app.code()}
    with pytest.raises(DeniedError, match="too many failed"):
        prove(answer, flow="mine", thumbprint="evil")
    assert prove(answer, flow="mine", thumbprint="laptop").kind == "totp"
