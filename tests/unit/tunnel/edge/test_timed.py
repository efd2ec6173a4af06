from dataclasses import dataclass, field, replace
from datetime import timedelta

from pgward.tunnel.edge.state import EdgeState, Peer
from pgward.tunnel.edge.timed import Timed, over
from pgward.tunnel.preface import Reason, RefusedError
from tests.fixtures.granting import grants, person
from tests.fixtures.session_bench import ALICE, NOW, ORDERS, state

MINUTE = timedelta(minutes=1)
NOBODYS = replace(ORDERS, users=frozenset())


@dataclass(eq=False)
class Link:
    peer: Peer = ALICE
    service: str = "orders"
    refusal: RefusedError | None = None
    heard: list = field(default_factory=list)

    def adopt(self, _state: EdgeState) -> None:
        self.heard.append("looked at")
        if self.refusal is not None:
            raise self.refusal

    def cut(self, reason, why=None) -> None:
        self.heard.append((reason, why.message))

    def remind(self, seconds, *, stands) -> None:
        self.heard.append((seconds, "stands") if stands else seconds)


def granted(*live, service=NOBODYS):
    return state(services={"orders": replace(service, grants=grants(alice=person(*live)))})


def test_who_has_no_grant_is_not_looked_at():
    timed, link = Timed(), Link()
    timed.note(link, None, NOW)
    timed.note(link, state(), NOW)
    timed.note(link, state(services={}), NOW)
    timed.note(link, granted((NOW, ["a"])), NOW)
    assert timed.known() == {}
    assert not timed.knows(link)


def test_who_has_nothing_else_is_reminded_and_cut():
    timed, link, known = Timed(), Link(), granted((NOW + MINUTE, ["a"]))
    timed.note(link, known, NOW)
    assert timed.knows(link)
    timed.look(known, NOW)
    timed.look(known, NOW + MINUTE / 2)
    assert link.heard == [60.0, 30.0]
    timed.look(known, NOW + MINUTE)
    timed.look(known, NOW + 2 * MINUTE)
    assert link.heard[2:] == [(Reason.ACCESS_ENDED, "your access to orders has ended")]


def test_who_may_come_anyhow_is_looked_at_again():
    timed, link, known = Timed(), Link(), granted((NOW + MINUTE, ["a"]), service=ORDERS)
    timed.note(link, known, NOW)
    timed.look(known, NOW)
    assert link.heard == [(60.0, "stands")]
    timed.look(known, NOW + MINUTE)
    assert link.heard[1:] == ["looked at"]
    link.refusal = RefusedError(Reason.DENIED, "so it is")
    timed.look(known, NOW + MINUTE)
    assert link.heard[3:] == [(Reason.DENIED, "so it is")]


def test_where_one_of_two_ends_there_is_less():
    known = granted((NOW + MINUTE, ["a"]), (NOW + 2 * MINUTE, ["b"]))
    timed, link = Timed(), Link()
    timed.note(link, known, NOW)
    timed.look(known, NOW + MINUTE)
    assert link.heard == [60.0, "looked at"]


def test_what_has_changed_lately_is_told_of_a_session_that_postgresql_ends():
    timed, link = Timed(), Link()
    one, both = (NOW + MINUTE, ["a"]), (NOW + 2 * MINUTE, ["b"])
    assert timed.changed(link, NOW) is None
    timed.note(link, granted(one, both), NOW)
    timed.note(link, granted(one, both), NOW + MINUTE / 4)
    assert timed.changed(link, NOW + MINUTE / 4) is None
    timed.note(link, granted(both), NOW + MINUTE / 2)
    timed.note(link, granted(both), NOW + MINUTE / 2)
    why = timed.changed(link, NOW + MINUTE / 2 + MINUTE / 6)
    assert (why.message, why.hint) == (
        "what you were granted at orders has changed",
        "connect again",
    )
    assert timed.changed(link, NOW + MINUTE) is None


def test_it_is_known_who_comes_by_a_grant_alone():
    timed, link, other = Timed(), Link(), Link()
    timed.note(link, granted((NOW + MINUTE, ["b", "a"])), NOW)
    timed.note(other, granted((NOW + MINUTE, ["a"]), service=ORDERS), NOW)
    assert timed.rests_on(link) == ("a", "b")
    assert timed.rests_on(other) is timed.rests_on(Link()) is None


def test_it_is_said_what_was_taken_away():
    timed, link, known = Timed(), Link(), granted((NOW + MINUTE, ["a"]))
    plain, other = RefusedError(Reason.DENIED), RefusedError(Reason.BLOCKED)
    assert timed.explained(link, plain) is plain
    timed.note(link, known, NOW)
    assert timed.explained(link, plain).message == over("orders").message
    assert timed.explained(link, other) is other
    timed.forget(link)
    assert timed.explained(link, plain) is plain
