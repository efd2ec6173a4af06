from types import SimpleNamespace

import psycopg
import pytest
import sqlalchemy as sa

from pgward.ca.store import pulse
from pgward.ca.store.pulse import ANSWER_SECONDS, QUICK_SECONDS, Pulse, Waiting

IDLE, IN_TRANSACTION = 0, 2
READ = 1


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Connection:
    """As psycopg's: its ``wait`` runs a generator, and says when nothing came for a second."""

    def __init__(self, clock, *, autocommit=False, answers_after=float("inf")):
        self.clock, self.autocommit, self.answers_after = clock, autocommit, answers_after
        self.finished = False
        self.pgconn = SimpleNamespace(transaction_status=IN_TRANSACTION, finish=self._finish)

    def _finish(self):
        self.finished = True

    def wait(self, generator, interval=1.0):
        began = self.clock.now
        try:
            assert next(generator) == READ
            while self.clock.now < began + self.answers_after:
                self.clock.now += interval
                assert generator.send(0) == READ
            generator.send(READ)
        except StopIteration as ended:
            return ended.value


def asking():
    while not (yield READ):
        pass
    return "the answer"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def felt(clock):
    return Pulse(clock)


def seconds_until_given_up(clock, connection, felt):
    began = clock.now
    with pytest.raises(psycopg.OperationalError, match="the server does not answer"):
        Waiting(connection, felt)(asking())
    assert connection.finished
    return clock.now - began


def test_an_answer_passes_through_however_late(clock, felt):
    connection = Connection(clock, answers_after=ANSWER_SECONDS - 5)
    assert Waiting(connection, felt)(asking()) == "the answer"
    assert not connection.finished
    assert not felt.is_lost


def test_a_quick_look_that_stays_unanswered_loses_the_pulse(clock, felt):
    connection = Connection(clock, autocommit=True)
    assert seconds_until_given_up(clock, connection, felt) == QUICK_SECONDS
    assert felt.is_lost
    felt.feel()
    assert not felt.is_lost


def test_a_statement_is_given_up_after_the_server_would_have_ended_it(clock, felt):
    assert seconds_until_given_up(clock, Connection(clock), felt) == ANSWER_SECONDS
    assert not felt.is_lost  # one that is slow, or whose session alone hangs


def test_who_waits_when_the_pulse_is_lost_gives_up_as_well(clock, felt):
    felt.lose()
    assert seconds_until_given_up(clock, Connection(clock), felt) == QUICK_SECONDS


def test_a_patient_transaction_waits_and_the_next_one_does_not(clock, felt):
    connection = Connection(clock, answers_after=1000)
    waiting = Waiting(connection, felt)
    waiting.be_patient()
    assert waiting(asking()) == "the answer"
    connection.pgconn.transaction_status = IDLE
    with pytest.raises(psycopg.OperationalError):
        waiting(asking())


def test_the_pulse_counts_as_lost_for_a_while_only(clock, felt):
    felt.lose()
    clock.now += 9
    assert felt.is_lost
    clock.now += 2
    assert not felt.is_lost


def engine_that(dial, felt, **options):
    made = sa.create_engine("postgresql+psycopg://", poolclass=sa.pool.NullPool)
    made.dialect.connect = dial
    felt.watch(made, **options)
    return made


def test_nobody_dials_a_server_that_did_not_answer_but_who_finds_out(felt):
    dialled = []

    def dial(*_, **__):
        dialled.append(True)
        raise psycopg.errors.ConnectionTimeout("connection timeout expired")

    for options in ({}, {}, {"always_dials": True}):
        with pytest.raises(sa.exc.OperationalError):
            engine_that(dial, felt, **options).connect()
    assert len(dialled) == 2
    assert felt.is_lost


@pytest.mark.parametrize("said", ["session is read-only", "server is in hot standby mode"])
def test_a_standby_is_told_as_what_it_is(felt, said):
    def dial(*_, **__):
        raise psycopg.OperationalError(f"connection failed: {said}")

    with pytest.raises(sa.exc.DBAPIError) as caught:
        engine_that(dial, felt).connect()
    assert caught.value.orig.sqlstate == "25006"


def test_other_failures_to_dial_are_passed_on(felt):
    def dial(*_, **__):
        raise psycopg.OperationalError("connection refused")

    with pytest.raises(sa.exc.OperationalError, match="refused"):
        engine_that(dial, felt).connect()
    assert not felt.is_lost


def test_sqlite_needs_none_of_it(felt):
    engine = sa.create_engine("sqlite://")
    felt.watch(engine)
    with engine.connect() as connection:
        pulse.be_patient(connection)
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
