import threading

import pytest

from pgward.core.errors import NotFoundError, UnavailableError
from pgward.hba.agent import news as module
from pgward.hba.agent.news import WAIT, News


class Ca:
    """Gives one reply after the other; an exception is raised."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.asked = []
        self.reloads = 0
        self.done = threading.Event()

    def reload(self):
        self.reloads += 1
        return False

    def news(self, after, tag, wait):
        self.asked.append((after, tag, wait))
        if not self.replies:
            self.done.set()
            threading.Event().wait(0.01)
            return None
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


def reply(version, tag="t", **parts):
    return {"version": version, "tag": tag, "parts": parts}


@pytest.fixture
def heard():
    return []


def test_what_changed_is_told_by_name(heard):
    ca = Ca(reply(7, "a", crls="1", trust="x"), None, reply(9, "b", crls="2", trust="x"))
    news = News(ca, heard.append)
    for _ in range(3):
        news.poll()
    assert heard == [{"crls", "trust"}, {"crls"}]
    assert ca.asked == [(0, None, 0), (7, "a", WAIT), (7, "a", WAIT)]
    assert news.parts == {"crls": "2", "trust": "x"}
    assert (news.connected, ca.reloads) == (True, 3)


def test_a_part_that_goes_is_a_change(heard):
    news = News(Ca(reply(1, crls="1", old="x"), reply(2, crls="1")), heard.append)
    news.poll()
    news.poll()
    assert heard[-1] == {"old"}


@pytest.mark.parametrize(
    "strange",
    [
        {},
        {"version": 1, "tag": "x", "parts": None},
        {"version": "x", "tag": "x", "parts": {}},
        {"version": float("inf"), "tag": "x", "parts": {}},
        reply(1, **{f"p{number}": "x" for number in range(101)}),
        reply(1, crls="x" * 100_001),
    ],
)
def test_an_answer_that_is_no_news(heard, strange):
    news = News(Ca(strange), heard.append)
    with pytest.raises(UnavailableError):
        news.poll()
    assert (heard, news.parts) == ([], {})


def test_the_thread_goes_on_after_any_failure(heard, monkeypatch, caplog):
    monkeypatch.setattr(module, "SHORTEST_PAUSE", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.001)
    monkeypatch.setattr(module, "OLD_CA_PAUSE", 0.001)
    monkeypatch.setattr(module, "BETWEEN_SECONDS", 0.001)
    gone = UnavailableError("the CA is away")
    ca = Ca(
        reply(1, crls="1"), gone, gone, ValueError("x"), NotFoundError("no"), reply(2, crls="2")
    )
    news = News(ca, heard.append)
    news.start()
    assert ca.done.wait(10)
    news.stop()
    assert heard == [{"crls"}, {"crls"}]
    assert caplog.text.count("the CA cannot be used for now") == 1
    assert "ValueError" in caplog.text
    waits = [wait for _, _, wait in ca.asked[:6]]
    assert waits == [0, WAIT, 0, 0, 0, 0]
    # What the CA did not take may be what it was told that we know.
    assert [after for after, _, _ in ca.asked[:7]] == [0, 1, 0, 0, 0, 0, 2]


def test_a_ca_with_news_without_end_is_not_asked_without_end(heard, monkeypatch):
    pauses = []
    ca = Ca(*(reply(number, f"t{number}", crls=str(number)) for number in range(1, 9)))
    news = News(ca, heard.append)
    monkeypatch.setattr(news._stopping, "wait", pauses.append)
    news.start()
    assert ca.done.wait(10)
    news.stop()
    assert pauses[:8] == [module.BETWEEN_SECONDS] * 8
    assert len(heard) == 8
