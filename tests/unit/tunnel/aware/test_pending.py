"""What the inspectors of a session share."""

from tests.fixtures.inspecting import DENIAL, Inspected


def test_a_secret_is_told_once_until_all_is_answered():
    session = Inspected()
    session.pending.hide()
    session.pending.hide()
    assert session.tape.told == [{"sensitive": True}]
    assert (session.pending.sensitive, session.pending.marked) == (True, True)
    session.pending.settle()
    assert (session.pending.sensitive, session.pending.marked) == (False, False)


def test_all_denials_are_forgotten_when_all_is_answered():
    session = Inspected()
    session.pending.denials.deny(81, "", DENIAL)
    session.pending.settle()
    assert len(session.pending.denials) == 0
