from pgward.ca.login.factors.factor import SECOND, Challenge, WrongFactorError


def test_a_password_is_no_second_factor():
    assert SECOND.isdisjoint({"password", "ldap", "oidc"})


def test_what_is_remembered_is_not_shown():
    assert "secret" not in repr(Challenge({}, {"totp": "secret"}))


def test_what_is_told_is_not_why():
    error = WrongFactorError("wrong code", why="used before", hint=None)
    assert (error.message, error.why) == ("wrong code", "used before")
