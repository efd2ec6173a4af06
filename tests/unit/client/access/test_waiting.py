import pytest

from pgward.client.access.waiting import UndecidedError, Waiter, is_there
from pgward.core.errors import DeniedError, PgwardError, UnavailableError
from tests.fixtures.asked import approved, decision, grant, request


class Time:
    """Passes when somebody pauses."""

    def __init__(self):
        self.now = 100.0
        self.pauses = []

    def pause(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def said():
    return []


@pytest.fixture
def waiter(time, said):
    return Waiter(20.0, said.append, pause=time.pause, now=lambda: time.now)


def answers(*found):
    """Return a look that gives these, one after the other, and the last for ever."""
    left = list(found)

    def look():
        each = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(each, Exception):
            raise each
        return each

    return look


def test_what_is_there_at_once_needs_no_look(waiter, time):
    assert waiter.until_there(approved(), answers(RuntimeError())) == approved()
    assert time.pauses == []


def test_it_waits_until_the_connector_has_made_it_ever_more_slowly(waiter, time):
    made = approved(grant=grant(state="pending"))
    assert waiter.until_there(request(), answers(request(), request(), made, approved()))
    assert time.pauses == [1.0, 1.5, 2.25, 3.375]


def test_a_ca_that_is_away_is_told_of_once(waiter, said):
    away = UnavailableError("the CA is away")
    assert waiter.until_there(request(), answers(away, away, request(), away, approved()))
    assert said == ["the CA is away; waiting on", "the CA is away; waiting on"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (request(), "nobody has decided yet; the request stays"),
        (approved(grant=grant(state="pending")), "it is approved, and its connector has not made"),
    ],
)
def test_time_runs_out(waiter, time, asked, message):
    with pytest.raises(UndecidedError, match=message) as caught:
        waiter.until_there(asked, answers(asked))
    assert caught.value.exit_code == 1
    assert "pgward requests show 4f0c12" in caught.value.hint
    assert sum(time.pauses) == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            request(state="denied", decisions=[decision("deny", reason="not today")]),
            "bob denied your request: not today",
        ),
        (request(state="denied"), "your request was denied"),
        (request(state="cancelled"), "your request was cancelled"),
        (request(state="lapsed"), "nobody decided about your request in time"),
        (
            approved(grant=grant(state="ended", end_reason="revoked")),
            "it was approved, and has ended: revoked",
        ),
        (approved(grant=grant(state="ending")), "it was approved, and has ended: ending"),
    ],
)
def test_what_will_not_be_is_a_denial(asked, message):
    with pytest.raises(DeniedError) as caught:
        is_there(asked)
    assert (caught.value.message, caught.value.exit_code) == (message, 3)


def test_what_could_not_be_made_is_a_failure():
    failed = grant(state="ended", end_reason="failed", problem="there is a role alice already")
    with pytest.raises(PgwardError, match="could not be given: there is a role alice already"):
        is_there(approved(grant=failed))


def test_an_extension_is_there_when_it_is_approved():
    assert is_there(approved(grant=None, extends="1" * 16))
    assert not is_there(approved(grant=None))
