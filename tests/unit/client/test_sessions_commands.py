import json

import pytest

from pgward.core.clock import SystemClock, precise_rfc3339

SESSION = {
    "id": "0123-1",
    "edge": "e1",
    "user": "alice",
    "service": "orders",
    "database": "shop",
    "role": "app",
    "client": "10.0.0.7",
    "application": "psql",
    "started_at": "2026-11-21T12:00:00.500000Z",
    "ended_at": "2026-11-21T12:01:05.500000Z",
    "status": "ok",
    "sqlstate": None,
    "end_reason": "the client left",
    "statements": 7,
    "errors": 1,
    "denied": 0,
    "rows": 99,
    "recorded": False,
}
ROUTE = "GET /v1/database-sessions"


def test_sessions(logged_in, fake_ca):
    running = {"started_at": precise_rfc3339(SystemClock().now()), "ended_at": None}
    cut = {"sqlstate": "57P01", "recorded": True}
    fake_ca.routes[ROUTE] = {
        "sessions": [SESSION | running, SESSION | cut, SESSION],
        "cursor": None,
    }
    result = logged_in("sessions", "ls")
    rows = [line.split("  ") for line in result.stdout.splitlines()[1:]]
    shown = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert [row[-3:] for row in shown] == [
        ["runs", "-", "0123-1"],
        ["57P01", "yes", "0123-1"],
        ["ok", "-", "0123-1"],
    ]
    assert shown[2][1:-3] == [
        "alice",
        "orders",
        "shop",
        "app",
        "10.0.0.7",
        "1 minute 5 seconds",
        "7",
    ]


def test_filters_and_pages(logged_in, fake_ca):
    pages = iter([{"sessions": [SESSION], "cursor": "c"}, {"sessions": [SESSION], "cursor": "d"}])
    fake_ca.routes[ROUTE] = lambda _: next(pages)
    arguments = ("--user", "alice", "--service", "orders", "--edge", "e1", "--database", "shop")
    result = logged_in(
        "sessions",
        "ls",
        *arguments,
        "--since",
        "2026-11-21",
        "--open",
        "--recorded",
        "--limit",
        "2",
        "-o",
        "json",
    )
    assert json.loads(result.stdout) == [SESSION, SESSION]
    assert dict(fake_ca.requests[-1].url.params) == {
        "user": "alice",
        "service": "orders",
        "edge": "e1",
        "database": "shop",
        "since": "2026-11-21T00:00:00Z",
        "open": "true",
        "recorded": "true",
        "limit": "1",
        "cursor": "c",
    }
    assert "only the newest 2 are shown; --limit shows more" in result.stderr


def test_no_session(logged_in, fake_ca):
    fake_ca.routes[ROUTE] = {"sessions": [], "cursor": None}
    assert logged_in("sessions", "ls", "--ended").stderr == "no such session\n"
    assert fake_ca.requests[-1].url.params["open"] == "false"


def test_one_session(logged_in, fake_ca):
    fake_ca.routes[f"{ROUTE}/0123-1"] = SESSION
    lines = logged_in("sessions", "show", "0123-1").stdout.splitlines()
    assert lines[0].split() == ["session", "0123-1"]
    assert "because      the client left" in lines
    assert json.loads(logged_in("sessions", "show", "0123-1", "-o", "json").stdout) == SESSION


@pytest.mark.parametrize(
    ("recording", "ended_at", "expected"),
    [
        ({"missing": 0, "complete": True}, "2026-11-21T12:01:05.5Z", "2 pieces, 9 events"),
        ({"missing": 0, "complete": False}, None, "2 pieces, 9 events"),
        ({"missing": 1, "complete": False}, None, "2 pieces, 9 events, 1 missing"),
        (
            {"missing": 0, "complete": False},
            "2026-11-21T12:01:05.5Z",
            "2 pieces, 9 events, its end is missing",
        ),
    ],
)
def test_how_much_is_recorded(logged_in, fake_ca, recording, ended_at, expected):
    known = {"pieces": 2, "events": 9, "bytes": 99, **recording}
    fake_ca.routes[f"{ROUTE}/0123-1"] = SESSION | {"ended_at": ended_at, "recording": known}
    assert f"recording    {expected}\n" in logged_in("sessions", "show", "0123-1").stdout


def test_a_session_of_one_edge(logged_in, fake_ca):
    fake_ca.routes[f"{ROUTE}/0123-1"] = SESSION
    logged_in("sessions", "show", "0123-1", "--edge", "e1")
    assert fake_ca.requests[-1].url.params["edge"] == "e1"


def test_ones_own(logged_in, fake_ca):
    fake_ca.routes["GET /v1/me/database-sessions"] = {"sessions": [SESSION], "cursor": None}
    assert "0123-1" in logged_in("sessions", "ls", "--mine").stdout
    fake_ca.routes["GET /v1/me/database-sessions/0123-1"] = SESSION | {"recording": None}
    assert "orders" in logged_in("sessions", "show", "0123-1", "--mine").stdout
    told = {"session": "0123-1", "edge": "e1", "edge_seen_at": None}
    fake_ca.routes["POST /v1/me/database-sessions/0123-1/end"] = told
    assert "e1" in logged_in("sessions", "end", "0123-1", "--mine").stderr


@pytest.mark.parametrize("more", [("--user", "bob"), ("--recorded",)])
def test_what_only_auditors_choose_by(logged_in, more):
    result = logged_in("sessions", "ls", "--mine", *more)
    assert result.exit_code == 2
    assert "for auditors" in result.stderr
