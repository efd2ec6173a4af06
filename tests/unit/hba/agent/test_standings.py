from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.errors import NotFoundError, UnavailableError
from pgward.hba.agent import standings as module
from pgward.hba.agent.backends import Backend, Verdicts
from pgward.hba.agent.duty import Done, Turn
from pgward.hba.agent.standings import Standings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TURN = Turn(NOW)
END = "2026-01-01T00:00:00Z"


BEGAN = "2026-01-01 01:00:00.5+01"


def backend(serial=0x1F, subject="/CN=alice", *, pid=1, started=BEGAN):
    return Backend(pid, started, "app", "db", None, serial, "/CN=CA", subject)


class Ca:
    def __init__(self):
        self.asked = []
        self.answer = {"certificates": [], "sessions": []}
        self.error = None
        self.ahead = timedelta()

    def skew(self):
        return self.ahead

    def standings(self, serials, sessions):
        self.asked.append((list(serials), list(sessions)))
        if self.error:
            raise self.error
        return self.answer


@pytest.fixture
def ca():
    return Ca()


@pytest.fixture
def heard():
    return []


@pytest.fixture
def make(ca, heard):
    def make(*, pushed=True, eager=False):
        return Standings(
            ca,
            pushed=lambda: pushed,
            on_change=lambda: heard.append("change"),
            want=lambda: heard.append("want"),
            eager=eager,
        )

    return make


def test_without_sessions_nothing_is_asked(make, ca):
    duty = make()
    assert duty.run(TURN) == Done(module.ASK_SECONDS)
    duty.saw([])
    assert duty.run(TURN) == Done(module.ASK_SECONDS)
    assert ca.asked == []


def test_certificates_are_asked_about_by_number(make, ca, heard):
    duty = make()
    duty.saw([backend(), backend(0x2F), backend()])
    ca.answer["certificates"] = [
        {"serial": "1f", "over": "ended", "not_after": END},
        {"serial": "2f", "over": None, "not_after": END},
    ]
    duty.run(TURN)
    assert ca.asked == [(["1f", "2f"], [])]
    assert duty.verdicts == Verdicts({"1f": "ended"}, {}, {"1f": NOW, "2f": NOW})
    assert heard == ["want", "change"]
    duty.run(TURN)
    assert heard == ["want", "change"]


def test_where_there_is_no_number_sessions_are_asked_about(make, ca):
    duty = make()
    strange = [backend(None, "/O=x", pid=2), backend(None, pid=3, started="soon")]
    duty.saw([backend(None), backend(None, pid=4), *strange])
    ca.answer["sessions"] = ["blocked", None]
    duty.run(TURN)
    asked = {"person": "alice", "began": "2026-01-01T00:00:00.500000Z"}
    assert ca.asked == [([], [asked, asked])]
    assert duty.verdicts.sessions == {(1, BEGAN): "blocked"}


def test_times_are_told_by_the_cas_clock(make, ca):
    duty = make()
    ca.ahead = timedelta(minutes=5)
    ca.answer["sessions"] = [None]
    duty.saw([backend(None)])
    duty.run(TURN)
    ((_, (asked,)),) = ca.asked
    assert asked["began"] == "2025-12-31T23:55:00.500000Z"


def test_a_session_that_came_since_the_last_question_is_asked_about(make, ca, heard):
    """No list tells of it, and the news may have come just before it was seen."""
    duty = make()
    duty.saw([])
    duty.run(TURN)
    ca.answer["sessions"] = [None]
    for pid in (1, 2):
        heard.clear()
        duty.saw([backend(None, pid=pid)])
        assert heard == ["want"]
        duty.run(TURN)
        duty.saw([backend(None, pid=pid)])
        assert heard == ["want"]
    assert len(ca.asked) == 2


def test_many_are_asked_about_in_turns(make, ca):
    duty = make()
    duty.saw([backend(number) for number in range(1, 2502)])
    duty.run(TURN)
    assert [len(serials) for serials, _ in ca.asked] == [1000, 1000, 501]


def test_without_the_push_it_asks_often(make):
    assert make(pushed=False).run(TURN).due_in == module.ASK_SECONDS_WITHOUT_PUSH


def test_a_ca_that_is_away_changes_no_verdict(make, ca):
    duty = make()
    duty.saw([backend()])
    ca.answer["certificates"] = [{"serial": "1f", "over": "ended", "not_after": END}]
    duty.run(TURN)
    ca.error = UnavailableError("away")
    with pytest.raises(UnavailableError):
        duty.run(TURN)
    assert duty.verdicts.certificates == {"1f": "ended"}


def test_an_older_ca_is_asked_seldom(make, ca):
    duty = make()
    duty.saw([backend()])
    ca.error = NotFoundError("there is no such route")
    assert duty.run(TURN) == Done(3600.0)


@pytest.mark.parametrize(
    "answer",
    [{}, {"certificates": 5}, {"certificates": [{}]}, {"certificates": [], "sessions": 5},
     {"certificates": []}, {"certificates": [], "sessions": ["x"] * 3},
     {"certificates": [{"serial": "1f", "not_after": "soon", "over": "x"}], "sessions": []}],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_the_cas_failure(make, ca, answer):
    duty = make()
    duty.saw([backend(), backend(None)])
    ca.answer = answer
    with pytest.raises(UnavailableError):
        duty.run(TURN)


def test_the_eager_ask_about_each_new_certificate(make, ca, heard):
    duty = make(eager=True)
    duty.saw([backend()])
    duty.run(TURN)
    duty.saw([backend()])
    assert heard == ["want"]
    duty.saw([backend(), backend(0x2F)])
    assert heard == ["want", "want"]
    ca.asked.clear()
    lazy = make()
    lazy.saw([backend()])
    heard.clear()
    lazy.saw([backend(), backend(0x2F)])
    assert heard == []
    lazy.close()
