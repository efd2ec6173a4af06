import anyio
import pytest

from pgward.ca.identity import devices
from pgward.ca.login import grounds
from pgward.ca.login.attempt import Given, RefusedLoginError
from pgward.ca.login.password import PasswordMethod
from pgward.core.errors import DeniedError, InvalidInputError
from tests.fixtures.ca_service import PASSWORD


def prove(logins, user="alice", password=PASSWORD):
    attempt = logins.attempt(given=Given(user, password), method="password")
    return anyio.run(PasswordMethod(logins.desk).begin, attempt)


def test_the_right_password_proves_who_it_is_in_the_directorys_case(logins):
    proven = prove(logins, "ALICE")
    assert (proven.user, proven.factors) == ("alice", ("password",))
    user = logins.user()
    assert proven.grounds == (grounds.account(user), grounds.password(user))


@pytest.mark.parametrize(
    ("user", "password", "why", "actor"),
    [
        ("nobody", PASSWORD, "unknown user", None),
        ("alice", "wrong", "wrong password", "alice"),
    ],
)
def test_the_answer_is_one_and_the_reasons_are_two(logins, user, password, why, actor):
    with pytest.raises(RefusedLoginError, match="wrong user name or password") as caught:
        prove(logins, user, password)
    assert (caught.value.why, caught.value.actor) == (why, actor)


@pytest.mark.parametrize("given", [(None, "x"), ("alice", None)])
def test_both_are_needed(logins, given):
    with pytest.raises(InvalidInputError, match="user and password are needed"):
        prove(logins, *given)


def test_guessing_is_slowed_down(logins):
    for _ in range(10):
        with pytest.raises(RefusedLoginError):
            prove(logins, password="wrong")
    with pytest.raises(DeniedError, match="too many failed attempts"):
        prove(logins)


def test_a_known_device_is_not_slowed_by_guesses_elsewhere(logins, change):
    now = logins.desk.now()
    change(devices.see, "alice", "laptop", name="", client=None, now=now)
    for _ in range(12):
        with pytest.raises(DeniedError):
            prove(logins, password="wrong")
    with pytest.raises(DeniedError, match="too many failed attempts"):
        prove(logins)
    attempt = logins.attempt(given=Given("Alice", PASSWORD), thumbprint="laptop")
    assert anyio.run(PasswordMethod(logins.desk).begin, attempt).user == "alice"


def test_a_provider_that_was_only_said_is_not_put_on_record(logins):
    attempt = logins.attempt(given=Given("alice", PASSWORD), method="password", provider="x" * 100)
    with pytest.raises(InvalidInputError, match="the method password has no provider"):
        anyio.run(PasswordMethod(logins.desk).begin, attempt)
