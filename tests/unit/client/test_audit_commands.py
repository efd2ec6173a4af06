import json

import httpx2
import pytest

from pgward.core.errors import UnavailableError
from tests.fixtures.chunks import at, record
from tests.fixtures.fake_archive import records_page

ROUTE = "GET /v1/audit/records"


def test_audit_passes_its_filters_on(logged_in, fake_ca):
    event = {"time": "2026-01-01T00:00:00Z", "actor": "a", "action": "x.y", "outcome": "ok"}
    fake_ca.routes["GET /v1/audit"] = {"events": [event]}
    result = logged_in("audit", "--actor", "a", "--action", "x.*", "--after", "5", "--limit", "9")
    assert result.stdout.splitlines()[1].split() == [
        *("2026-01-01T00:00:00Z", "a", "x.y", "-", "ok", "-", "-")
    ]
    assert dict(fake_ca.requests[-1].url.params) == {
        "actor": "a",
        "action": "x.*",
        "after": "5",
        "limit": "9",
    }


def test_a_limit_of_events_out_of_range_is_a_usage_error(logged_in):
    assert logged_in("audit", "--limit", "0").exit_code == 2


def asked(fake_ca, index=-1):
    return dict(fake_ca.requests[index].url.params)


def test_a_search_asks_for_what_it_was_told(logged_in, fake_ca):
    fake_ca.routes[ROUTE] = records_page(
        record(1, text="drop  table\nx"), record(2, duration_us=None)
    )
    result = logged_in(
        *("audit", "search", "drop", "--user", "alice", "--service", "orders", "--session", "s1"),
        *("--edge", "e1", "--type", "query", "--status", "ok", "--regex", "d.op"),
        *("--since", "2026-11-21", "--until", "2026-11-22T01:02:03Z", "--limit", "5"),
    )
    cells = result.stdout.splitlines()[1].split()
    assert cells == [
        at(1),
        "alice",
        "orders",
        "QUERY",
        "ok",
        "1",
        "0.2",
        "ms",
        "drop",
        "table",
        "x",
    ]
    assert asked(fake_ca) == {
        "contains": "drop",
        "user": "alice",
        "service": "orders",
        "session": "s1",
        "edge": "e1",
        "type": "QUERY",
        "status": "ok",
        "regex": "d.op",
        "since": "2026-11-21T00:00:00Z",
        "until": "2026-11-22T01:02:03Z",
        "order": "newest",
        "limit": "5",
    }


def test_a_search_goes_on_over_pages_that_are_not_full(logged_in, fake_ca):
    pages = iter(
        [records_page(record(1), cursor="c1"), records_page(cursor="c2"), records_page(record(2))]
    )
    fake_ca.routes[ROUTE] = lambda _: next(pages)
    result = logged_in("audit", "search", "--oldest", "-o", "json")
    assert [each["statement"] for each in json.loads(result.stdout)] == [1, 2]
    assert [asked(fake_ca, n).get("cursor") for n in (-3, -2, -1)] == [None, "c1", "c2"]
    assert [asked(fake_ca, n)["limit"] for n in (-3, -2, -1)] == ["100", "99", "99"]


def test_a_search_ends_at_its_limit_and_says_so(logged_in, fake_ca):
    fake_ca.routes[ROUTE] = records_page(record(2), record(1), cursor="more")
    result = logged_in("audit", "search", "--limit", "2")
    assert result.stderr == "only the newest 2 are shown; --limit or --all shows more\n"
    assert fake_ca.calls.count(ROUTE) == 1


def test_all_of_them(logged_in, fake_ca):
    pages = iter([records_page(record(1), cursor="c"), records_page(record(2))])
    fake_ca.routes[ROUTE] = lambda _: next(pages)
    assert len(logged_in("audit", "search", "--all").stdout.splitlines()) == 3
    assert asked(fake_ca)["limit"] == "1000"


def test_a_long_text_is_cut_in_a_table_only(logged_in, fake_ca):
    fake_ca.routes[ROUTE] = records_page(record(1, text="x" * 500))
    assert "x" * 199 + "…" in logged_in("audit", "search").stdout
    assert "x" * 500 in logged_in("audit", "search", "-o", "json").stdout


