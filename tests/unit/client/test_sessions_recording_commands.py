import json
from datetime import timedelta

import httpx2
import pytest

from pgward.audit.recording import sealing
from pgward.core.clock import SystemClock, rfc3339
from tests.fixtures.chunks import record
from tests.fixtures.commands import body
from tests.fixtures.recordings import IDENTITY, SESSION, end, pieces_of, result, start
from tests.unit.audit.recording.test_answers import ANSWER

ROUTE = f"GET /v1/database-sessions/{SESSION}/recording"
RECORDS = "GET /v1/audit/records"


def answer(lines, **page):
    told = {"page": {"after": 1, "pieces": 1, "ended": True, **page}}
    return httpx2.Response(200, content=b"".join([*lines, json.dumps(told).encode(), b"\n"]))


@pytest.fixture
def pieces():
    said = record(2, text="select 'x\x1b[2J'", rows=1)
    return pieces_of([start(1), said], [result(2.001, ANSWER), end(3)])


@pytest.fixture
def recorded(fake_ca, pieces):
    plain = [sealing.unseal(piece.data, IDENTITY) for piece in pieces]
    fake_ca.routes[ROUTE] = answer(plain)
    records = [json.dumps(piece.info.to_record()).encode() + b"\n" for piece in pieces]
    page = {"page": {"cursor": None, "lost": []}}
    content = b"".join([*records, json.dumps(page).encode()])
    fake_ca.routes[RECORDS] = httpx2.Response(200, content=content)
    return plain


@pytest.mark.usefixtures("recorded")
def test_play_at_once(logged_in):
    done = logged_in("sessions", "play", SESSION, "--speed", "0")
    assert done.exit_code == 0
    assert "select 'x" in done.stdout
    assert "\x1b" not in done.stdout
    assert "1 | crème" in done.stdout
    assert "the session ended: the client left" in done.stdout


@pytest.mark.usefixtures("recorded")
def test_play_takes_its_time(logged_in, monkeypatch):
    waited = []
    monkeypatch.setattr("threading.Event.wait", lambda _self, seconds=None: waited.append(seconds))
    assert logged_in("sessions", "play", SESSION, "--speed", "2").exit_code == 0
    assert 0.99 < sum(each or 0 for each in waited) < 1.2
    waited.clear()
    logged_in("sessions", "play", SESSION, "--idle", "0.1")
    assert max(each or 0 for each in waited) == 0.1


@pytest.mark.usefixtures("recorded")
def test_watch(logged_in, fake_ca):
    assert logged_in("sessions", "play", SESSION, "--follow").exit_code == 0
    asked = dict(fake_ca.requests[-1].url.params)
    assert (asked["purpose"], asked["follow"]) == ("watch", "true")


def test_who_watches_is_told_that_there_is_nothing_yet(logged_in, fake_ca, pieces):
    nothing = answer([], after=0, pieces=0, ended=False)
    plain = [sealing.unseal(piece.data, IDENTITY) for piece in pieces]
    answers = iter([nothing, nothing, answer(plain)])
    fake_ca.routes[ROUTE] = lambda _: next(answers)
    done = logged_in("sessions", "play", SESSION, "--follow")
    assert done.stderr == "nothing is recorded of this session yet\n"
    assert "the session ended" in done.stdout


def test_who_watches_has_no_speed(logged_in):
    for option in ("--speed", "--idle"):
        done = logged_in("sessions", "play", SESSION, "--follow", option, "2")
        assert done.exit_code == 2
        assert "--follow shows what happens as it happens" in done.stderr


def test_play_of_a_session_that_runs(logged_in, fake_ca, pieces):
    plain = sealing.unseal(pieces[0].data, IDENTITY)
    pages = iter([answer([plain], ended=False), answer([], pieces=0, ended=False)])
    fake_ca.routes[ROUTE] = lambda _: next(pages)
    done = logged_in("sessions", "play", SESSION, "--speed", "0")
    assert done.stderr == "the session runs; --follow shows what comes\n"


def test_export_to_nowhere(logged_in, fake_ca, tmp_path):
    asked = len(fake_ca.requests)
    done = logged_in("sessions", "export", SESSION, tmp_path / "none" / "x")
    assert f"there is no directory {tmp_path / 'none'}" in done.stderr
    assert len(fake_ca.requests) == asked


