import pytest

from pgward.ca.login.method import Methods
from pgward.core.errors import NotFoundError
from tests.fixtures.logins import Riddle


def test_methods_are_found_by_their_kind_and_offered_in_order(store):
    methods = Methods([Riddle()])
    assert methods.get("riddle").kind == "riddle"
    with store.read() as connection:
        assert [offer.title for offer in methods.offers(connection)] == ["A riddle"]
    with pytest.raises(NotFoundError, match="no login method 'x'"):
        methods.get("x")
