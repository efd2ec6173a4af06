from contextlib import suppress

import anyio
import pytest

from pgward.ca.acts import RefusedError
from pgward.ca.login.provers.password import PasswordProver
from pgward.core.errors import DeniedError, InvalidInputError
from tests.fixtures.ca_service import PASSWORD


def answered(logins, **answer):
    return anyio.run(PasswordProver(logins.desk).answer, logins.proven(), answer)


@pytest.mark.parametrize(("accepted", "asks"), [({"totp"}, False), ({"password"}, True)])
def test_it_asks_where_the_rule_names_it(logins, accepted, asks):
    ask = anyio.run(PasswordProver(logins.desk).begin, logins.proven(), frozenset(accepted))
    assert (ask is not None) == asks


def test_the_right_password_proves(logins):
    assert answered(logins, password=PASSWORD) == "password"


def test_a_wrong_one_does_not_and_many_have_to_wait(logins):
    for _ in range(10):
        with pytest.raises(RefusedError, match="wrong password"):
            answered(logins, password="wrong")
    with pytest.raises(DeniedError, match="too many failed attempts"):
        answered(logins, password=PASSWORD)


def test_what_is_no_password_is_refused_unseen(logins):
    with pytest.raises(InvalidInputError) as caught:
        answered(logins, password=["secret"])
    assert "secret" not in str(caught.value)


def test_who_guesses_at_the_login_keeps_nobody_from_proving_it(logins):
    desk = logins.desk
    for number in range(60):
        with suppress(DeniedError):
            desk.throttle.begin(f"192.0.2.{number}", "alice", desk.monotonic())
    with pytest.raises(DeniedError, match="too many"):
        desk.throttle.begin("198.51.100.1", "alice", desk.monotonic())
    assert answered(logins, password=PASSWORD) == "password"
