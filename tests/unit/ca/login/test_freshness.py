import pytest

from pgward.ca.login import freshness
from pgward.core.errors import DeniedError


@pytest.fixture
def check(logins):
    """Tell why a session is not fresh; None when it is."""

    def check(session):
        facts = session, logins.desk.settings, logins.desk.now()
        with logins.desk.store.read() as connection:
            is_fresh = freshness.is_fresh(connection, *facts)
            try:
                freshness.check(connection, *facts)
            except DeniedError as error:
                assert not is_fresh
                return error.message
        assert is_fresh
        return None

    return check


@pytest.mark.parametrize(
    ("moved", "seconds"), [(0, None), (599, None), (600, 10), (-599, None), (-600, 10)]
)
def test_it_began_less_than_ten_minutes_ago_whatever_the_clock_did(
    logins, passkeys, check, moved, seconds
):
    session = passkeys.session()
    logins.desk.clock.move(seconds=moved)
    assert check(session) == (seconds and "this needs a login of the last 10 minutes")


def test_who_has_a_factor_has_logged_in_with_one(factors, passkeys, check):
    without, strong = passkeys.session(), passkeys.session(factors=("password", "totp"))
    assert check(without) is None
    factors.add_app()
    assert check(without) == "this needs a login with a second factor, as you have one"
    assert check(strong) is None
