import pytest

from pgward.client.api import ApiClient
from pgward.client.login import conversation
from pgward.client.login.conversation import Request, Silent
from pgward.core.errors import DeniedError, InvalidInputError, UnavailableError
from tests.fixtures.fake_ca import error

DONE = {"status": "done", "token": "t"}


def asks(kind, flow="f1", **facts):
    return {"status": "continue", "flow": flow, "ask": {"kind": kind, "facts": facts}}


class Scripted:
    """Answers from a list, and tries again as often as it is told."""

    def __init__(self, *answers, again=0):
        self.answers, self.again, self.asked, self.heard = list(answers), again, [], []

    def answer(self, kind, facts):
        self.asked.append((kind, dict(facts)))
        return self.answers.pop(0)

    def told_wrong(self, _kind, problem):
        self.heard.append(problem)
        self.again -= 1
        return self.again >= 0


@pytest.fixture
def hold(fake_ca):
    """Hold a conversation in which the CA replies from a list; return its end and what was sent."""

    def hold(answerer, first, *replies):
        sent, left = [], list(replies)
        fake_ca.routes["POST /v1/login"] = first

        def proceed(body):
            sent.append(body)
            return left.pop(0)

        fake_ca.routes["POST /v1/login/continue"] = proceed
        with ApiClient.of(fake_ca.trust, clock=fake_ca.clock) as client:
            return conversation.hold(client, Request.password("a", "b"), answerer), sent

    return hold


def test_a_reply_that_asks_nothing_is_the_end(hold):
    assert hold(Silent(), DONE) == (DONE, [])


def test_every_question_goes_to_the_answerer_with_its_facts(hold):
    answerer = Scripted({"code": "1"}, {"reason": "x"})
    done, sent = hold(answerer, asks("second_factor", factors=["totp"]), asks("reason", "f2"), DONE)
    assert done == DONE
    assert answerer.asked == [("second_factor", {"factors": ["totp"]}), ("reason", {})]
    assert sent == [
        {"flow": "f1", "answer": {"code": "1"}},
        {"flow": "f2", "answer": {"reason": "x"}},
    ]


def test_a_wrong_answer_may_be_given_again_with_the_same_flow(hold):
    answerer = Scripted({"code": "1"}, {"code": "2"}, again=1)
    _, sent = hold(answerer, asks("second_factor"), error("denied", "wrong code"), DONE)
    assert [each["flow"] for each in sent] == ["f1", "f1"]
    assert answerer.heard == ["wrong code"]


def test_three_wrong_answers_are_enough(hold):
    answerer = Scripted(*[{"code": "1"}] * 3, again=9)
    refusals = [error("denied", f"wrong {number}") for number in range(3)]
    with pytest.raises(DeniedError, match="wrong 2"):
        hold(answerer, asks("second_factor"), *refusals)
    assert answerer.heard == ["wrong 0", "wrong 1"]


def test_who_cannot_answer_says_so(hold):
    with pytest.raises(InvalidInputError, match="asks for more \\(reason\\)"):
        hold(Silent(), asks("reason"))


@pytest.mark.parametrize(
    "reply",
    [
        {"status": "continue"},
        {"status": "continue", "flow": "f", "ask": {"kind": 1, "facts": {}}},
        {"status": "continue", "flow": "f", "ask": {"kind": "reason", "facts": []}},
        {"status": "continue", "flow": 1, "ask": {"kind": "reason", "facts": {}}},
    ],
)
def test_a_question_that_cannot_be_read(hold, reply):
    with pytest.raises(UnavailableError, match="cannot be read"):
        hold(Silent(), reply)


def test_a_ca_that_never_stops_asking_is_left(hold, monkeypatch):
    monkeypatch.setattr(conversation, "_MOST_ASKED", 5)
    answerer = Scripted(*[{}] * 9)
    with pytest.raises(UnavailableError, match="comes to no end"):
        hold(answerer, *[asks("approval")] * 9)


def test_a_request_says_only_what_there_is(monkeypatch):
    monkeypatch.setattr("platform.node", lambda: "laptop")
    assert Request.password("a", "b").body() == {
        "method": "password",
        "device": {"name": "laptop"},
        "user": "a",
        "password": "b",
    }
    full = Request("oidc", "corp", {"redirect_uri": "x"}, "why", "token", {"os": "linux"}).body()
    assert full["device"] == {"name": "laptop", "token": "token", "posture": {"os": "linux"}}
    assert (full["provider"], full["reason"]) == ("corp", "why")
    assert "token" not in repr(Request("oidc", device_token="token"))
