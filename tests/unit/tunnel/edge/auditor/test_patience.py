import pytest

from pgward.tunnel.edge.auditor.patience import FAILURES, LONGEST_SECONDS, SECONDS, Patience


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def patience(clock):
    return Patience(clock)


def lasts(patience, clock, number):
    """Return after how many seconds patience with a chunk is at its end."""
    for _ in range(FAILURES):
        patience.failed(number)
    began = clock.now
    while not patience.failed(number):
        clock.now += 60
    return clock.now - began


def test_it_ends_after_many_failures_in_a_long_time(patience, clock):
    assert not patience.failed(1)
    clock.now += SECONDS
    assert [patience.failed(1) for _ in range(FAILURES - 1)] == [False] * (FAILURES - 2) + [True]
    assert str(patience) == f"{FAILURES} times in 15 minutes"


def test_another_chunk_begins_anew(patience, clock):
    assert lasts(patience, clock, 1) == SECONDS
    assert not patience.failed(2)


def test_it_grows_with_each_that_is_set_aside_until_one_is_delivered(patience, clock):
    found = []
    for number in range(1, 10):
        found.append(lasts(patience, clock, number))
        patience.set_aside()
    assert found[:3] == [SECONDS, 2 * SECONDS, 4 * SECONDS]
    assert found[-1] == LONGEST_SECONDS
    patience.delivered()
    assert lasts(patience, clock, 11) == SECONDS
