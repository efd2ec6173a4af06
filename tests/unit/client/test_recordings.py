import json

import pytest

from pgward.client import recordings
from pgward.core.errors import UnavailableError

PATH = "/v1/database-sessions/0123-1/recording"


class Api:
    """Answers one page after the other."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def get_bytes(self, path, timeout, **asked):
        assert (path, timeout) == (PATH, 60.0)
        self.asked.append(asked)
        return self.answers.pop(0)


def page(after, *lines, ended=False):
    told = {"page": {"after": after, "pieces": len(lines), "ended": ended}}
    return b"\n".join([*lines, json.dumps(told).encode(), b""])


def test_pages_until_there_are_no_more():
    api = Api(page(1, b"a"), page(2, b"b"), page(2))
    found = list(recordings.pages(api, "0123-1", None, "play"))
    assert [each.lines for each in found] == [[b"a"], [b"b"], []]
    assert [each["after"] for each in api.asked] == [0, 1, 2]
    assert "follow" not in api.asked[0]


def test_who_follows_goes_on_until_the_end():
    api = Api(page(0), page(1, b"a"), page(1), page(2, b"b", ended=True))
    found = list(recordings.pages(api, "0123-1", "e1", "watch", follow=True))
    assert found[-1] == recordings.Page([b"b"], ended=True)
    assert api.asked[0] == {"edge": "e1", "after": 0, "purpose": "watch", "follow": "true"}


@pytest.mark.parametrize("answer", [b"", b"x\n", b"[]\n", b"{}\n", b'{"page":{}}\n'])
def test_an_answer_that_is_cut_off(answer):
    with pytest.raises(UnavailableError, match="cut off"):
        list(recordings.pages(Api(answer), "0123-1", None, "play"))