def test_nothing_in_a_record_moves_the_cursor(logged_in, fake_ca):
    fake_ca.routes[ROUTE] = records_page(record(1, text="a\x1b[2Jb", application="\x07"))
    assert "\x1b" not in logged_in("audit", "search").stdout


def test_what_the_ca_cannot_read_is_a_warning(logged_in, fake_ca):
    lost = {"edge": "e1", "chain": "x", "first_seq": 5, "last_seq": 9, "why": "it was changed"}
    fake_ca.routes[ROUTE] = records_page(record(1), lost=[lost])
    told = "warning: lines 5 to 9 are lost, of e1: it was changed\n"
    assert logged_in("audit", "search").stderr == told


def test_no_record(logged_in, fake_ca):
    fake_ca.routes[ROUTE] = records_page()
    assert logged_in("audit", "search").stderr == "no such record\n"


@pytest.mark.parametrize("arguments", [["--limit", "0"], ["--type", "x"], ["--since", "x"], [""]])
def test_wrong_usage(logged_in, arguments):
    assert logged_in("audit", "search", *arguments).exit_code == 2


@pytest.mark.parametrize("content", [b"", b"{}", b"x\n", b'{"page":5}\n', b"[]\n"])
def test_an_answer_that_is_cut_off(logged_in, fake_ca, content):
    fake_ca.routes[ROUTE] = httpx2.Response(200, content=content)
    result = logged_in("audit", "search")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (
        1,
        "pgward: the authority's answer is cut off",
    )


def test_tail_shows_the_newest_last(logged_in, fake_ca):
    fake_ca.routes[ROUTE] = records_page(record(2), record(1), cursor="more")
    lines = logged_in("audit", "tail", "-n", "2", "--user", "alice").stdout.splitlines()
    assert [line.split("  ")[-1] for line in lines] == ["select 1", "select 2"]
    assert asked(fake_ca) == {"user": "alice", "limit": "2"}


@pytest.mark.parametrize("output", ["json", "yaml", "table"])
def test_tail_follows_without_telling_anything_twice(logged_in, fake_ca, output):
    one, two = record(1, hash="h1"), record(2, hash="h2")
    pages = iter(
        [
            records_page(cursor="at,1"),  # where to follow from
            records_page(one),  # the newest
            records_page(one, two, cursor="at,2"),
            UnavailableError("the CA went away"),
        ]
    )
    fake_ca.routes[ROUTE] = lambda _: next(pages)
    result = logged_in("audit", "tail", "-f", "-o", output)
    assert result.exit_code == 1
    assert (result.stdout.count("select 1"), result.stdout.count("select 2")) == (1, 1)
    assert asked(fake_ca) == {"cursor": "at,2", "follow": "true"}
    if output == "json":
        assert [json.loads(line) for line in result.stdout.splitlines()] == [one, two]


def test_tail_of_nothing_but_what_comes(logged_in, fake_ca):
    pages = iter([records_page(cursor="at,1"), UnavailableError("away")])
    fake_ca.routes[ROUTE] = lambda _: next(pages)
    logged_in("audit", "tail", "-n", "0", "-f")
    assert [asked(fake_ca, n) for n in (-2, -1)] == [
        {"follow": "true"},
        {"follow": "true", "cursor": "at,1"},
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"type": "SESSION_START", "role": "app", "database": "shop"}, "as app in shop"),
        (
            {
                "type": "SESSION_START",
                "role": "app",
                "database": "shop",
                "details": {"reason": "TICKET-7"},
            },
            "as app in shop: TICKET-7",
        ),
        ({"type": "FUNCTION_CALL", "function": 953}, "function 953"),
        ({"type": "RECORDING", "piece": 2, "sha256": "00"}, "piece 2"),
        ({"type": "NOTICE", "details": {"notice": "5 minutes left"}}, "5 minutes left"),
        ({"type": "DENIED", "denied": "CONNECT", "reason": "not today"}, "not today"),
        ({"type": "CLOSE"}, "-"),
    ],
)
def test_a_record_without_a_text_is_told_by_what_it_is_about(logged_in, fake_ca, fields, said):
    found = record(1) | {"duration_us": None, **fields}
    del found["text"]
    fake_ca.routes[ROUTE] = records_page(found)
    line = logged_in("audit", "search").stdout.splitlines()[1]
    assert line.rpartition("   ")[2].strip().endswith(said)
