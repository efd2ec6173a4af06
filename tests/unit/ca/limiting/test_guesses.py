import pytest

from pgward.ca.limiting.guesses import FREE, Guesses
from pgward.core.errors import TooManyRequestsError


@pytest.fixture
def guesses():
    return Guesses()


def fail(guesses, times, *, edge="e1", client="192.0.2.1", now=0.0):
    return [guesses.failed(edge, client, now) for _ in range(times)]


def test_whoever_guesses_waits_longer_and_longer(guesses):
    fail(guesses, FREE - 1)
    guesses.begin("e1", "192.0.2.1", 0.0)
    fail(guesses, 1)
    with pytest.raises(TooManyRequestsError) as caught:
        guesses.begin("e1", "192.0.2.1", 0.5)
    assert caught.value.retry_after == 1
    guesses.begin("e1", "192.0.2.1", 1.1)
    fail(guesses, 1, now=1.1)
    with pytest.raises(TooManyRequestsError):
        guesses.begin("e1", "192.0.2.1", 2.9)
    guesses.begin("e1", "192.0.2.1", 3.2)


def test_others_do_not_wait(guesses):
    fail(guesses, 50)
    fail(guesses, 50, client="2001:db8::1")
    guesses.begin("e1", "192.0.2.2", 0.0)
    guesses.begin("e2", "192.0.2.1", 0.0)
    guesses.begin("e1", None, 0.0)
    with pytest.raises(TooManyRequestsError):  # the same customer's network
        guesses.begin("e1", "2001:db8::2", 0.0)


def test_of_guesses_from_everywhere_only_some_go_on_record(guesses):
    recorded = [guesses.failed("e1", f"10.0.{each >> 8}.{each & 255}", 0.0) for each in range(500)]
    assert sum(recorded) == 60
    assert guesses.failed("e2", "10.9.9.9", 0.0)
    assert guesses.failed("e1", "10.9.9.9", 2.0)
