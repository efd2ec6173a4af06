import logging
import threading

import pytest
import sqlalchemy as sa

from pgward.ca.store import audit, leadership, seats
from pgward.ca.store.leadership import Leadership, NotLeadingError
from pgward.ca.store.marks import MarkedError
from pgward.ca.store.schema_store import leadership as rows
from pgward.core.errors import UnavailableError


class Seat:
    """Gives the seat as a test says, and tells of news when a test says."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.news = threading.Semaphore(0)
        self.left = False
        self.awake = False

    def take(self):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def leave(self):
        self.left = True

    def wait(self, _seconds):
        self.news.acquire(timeout=5)
        return not self.awake

    def wake(self):
        self.awake = True
        self.news.release()


@pytest.fixture
def make(store, clock):
    def leading(seat, name="a:1", **options):
        return Leadership(store, seat, name, clock, **options)

    return leading


def events(store):
    with store.read() as connection:
        found = audit.events(connection, after=0, action="ca.lead")
    return [(event["target"], event["details"]) for event in found]


def epoch(store):
    with store.read() as connection:
        return connection.execute(sa.select(rows.c.epoch)).scalar()


def test_changes_of_the_leader_are_on_record_and_returns_are_not(make, store):
    one, two = (make(seats.seat(store.engine.url), name) for name in ("a:1", "b:1"))
    one.look()
    two.look()
    assert (one.is_leader(), two.is_leader()) == (True, False)
    one.stop()
    again = make(seats.seat(store.engine.url), "a:1")
    again.look()
    again.stop()
    two.look()
    assert (one.is_leader(), two.is_leader()) == (False, True)
    two.stop()
    assert events(store) == [("a:1", {"before": None}), ("b:1", {"before": "a:1"})]
    assert epoch(store) == 3


def test_only_the_leader_writes_as_the_leader(make, store):
    one = make(Seat(True))
    with pytest.raises(NotLeadingError, match="another replica leads"), one.write():
        pass
    one.look()
    with one.write() as transaction:
        transaction.changed()
    before = store.version()
    make(Seat(True), "b:1").look()  # the seat went to another without our knowing it
    assert one.is_leader()
    with pytest.raises(NotLeadingError), one.write() as transaction:
        transaction.changed()
    assert store.version() == before


def test_losing_the_seat_ends_the_lead_at_once_and_is_told_once(make, caplog):
    away = UnavailableError("it does not answer")
    one = make(Seat(True, False, True, away, away, True))
    caplog.set_level(logging.INFO)
    led = []
    for _ in range(6):
        one._try()
        led.append(one.is_leader())
    assert led == [True, False, True, False, False, True]
    assert [record.message for record in caplog.records] == [
        "this replica leads: a:1 (epoch 1)",
        "this replica no longer leads: another replica leads",
        "this replica leads: a:1 (epoch 2)",
        "the leader cannot be found out: it does not answer",
        "this replica no longer leads: it does not answer",
        "this replica leads: a:1 (epoch 3)",
    ]


def test_a_bug_ends_the_lead_and_not_the_striving(make, caplog):
    one = make(Seat(True, ZeroDivisionError(), True))
    led = []
    for _ in range(3):
        one._try()
        led.append(one.is_leader())
    assert led == [True, False, True]
    assert "the leader cannot be found out: ZeroDivisionError" in caplog.text


def test_who_could_not_look_for_long_does_not_lead(make, monkeypatch):
    one = make(Seat(True))
    one.look()
    monkeypatch.setattr(leadership, "_LEASE_SECONDS", 0.0)
    assert not one.is_leader()


def test_it_hears_of_news_and_ends_at_once(make):
    heard = threading.Semaphore(0)
    seat = Seat(True)
    one = make(seat, on_news=heard.release)
    one.start()
    seat.news.release()
    assert heard.acquire(timeout=5)
    one.stop()
    assert seat.left
    assert not one.is_leader()
    assert not heard.acquire(blocking=False)


def test_a_store_that_was_moved_away_is_told(make):
    moved = []
    one = make(Seat(True, MarkedError("it was moved")), on_moved=lambda: moved.append(True))
    one._try()
    assert moved == []
    one._try()
    assert moved == [True]
    assert not one.is_leader()
    assert one.ended_by.message == "it was moved"


def test_what_is_looked_at_first_may_end_it(make, caplog):
    ended, whys = [], [None, MarkedError("it went back in time")]

    def look():
        why = whys.pop(0) if len(whys) > 1 else whys[0]
        if why is not None:
            raise why

    one = make(Seat(True), on_look=look, on_moved=lambda: ended.append(True))
    led = []
    for _ in range(3):
        one._try()
        led.append(one.is_leader())
    assert led == [True, False, False]
    assert ended == [True]
    assert "this store must not be served: it went back in time" in caplog.text


def test_it_does_not_start_where_it_must_not(make):
    with pytest.raises(MarkedError):
        make(Seat(MarkedError("it was moved"))).start()


def test_what_cannot_be_written_down_is_no_lead(make, store):
    with store.engine.connect() as other:
        other.exec_driver_sql("DROP TABLE leadership")
        other.commit()
    one = make(Seat(True))
    one._try()
    assert not one.is_leader()
