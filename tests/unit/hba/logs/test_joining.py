import json
from datetime import UTC, datetime, timedelta

import pytest

from pgward.hba.logs import joining
from pgward.hba.logs.joining import Joiner
from pgward.hba.logs.record import Record

START = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
RECEIVED = "connection received: host=10.0.0.9 port=5"
AUTHENTICATED = 'connection authenticated: identity="CN=ann" method=cert (hba:7)'
TLS = "SSL enabled (protocol=TLSv1.3, cipher=C, bits=256)"
AUTHORIZED = f"connection authorized: user=app database=shop {TLS}"
CLOSED = "disconnection: session time: 0:00:01.5 user=app database=shop host=10.0.0.9 port=5"


class Log:
    """Feeds one message after the other, a tenth of a second apart."""

    def __init__(self, joiner: Joiner | None = None) -> None:
        self.joiner = joiner or Joiner()
        self.number = 0

    def say(self, message, session="a.1", severity="LOG", after=0.1, **more):
        self.number += 1
        self.now = (getattr(self, "now", START)) + timedelta(seconds=after)
        fields = {"time": self.now, "pid": 1} | more
        return self.joiner.feed(Record(self.number, severity, message, session=session, **fields))

    def settle(self, seconds):
        return self.joiner.settle(self.now + timedelta(seconds=seconds))


@pytest.fixture
def log():
    return Log()


def test_a_login_is_told_when_it_is_settled(log):
    assert log.say(RECEIVED) + log.say(AUTHENTICATED) + log.say(AUTHORIZED) == []
    assert log.settle(1.9) == []
    (attempt,) = log.settle(2.0)
    assert (attempt.outcome, attempt.identity, attempt.user, attempt.database) == (
        *("ok", "CN=ann", "app"),
        "shop",
    )
    assert (attempt.host, attempt.port, attempt.method, attempt.line) == (
        "10.0.0.9",
        5,
        "cert",
        "hba:7",
    )
    assert (attempt.tls, attempt.offset) == ({"protocol": "TLSv1.3", "cipher": "C"}, 1)
    (closed,) = log.say(CLOSED)
    assert (closed.closed, closed.identity, closed.seconds, closed.offset) == (
        *(True, "CN=ann", "0:00:01.5"),
        4,
    )


def test_other_connections_settle_it_too(log):
    log.say(AUTHORIZED)
    assert [each.outcome for each in log.say(RECEIVED, "b.2", after=3)] == ["ok"]


def test_a_short_session_is_opened_and_closed(log):
    log.say(AUTHORIZED)
    assert [(each.outcome, each.closed) for each in log.say(CLOSED)] == [
        ("ok", False),
        ("ok", True),
    ]


def test_who_was_authorized_may_still_be_refused(log):
    log.say(RECEIVED)
    log.say(AUTHORIZED)
    (attempt,) = log.say('role "app" does not exist', severity="FATAL")
    assert (attempt.outcome, attempt.code, attempt.reason) == (
        *("denied", "no_role"),
        'role "app" does not exist',
    )
    assert log.settle(100) == []


def test_what_is_wrong_with_a_certificate_is_said_once(log):
    message = "could not accept SSL connection: certificate verify failed"
    detail = "Client certificate verification failed at depth 0: certificate revoked."
    assert [each.reason for each in log.say(message)] == [message]
    (attempt,) = log.say(message, detail=detail)
    assert (attempt.code, attempt.reason) == ("revoked", f"{message}: certificate revoked")


def test_who_the_certificate_named_when_the_map_refused(log):
    log.say('no match in usermap "m" for user "bob" authenticated as "ann"')
    (attempt,) = log.say(
        'certificate authentication failed for user "bob"', severity="FATAL", user="bob"
    )
    assert (attempt.identity, attempt.user, attempt.code) == ("ann", "bob", "certificate")


def test_who_says_no_more_has_gone(log):
    log.say(RECEIVED)
    assert log.settle(89) == []
    assert [(each.outcome, each.code) for each in log.settle(90)] == [("failed", "given_up")]


def test_a_process_number_that_comes_again(log):
    log.say(RECEIVED, "pid 7")
    assert [each.code for each in log.say(RECEIVED, "pid 7")] == ["given_up"]


def test_a_session_that_is_ended(log):
    log.say(AUTHORIZED)
    log.settle(2)
    assert log.say("terminating connection due to administrator command", severity="FATAL") == []
    (closed,) = log.say(CLOSED)
    assert closed.reason == "terminating connection due to administrator command"


