from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from pgward.core.clock import parse_rfc3339, rfc3339


def row():
    now = datetime.now(UTC)
    return {
        "serial": "ab",
        "kind": "edge",
        "subject": "e1",
        "state": "active",
        "issued_at": rfc3339(now - timedelta(hours=1)),
        "not_after": rfc3339(now + timedelta(days=30, minutes=1)),
    }


def listed(fake_ca, *pages: list[dict[str, str]]) -> None:
    """Answer with these pages, one after the other."""
    left = list(pages)

    def answer(_: object) -> dict[str, object]:
        rows = left.pop(0)
        return {"certificates": rows, "cursor": "next" if left else None}

    fake_ca.routes["GET /v1/certificates"] = answer


def test_a_list(logged_in, fake_ca):
    listed(fake_ca, [row()])
    assert logged_in("ca", "list", "--kind", "edge").stdout == (
        "SERIAL  KIND  NAME  STATE   ISSUED      ENDS\n"
        "ab      edge  e1    active  1 hour ago  in 30 days\n"
    )
    assert dict(fake_ca.requests[-1].url.params) == {"kind": "edge", "limit": "200"}


def test_every_filter_is_sent(logged_in, fake_ca):
    listed(fake_ca, [])
    options = {
        "user": "alice",
        "service": "orders",
        "state": "active",
        "serial": "ab",
        "fingerprint": "cd",
        "key": "ef",
        "valid_at": "2026-11-21T12:00:00Z",
        "issued_after": "2026-11-20T00:00:00Z",
    }
    given = [
        each for key, value in options.items() for each in (f"--{key.replace('_', '-')}", value)
    ]
    done = logged_in("ca", "list", *given)
    assert done.stderr == "no such certificate\n"
    assert dict(fake_ca.requests[-1].url.params) == options | {"limit": "200"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21", "2026-11-21T00:00:00Z"),
        ("2026-11-21T14:00:00+02:00", "2026-11-21T12:00:00Z"),
    ],
)
def test_times_are_a_date_or_a_moment(logged_in, fake_ca, text, expected):
    listed(fake_ca, [])
    logged_in("ca", "list", "--issued-before", text)
    assert fake_ca.requests[-1].url.params["issued_before"] == expected


def test_times_are_a_span_before_now(logged_in, fake_ca):
    listed(fake_ca, [])
    logged_in("ca", "list", "--issued-after", "12h")
    sent = parse_rfc3339(fake_ca.requests[-1].url.params["issued_after"])
    assert abs((datetime.now(UTC) - timedelta(hours=12) - sent).total_seconds()) < 60


@pytest.mark.parametrize("text", ["soon", "2026-13-01", "2026-11-21T12:00:00"])
def test_what_is_no_time_is_refused(logged_in, text):
    done = logged_in("ca", "list", "--valid-at", text)
    assert done.exit_code == 2
    assert "is no time: 2026-11-21, 2026-11-21T12:00:00Z, or 12h" in done.stderr


def test_pages_are_joined_up_to_the_limit(logged_in, fake_ca):
    listed(fake_ca, [row()] * 1000, [row()] * 200, [row()])
    done = logged_in("ca", "list", "--limit", "1200")
    assert len(done.stdout.splitlines()) == 1201
    assert done.stderr == "only the newest 1200 are shown; go on with --cursor next\n"
    assert dict(fake_ca.requests[-1].url.params) == {"limit": "200", "cursor": "next"}


def test_one_certificate(logged_in, fake_ca):
    shown = row() | {
        "pem": "-----BEGIN…",
        "asked_by": "edge:e1",
        "dns": ["e1", "e2"],
        "log_index": 0,
    }
    fake_ca.routes["GET /v1/certificates/AB:CD"] = httpx2.Response(200, json=shown)
    lines = logged_in("ca", "show", " AB:CD ").stdout.splitlines()
    assert lines[0].split() == ["serial", "ab"]
    assert "DNS names        e1, e2" in lines
    assert "log entry        0" in lines
    assert lines[-1] == "-----BEGIN…"


def test_nothing_is_no_name(logged_in):
    assert "which certificate?" in logged_in("ca", "show", " ").stderr
