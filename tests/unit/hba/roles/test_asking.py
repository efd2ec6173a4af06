import pytest

from pgward.core.errors import NotFoundError, UnavailableError
from pgward.hba.roles import asking
from pgward.hba.roles.wanted import Wanted

ROLES = {
    "maps": [],
    "people": [],
    "left": [],
    "notes": [],
    "drop": "never",
    "max_removed_percent": 50,
}


class FakeMachine:
    def __init__(self, reply):
        self.reply = reply

    def call(self, method, path, fields):
        assert (method, path, fields) == ("GET", "/v1/host/roles", {})
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


def test_the_answer_is_read():
    found = asking.ask(FakeMachine({"version": 3, "digest": "d", "roles": ROLES}))
    assert found == Wanted(digest="d")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (NotFoundError("no route"), "knows no role maps"),
        ({}, "cannot be read"),
        ({"digest": "d", "roles": None}, "cannot be read"),
    ],
)
def test_answers_that_are_none(reply, said):
    with pytest.raises(UnavailableError, match=said):
        asking.ask(FakeMachine(reply))