def test_a_session_that_is_ended_at_once(log):
    log.say(AUTHORIZED)
    (attempt,) = log.say("terminating connection due to administrator command", severity="FATAL")
    assert attempt.outcome == "ok"
    (closed,) = log.say(CLOSED)
    assert (closed.closed, closed.reason) == (
        *(True,),
        "terminating connection due to administrator command",
    )


def test_what_nothing_joins_stands_alone(log):
    assert log.say(RECEIVED, None) == []
    (attempt,) = log.say(AUTHORIZED, None)
    assert (attempt.outcome, attempt.doubtful) == ("ok", False)


def test_what_is_doubtful_touches_nobody_else(log):
    log.say(RECEIVED)
    (forged,) = log.say("sorry, too many clients already", severity="FATAL", doubtful=True)
    assert (forged.outcome, forged.doubtful) == ("denied", True)
    log.say(AUTHORIZED)
    assert [each.doubtful for each in log.settle(2)] == [False]


@pytest.mark.parametrize("message", [RECEIVED, AUTHENTICATED, AUTHORIZED])
def test_nobody_comes_in_who_is_in(log, message):
    log.say(AUTHORIZED)
    found = log.say(message.replace("app", "root"))
    log.settle(2)
    found += log.say(message.replace("app", "root"))
    assert [each.doubtful for each in found] == [True] * (2 if message == AUTHORIZED else 0)
    assert [each.user for each in log.say(CLOSED)] == ["app"]


def test_where_a_name_can_be_a_line_nobody_is_in_who_was_not_received(log):
    for said in (AUTHENTICATED, AUTHORIZED):
        found = log.say(said, "pid 1", forgeable=True)
    assert [(each.outcome, each.doubtful, each.host) for each in found] == [("ok", True, None)]
    assert [each.doubtful for each in log.say(CLOSED, "pid 1", forgeable=True)] == [True]
    log.say(RECEIVED, "pid 2", forgeable=True)
    log.say(AUTHORIZED, "pid 2", forgeable=True)
    (attempt,) = log.settle(2)
    assert (attempt.doubtful, attempt.forgeable, attempt.host) == (False, True, "10.0.0.9")
    assert [each.doubtful for each in log.say(CLOSED, "pid 2", forgeable=True)] == [False]


@pytest.mark.parametrize("forgeable", [True, False])
def test_who_came_in_just_before_a_torn_line_is_doubted(log, forgeable):
    log.say(RECEIVED, "pid 2", forgeable=forgeable)
    log.say(AUTHORIZED, "pid 2", forgeable=forgeable)
    log.say("", None, severity="", doubtful=True)
    assert [each.doubtful for each in log.settle(2)] == [forgeable]


def test_a_doubtful_time_settles_nobody(log):
    log.say(AUTHORIZED)
    later = START + timedelta(days=1)
    assert log.say("checkpoint", None, time=later, doubtful=True) == []


def test_it_goes_on_from_the_disk(log):
    log.say(RECEIVED)
    log.say(AUTHENTICATED)
    log.say(AUTHORIZED, "b.2")
    log.settle(2)
    kept = json.loads(json.dumps(log.joiner.to_json()))
    other = Log(Joiner.from_json(kept))
    other.now = log.now
    other.say(AUTHORIZED)
    (attempt,) = other.settle(2)
    assert (attempt.identity, attempt.offset) == ("CN=ann", 1)
    assert other.say(CLOSED, "b.2")[0].closed


@pytest.mark.parametrize("kept", [{}, {"pending": [1]}, {"pending": [{"x": 1}]}, {"open": [1]}])
def test_what_is_damaged_on_disk_counts_as_nothing(kept):
    assert Joiner.from_json(kept).to_json() == {"pending": [], "open": []}


def test_memory_is_bounded(log, monkeypatch):
    monkeypatch.setattr(joining, "MAX_PENDING", 3)
    monkeypatch.setattr(joining, "MAX_OPEN", 3)
    for number in range(10):
        log.say(RECEIVED, f"{number}.1", after=0)
        log.say(AUTHORIZED, f"{number}.2", after=0)
    log.settle(100)
    kept = log.joiner.to_json()
    assert (len(kept["pending"]), len(kept["open"])) == (0, 3)
