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


def test_what_is_known_is_not_sent_again():
    class Replies:
        def __init__(self):
            self.asked = []
            self.replies = [
                {"digest": "d1", "roles": ROLES},
                {"digest": "d1", "roles": None},
                {"digest": "d2", "roles": ROLES | {"maps": ["m"]}},
            ]

        def call(self, _method, _path, fields):
            self.asked.append(fields)
            return self.replies.pop(0)

    machine, asking_ = Replies(), asking.Asking()
    found = [asking_.ask(machine) for _ in range(3)]
    assert found == [Wanted(digest="d1"), Wanted(digest="d1"), Wanted(digest="d2", maps=("m",))]
    assert machine.asked == [{}, {"have": "d1"}, {"have": "d1"}]


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
