import pytest

from pgward.core import errors


@pytest.mark.parametrize(
    ("kind", "exit_code", "code"),
    [
        (errors.PgwardError, 1, "failed"),
        (errors.InvalidInputError, 2, "invalid"),
        (errors.NotFoundError, 1, "not_found"),
        (errors.ConflictError, 1, "conflict"),
        (errors.UnavailableError, 1, "unavailable"),
        (errors.DeniedError, 3, "denied"),
        (errors.LoginNeededError, 4, "login_needed"),
    ],
)
def test_every_kind_has_its_exit_code_and_its_name_in_the_api(kind, exit_code, code):
    problem = kind("it broke", hint="mend it")
    assert (problem.exit_code, problem.code) == (exit_code, code)
    assert (str(problem), problem.hint) == ("it broke", "mend it")


def test_invalid_input_says_where():
    problem = errors.InvalidInputError("not a port", where="a.yaml:3")
    assert problem.message == "a.yaml:3: not a port"
    assert problem.where == "a.yaml:3"


def test_who_is_not_logged_in_hears_how_to():
    assert errors.LoginNeededError().hint == "pgward login"
