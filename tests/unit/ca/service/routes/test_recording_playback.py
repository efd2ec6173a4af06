from hashlib import sha256

import pytest

from pgward.audit.recording.answers import Column, Table
from pgward.ca.recordings import keys
from pgward.ca.service.routes import recording_playback
from tests.fixtures.ca_service import SEALER
from tests.fixtures.chunks import Teller, record
from tests.fixtures.recordings import SESSION, end, parcel_of, result, start
from tests.unit.audit.recording.test_answers import ANSWER, message

PATH = f"/v1/database-sessions/{SESSION}"


@pytest.fixture
def put(edge, store, clock):
    """Have a session, and deliver pieces of it."""
    recipient = keys.ensure(store, SEALER, clock)
    Teller(edge).tell(record(1, type="SESSION_START"))

    def putting(*parts):
        data = parcel_of([start(1, recipient=recipient), *parts[0]], *parts[1:])
        path = f"/v1/edges/self/recordings/{sha256(data).hexdigest()}"
        assert edge.put_content(path, data, {})[0] == 200

    return putting


def played(admin, query="", path="playback"):
    answer = admin.call("GET", f"{PATH}/{path}", query=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_was_to_be_seen(api, admin, put):
    notice = message(b"N", b"SNOTICE\0Mhello\0\0")
    put([record(2, rows=1, parameters=["7"]), result(2.001, notice + ANSWER), end(5)])
    found = played(admin)
    head, said, table, lines, outcome, last = found["moments"]
    assert head["text"].startswith("alice as app in shop")
    assert (said["at"], said["kind"], said["text"]) == (1.0, "said", "select 2")
    assert (said["parameters"], said["seconds"], said["status"]) == ("$1 = '7'", 0.00025, "ok")
    assert table["columns"] == [{"name": "n", "number": True}, {"name": "word", "number": False}]
    assert (table["cells"], table["rows"], table["more"]) == ([["1", "crème"]], 1, 0)
    assert lines["text"] == "NOTICE:  hello"
    assert (outcome["text"], outcome["rows"]) == ("SELECT 1", 1)
    assert (last["at"], last["text"]) == (4.0, "the session ended: the client left")
    del found["moments"]
    assert found == {
        "began": "2026-11-21T12:00:01Z",
        "after": 1, "skip": 0, "back_after": None, "back_skip": 0,
        "ended": True, "live": False, "problems": [],
    }  # fmt: skip
    played(admin, "?after=1")
    (event,) = [each for each in api.events() if each["action"].startswith("recording.")]
    assert (event["action"], event["target"]) == ("recording.play", SESSION)


def test_from_any_place(admin, put, monkeypatch):
    put([], *([record(number)] for number in range(2, 6)), [end(9)])
    monkeypatch.setattr(recording_playback, "PART_BYTES", 1)
    found = played(admin, "?at=2.5")
    assert found["moments"][0]["text"] == "select 3"
    assert (found["back_after"], found["live"]) == (1, False)
    assert played(admin, "?at=1e9")["moments"][-1]["text"].startswith("the session ended")
    behind = played(admin, f"?after={found['after']}")
    assert behind["moments"] == []
    assert played(admin, "?after=4")["moments"][0]["text"] == "select 5"


def test_a_part_of_many_moments(admin, put, monkeypatch):
    put([*(record(number) for number in range(2, 6)), end(9)])
    monkeypatch.setattr(recording_playback, "MOST_MOMENTS", 4)
    found = played(admin)
    assert len(found["moments"]) == 4
    assert (found["after"], found["skip"], found["ended"]) == (0, 4, False)
    found = played(admin, "?skip=4")
    assert (found["back_after"], found["back_skip"]) == (0, 0)
    found = played(admin, "?skip=8")
    assert (len(found["moments"]), found["after"], found["skip"]) == (2, 1, 0)
    assert found["ended"]
    found = played(admin, "?at=4")  # which is behind the first four
    assert found["moments"][-1]["at"] >= 4
    assert found["back_after"] == 0


def test_a_part_of_long_moments(admin, put):
    put([*(record(number, text="x" * 4000) for number in range(2, 42)), end(99)])
    found = played(admin)
    assert (found["moments"][0]["kind"], found["after"]) == ("told", 0)
    assert len(found["moments"]) == found["skip"] < 40
    found = played(admin, f"?skip={found['skip']}")
    assert found["moments"][0]["text"] in {"SELECT 1", "x" * 4000}


def test_when_something_happened(admin, put):
    put([record(2)], [record(31)])
    found = played(admin, path="timeline")
    assert (found["seconds"], len(found["bars"])) == (30.0, 2)
    assert found["bars"][0] == {"at": 0.0, "until": 1.0, "events": 2}
    assert found["bars"][1] == {"at": 30.0, "until": 30.0, "events": 1}


def test_nothing_is_recorded(admin, edge):
    Teller(edge).tell(record(1, type="SESSION_START"), record(2, type="SESSION_END"))
    assert admin.call("GET", f"{PATH}/playback").status_code == 404
    assert played(admin, path="timeline") == {"began": None, "seconds": 0.0, "bars": []}


@pytest.mark.parametrize("query", ["?at=nan", "?at=inf", "?at=-1", "?after=-1", "?skip=x"])
def test_bounds_of_a_place(admin, put, query):
    put([record(2)])
    assert admin.call("GET", f"{PATH}/playback", query=query).status_code == 422


def test_others_see_nothing(alice, put):
    put([record(2)])
    for path in ("playback", "timeline"):
        assert alice.call("GET", f"{PATH}/{path}").status_code == 403


def test_what_is_long_is_cut():
    columns = [Column(f"c{number}", 25, binary=False) for number in range(40)]
    table = Table(columns, [["x" * 400, None] * 20] * 60, whole=True)
    found = recording_playback._table(table, 1.5)
    assert (len(found.columns), len(found.cells), found.more, found.rows) == (30, 50, 10, 60)
    assert found.cells[0][:2] == ["x" * 200 + "… (400 letters)", None]
