from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.http.waiting import Waiting


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


def crowd(most, *arrivals):
    """Return who is dropped when connections arrive, each named by its address and a number."""
    dropped, waiting = [], Waiting(most)
    for name in arrivals:
        waiting.enter(name, lambda name=name: dropped.append(name), name[0])
    return waiting, dropped


def test_the_address_with_most_connections_gives_way():
    _, dropped = crowd(4, "a1", "b1", "b2", "b3", "c1", "b4", "b5", "d1")
    assert dropped == ["b1", "b2", "b3", "b4"]


def test_among_equals_the_one_that_grew_first_gives_way():
    _, dropped = crowd(2, "a1", "b1", "c1", "d1")
    assert dropped == ["a1", "b1"]


def test_who_turns_out_to_come_from_elsewhere_counts_there():
    waiting, dropped = crowd(3, "p1", "p2", "p3")
    waiting.enter("p1", lambda: dropped.append("p1"), "x")
    waiting.enter("y1", lambda: dropped.append("y1"), "y")
    assert dropped == ["p2"]
    assert len(waiting) == 3


@given(
    st.lists(
        st.tuples(st.sampled_from("+-!"), st.sampled_from("abc"), st.integers(0, 4)), max_size=80
    )
)
def test_its_books_are_right_whatever_happens(steps):
    waiting = Waiting(6)
    for action, address, number in steps:
        name = f"{address}{number}"
        if action == "+":
            waiting.enter(name, lambda: None, address)
        elif action == "-":
            waiting.leave(name)
        else:
            waiting.drop_oldest()
        sizes = [len(drops) for drops in waiting._drops.values()]
        assert sum(sizes) == len(waiting) <= 6
        assert waiting._largest == max(sizes, default=0)
        assert sorted(waiting._by_size) == sorted(set(sizes))
