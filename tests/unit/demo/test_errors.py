from pgward.core.errors import PgwardError
from pgward.demo.errors import DemoError


def test_a_failed_demo_is_reported_like_any_failure():
    error = DemoError("psql failed", hint="look")
    assert isinstance(error, PgwardError)
    assert (error.message, error.hint, error.exit_code) == ("psql failed", "look", 1)
