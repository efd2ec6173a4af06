from datetime import UTC, datetime, timedelta

import pytest

from pgward.tunnel.agent.top import words
from pgward.tunnel.agent.top.figures import Clocks, Connection, Service

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (5e9, "5.0 GB"),
        (7e15, "7000.0 TB"),
    ],
)
def test_sizes(count, text):
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (200_000, "2 d")],
)
def test_ages(seconds, text):
    assert words.short(seconds) == text


def test_no_rate_is_no_text():
    assert (words.rate(0.5), words.rate(1500)) == ("", "1.5 kB/s")


def test_a_service_that_is_open_and_one_that_is_not():
    row = Service("orders", "open", "127.0.0.1:15432", 0, 9, 2000.0, 0.0, "")
    assert words.service(row) == (
        *("orders", "open", "127.0.0.1:15432", "0", "9", "2.0 kB/s", "", ""),
    )
    row = Service("stock", "closed", "", 0, 0, 0.0, 0.0, "")
    assert words.service(row) == ("stock", "closed", "", "", "", "", "", "")
    assert len(words.service(row)) == len(words.SERVICES)


def test_a_connection():
    row = Connection(1, "orders", "psql (7)", 61, 10, 2000, 0.0, 100.0)
    cells = words.connection(row)
    assert cells == ("orders", "psql (7)", "1 min", "10 B", "2.0 kB", "", "100 B/s")
    assert len(cells) == len(words.CONNECTIONS)


def clocks(**changes):
    hour = timedelta(hours=1)
    fields = {"now": NOW, "user": "alice", "logged_in": True, "problem": ""}
    return words.clocks(
        Clocks(**{"login": NOW + 12 * hour, "certificate": NOW + hour, **fields, **changes})
    )


def test_the_clocks():
    assert clocks() == "alice: the login ends in 12 hours, the certificate ends in 1 hour"
    ended = clocks(certificate=NOW - timedelta(minutes=2), problem="the CA is away")
    assert ended == (
        "alice: the login ends in 12 hours, the certificate ended 2 minutes ago (the CA is away)"
    )
    over = clocks(logged_in=False, login=NOW - timedelta(hours=3))
    assert over == "alice: the login ended 3 hours ago: pgward login"
    assert clocks(user=None, login=None) == "nobody is logged in: pgward login"
