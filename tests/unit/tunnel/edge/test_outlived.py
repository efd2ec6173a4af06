from datetime import timedelta
from types import SimpleNamespace

import pytest

from pgward.core.errors import NotFoundError, UnavailableError
from pgward.tunnel.edge import outlived as module
from pgward.tunnel.edge.outlived import Outlived
from pgward.tunnel.edge.state import Peer
from pgward.tunnel.preface import Reason
from tests.fixtures.authority import MovableClock
from tests.fixtures.pki import NOW


class Link:
    def __init__(self, serial, minutes, login=None, token=None):
        end = NOW + timedelta(minutes=minutes)
        self.peer = Peer("alice", serial, b"", end, login=login, token=token)
        self.reason = None

    def cut(self, reason):
        self.reason = reason


class Ca:
    """Says of some serial numbers that they are over."""

    def __init__(self, *over):
        self.over = over
        self.asked = []
        self.guests = []
        self.error = None

    def call(self, _method, path, fields):
        assert path == "/v1/edges/self/logins"
        self.guests.append(fields)
        asked = [*fields["sessions"], *fields["tokens"]]
        return {"over": {each: "it has ended" for each in asked if each in self.over}}

    def standings(self, serials):
        self.asked.append(list(serials))
        if self.error is not None:
            raise self.error
        over = {each: "it is revoked" if each in self.over else None for each in serials}
        return {"certificates": [{"serial": s, "over": why} for s, why in over.items()]}


def links(*live, skew=0):
    return SimpleNamespace(
        live=set(live), clock=MovableClock(NOW), skew=lambda: timedelta(minutes=skew)
    )


def look(ca, *live, skew=0):
    Outlived(ca, links(*live, skew=skew), lambda act: act()).look()
    return [each.reason for each in live]


def test_sessions_that_outlived_their_certificate_are_asked_about():
    ca = Ca("1f", "3f")
    old, kept, young = Link(0x1F, -1), Link(0x2F, 1), Link(0x3F, 2)
    assert look(ca, old, kept, young) == [Reason.REVOKED, None, None]
    assert ca.asked == [["1f", "2f"]]


def test_it_goes_by_the_cas_clock():
    assert look(Ca("1f"), Link(0x1F, -1), skew=3) == [None]
    assert look(Ca("1f"), Link(0x1F, 2), skew=-3) == [Reason.REVOKED]


def test_without_such_sessions_nothing_is_asked():
    ca = Ca()
    assert look(ca, Link(0x1F, 5)) == [None]
    assert ca.asked == []


def test_many_are_asked_about_in_turns(monkeypatch):
    monkeypatch.setattr(module, "MOST_ASKED", 2)
    ca = Ca("1", "5")
    found = look(ca, *(Link(number, -1) for number in range(1, 6)))
    assert found == [Reason.REVOKED, None, None, None, Reason.REVOKED]
    assert [len(each) for each in ca.asked] == [2, 2, 1]


def test_a_ca_that_is_away_is_for_the_next_time():
    ca = Ca("1f")
    ca.error = UnavailableError("away")
    with pytest.raises(UnavailableError):
        look(ca, Link(0x1F, -1))


def test_an_older_ca_knows_no_answer():
    ca = Ca("1f")
    ca.error = NotFoundError("there is no such route")
    assert look(ca, Link(0x1F, -1)) == [None]


@pytest.mark.parametrize("answer", [{}, {"certificates": 5}, {"certificates": [5]}])
def test_an_answer_that_cannot_be_read(answer):
    ca = SimpleNamespace(standings=lambda _: answer)
    with pytest.raises(UnavailableError):
        look(ca, Link(0x1F, -1))


def test_a_loop_that_does_not_answer_is_waited_for_in_bounds(monkeypatch):
    monkeypatch.setattr(module, "_SECONDS", 0.01)
    with pytest.raises(UnavailableError, match="event loop"):
        Outlived(Ca(), links(), lambda _: None).look()


def test_guests_are_asked_about_by_what_they_came_with():
    ca = Ca("s1", "tk-1")
    left = Link(0, 60, "s1")
    ended = Link(0, 60, "s2", "tk-1")
    stays = Link(0, 60, "s3", "tk-2")
    assert look(ca, left, ended, stays) == [Reason.REVOKED, Reason.REVOKED, None]
    assert ca.asked == []
    assert ca.guests == [
        {"sessions": ["s1", "s2", "s3"], "tokens": []},
        {"sessions": [], "tokens": ["tk-1", "tk-2"]},
    ]


def test_the_end_of_a_guests_login_session_alone_ends_no_session():
    assert look(Ca(), Link(0, -5, "s1")) == [None]


def test_a_certificate_is_no_guest():
    ca = Ca("")
    assert look(ca, Link(0x1F, 60)) == [None]
    assert ca.guests == []