def test_export(logged_in, recorded, tmp_path):
    path = tmp_path / "session.ndjson"
    done = logged_in("sessions", "export", SESSION, path)
    assert done.exit_code == 0, done.stderr
    assert path.read_bytes() == b"".join(recorded)
    assert path.stat().st_mode & 0o077 == 0
    assert "4 events in 2 pieces, as the audit has them" in done.stderr


def test_an_exported_file_is_played(logged_in, fake_ca, recorded, tmp_path):
    path = tmp_path / "session.ndjson"
    path.write_bytes(b"".join(recorded))
    done = logged_in("sessions", "play", "--file", path, "--speed", "0")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "the session ended: the client left" in done.stdout
    assert fake_ca.requests == []
    path.write_bytes(b"".join(recorded).replace(b"select 'x", b"select 'y"))
    done = logged_in("sessions", "play", "--file", path, "--speed", "0")
    assert done.exit_code == 1
    assert "piece 2: a piece does not follow the one before" in done.stderr


def test_what_to_play(logged_in, tmp_path):
    for words in (("--file", tmp_path / "x", SESSION), ("--file", tmp_path / "x", "-f")):
        assert "--file plays a file" in logged_in("sessions", "play", *words).stderr
    assert "which session?" in logged_in("sessions", "play").stderr


def test_export_to_standard_output(logged_in, recorded):
    done = logged_in("sessions", "export", SESSION, "-")
    assert done.stdout.encode() == b"".join(recorded)
    assert "4 events in 2 pieces" in done.stderr


def test_what_differs_from_the_audit_is_told(logged_in, fake_ca, recorded, tmp_path):
    changed = recorded[1].replace(b"the client left", b"nothing to see.")
    fake_ca.routes[ROUTE] = answer([recorded[0], changed])
    done = logged_in("sessions", "export", SESSION, tmp_path / "x")
    assert done.exit_code == 1
    assert "piece 2 is not the one that the audit tells of" in done.stderr
    fake_ca.routes[ROUTE] = answer(recorded[:1])
    done = logged_in("sessions", "export", SESSION, tmp_path / "x")
    assert "1 piece missing, of which the audit tells" in done.stderr
    fake_ca.routes[ROUTE] = answer(recorded[1:])
    done = logged_in("sessions", "play", SESSION, "--speed", "0")
    assert done.exit_code == 1
    assert "piece 1 is missing" in done.stderr


def test_end(logged_in, fake_ca):
    path = f"/v1/database-sessions/{SESSION}/end"
    fake_ca.routes[f"POST {path}"] = {"session": SESSION, "edge": "e1"}
    done = logged_in("sessions", "end", SESSION, "--reason", "maintenance", "--edge", "e1")
    assert done.exit_code == 0
    when = "once no statement and no transaction is under way"
    assert done.stderr == f"edge e1 is told to end the session {when}\n"
    assert body(fake_ca) == {"force": False, "reason": "maintenance", "edge": "e1"}
    done = logged_in("sessions", "end", SESSION, "--force")
    assert done.stderr == "edge e1 is told to end the session at once\n"
    assert body(fake_ca) == {"force": True}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (timedelta(hours=2), "edge e1 was last heard of 2 hours ago, and hears of it later\n"),
        (timedelta(seconds=60), ""),
    ],
)
def test_an_edge_that_is_away_cannot_know_yet(logged_in, fake_ca, seen, expected):
    told = {"session": SESSION, "edge": "e1", "edge_seen_at": rfc3339(SystemClock().now() - seen)}
    fake_ca.routes[f"POST /v1/database-sessions/{SESSION}/end"] = told
    lines = logged_in("sessions", "end", SESSION).stderr.splitlines(keepends=True)
    assert "".join(lines[1:]) == expected


def test_rotate_key(logged_in, fake_ca):
    fake_ca.routes["POST /v1/recording-key/rotate"] = {"recipient": "age1new", "before": "age1old"}
    done = logged_in("sessions", "rotate-key")
    assert (done.exit_code, done.stderr) == (0, "recordings are encrypted for age1new now\n")
