from pgward.hba.syntax.problems import BadLineError


def test_a_problem_says_what_and_where() -> None:
    error = BadLineError("there is more than one address", 3, 1)
    assert (str(error), error.field, error.token) == ("there is more than one address", 3, 1)
