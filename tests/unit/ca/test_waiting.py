from pgward.ca.waiting import Waiting


def filled(most, *names):
    """Return the queue, and the list of those that it drops."""
    dropped, waiting = [], Waiting(most)
    for name in names:
        waiting.enter(name, lambda name=name: dropped.append(name))
    return waiting, dropped


def test_above_the_bound_the_oldest_goes():
    waiting, dropped = filled(2, "a", "b", "c", "d")
    assert dropped == ["a", "b"]
    assert len(waiting) == 2


def test_who_has_spoken_is_not_dropped():
    waiting, dropped = filled(2, "a", "b")
    waiting.leave("a")
    waiting.leave("a")
    waiting.enter("c", lambda: dropped.append("c"))
    assert dropped == []


def test_who_waits_again_comes_last():
    waiting, dropped = filled(2, "a", "b")
    waiting.leave("a")
    waiting.enter("a", lambda: dropped.append("a"))
    waiting.drop_oldest()
    assert dropped == ["b"]


def test_who_goes_on_waiting_keeps_its_place_and_may_end_otherwise():
    waiting, dropped = filled(2, "a", "b")
    waiting.enter("a", lambda: dropped.append("a, after its handshake"))
    waiting.drop_oldest()
    assert dropped == ["a, after its handshake"]


def test_nobody_is_dropped_of_none():
    waiting, dropped = filled(1)
    waiting.drop_oldest()
    assert (len(waiting), dropped) == (0, [])


def test_one_that_leaves_while_it_is_dropped_is_no_error():
    waiting = Waiting(1)
    waiting.enter("a", lambda: waiting.leave("a"))
    waiting.enter("b", lambda: None)
    assert len(waiting) == 1
