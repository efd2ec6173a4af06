"""Large statements that are held back, within bounds."""

from pgward.audit.tape.frames import MOST_WHOLE
from pgward.pgwire import frontend
from pgward.tunnel.aware.gathering import MOST_GATHERED, Gathering, Room
from pgward.tunnel.aware.upward import Upward
from tests.fixtures.inspecting import Inspected, Rules, passed

LARGE = frontend.query("select '" + "x" * 100_000 + "'")


def test_all_of_a_statement_is_waited_for_while_there_is_room():
    room = Room(250_000)
    first, second = Gathering(room), Gathering(room)
    assert first.wanted(100_000) == 100_000
    assert first.wanted(100_000) == 100_000
    assert second.wanted(200_000) == MOST_WHOLE
    assert second.wanted(150_000) == 150_000
    assert room.left == 0
    first.done()
    second.done()
    second.done()
    assert room.left == 250_000


def test_what_is_very_large_takes_no_room():
    room = Room(10 * MOST_GATHERED)
    assert Gathering(room).wanted(MOST_GATHERED + 1) == MOST_WHOLE
    assert room.left == 10 * MOST_GATHERED


def session_in(room: Room) -> tuple[Inspected, Upward]:
    session = Inspected(Rules())
    return session, Upward(session.pending, room)


def test_sessions_share_the_room_and_give_it_back():
    room = Room(len(LARGE) + 10)
    (one, up), (other, other_up) = session_in(room), session_in(room)
    assert passed(up, LARGE[:70_000]) == b""
    assert room.left == 10
    assert passed(other_up, LARGE[:70_000]) == LARGE[:70_000]
    assert other.rules.asked[-1][2] is False
    assert passed(other_up, LARGE[70_000:]) == LARGE[70_000:]
    assert passed(up, LARGE[70_000:]) == LARGE
    assert one.rules.asked[-1][2] is True
    assert room.left == len(LARGE) + 10


def test_a_session_that_ends_gives_its_room_back():
    room = Room(200_000)
    _, up = session_in(room)
    passed(up, LARGE[:5])
    assert room.left == 200_000 - len(LARGE)
    up.close()
    assert room.left == 200_000


def test_without_rules_on_statements_nothing_is_held_back():
    room = Room(200_000)
    for rules in (None, Rules(every=False)):
        session = Inspected(rules)
        up = Upward(session.pending, room)
        assert passed(up, LARGE[:66_000]) == LARGE[:66_000]
        assert room.left == 200_000
