import json
from hashlib import sha256

import pytest

from pgward.ca.identity import machines
from pgward.ca.recordings import keys
from pgward.ca.records import Kind
from pgward.ca.service.routes import recordings
from pgward.core.clock import rfc3339
from tests.fixtures.ca_service import SEALER
from tests.fixtures.chunks import Teller, record
from tests.fixtures.recordings import SESSION, end, parcel_of, start

PATH = f"/v1/database-sessions/{SESSION}"


@pytest.fixture
def teller(edge):
    made = Teller(edge)
    made.tell(record(1, type="SESSION_START"))
    return made


@pytest.fixture
def put(edge, store, clock):
    recipient = keys.ensure(store, SEALER, clock)

    def putting(*records):
        records = [
            each
            | ({"details": each["details"] | {"recipient": recipient}} if "details" in each else {})
            for each in records
        ]
        data = parcel_of(records)
        return edge.put_content(f"/v1/edges/self/recordings/{sha256(data).hexdigest()}", data, {})

    return putting


def lines(answer):
    assert answer.status_code == 200, answer.text
    *found, page = [json.loads(line) for line in answer.content.splitlines()]
    return [each["type"] for each in found], page["page"]


def actions(api):
    return [each["action"] for each in api.events() if "recording" in each["action"]]


@pytest.mark.usefixtures("teller")
def test_a_recording_is_read_and_that_is_put_on_record(api, admin, put):
    assert put(start(1), record(2), end(3))[0] == 200
    kinds, page = lines(admin.call("GET", f"{PATH}/recording"))
    assert kinds == ["PIECE", "SESSION_START", "QUERY", "SESSION_END"]
    assert page == {"after": 1, "pieces": 1, "ended": True}
    assert lines(admin.call("GET", f"{PATH}/recording", query="?after=1"))[0] == []
    assert actions(api) == ["recording.play"]
    lines(admin.call("GET", f"{PATH}/recording", query="?purpose=export&after=1"))
    assert actions(api) == ["recording.play", "recording.export"]
    shown = admin.call("GET", PATH).json()
    assert (shown["recording"]["pieces"], shown["recording"]["complete"]) == (1, True)
    assert shown["recorded"]


def test_a_list_tells_what_is_recorded_and_chooses_by_it(admin, teller, put):
    other = SESSION.replace("-1", "-2")
    teller.tell(record(4, type="SESSION_START", session=other))
    put(start(1))

    def listed(query=""):
        found = admin.call("GET", "/v1/database-sessions", query=query).json()["sessions"]
        return [(each["id"], each["recorded"]) for each in found]

    assert listed() == [(other, False), (SESSION, True)]
    assert listed("?recorded=true") == [(SESSION, True)]
    assert listed("?recorded=false") == [(other, False)]


def test_who_follows_waits(admin, teller, put, monkeypatch):
    monkeypatch.setattr(recordings, "LONGEST_WAIT", 0.0)
    query = "?follow=true&purpose=watch"
    assert lines(admin.call("GET", f"{PATH}/recording", query=query)) == (
        [],
        {"after": 0, "pieces": 0, "ended": False},
    )
    put(start(1))
    kinds, page = lines(admin.call("GET", f"{PATH}/recording", query=query))
    assert (kinds, page["ended"]) == (["PIECE", "SESSION_START"], False)
    teller.tell(record(5, type="SESSION_END"))
    _, page = lines(admin.call("GET", f"{PATH}/recording", query=query + "&after=1"))
    assert page["ended"]


@pytest.mark.usefixtures("teller")
def test_a_session_of_which_nothing_is_recorded_yet(api, admin):
    answer = admin.call("GET", f"{PATH}/recording")
    assert answer.status_code == 404
    assert "nothing is recorded of session" in answer.json()["error"]["message"]
    assert actions(api) == []


def test_a_session_without_a_recording(admin, teller):
    teller.tell(record(5, type="SESSION_END"))
    answer = admin.call("GET", f"{PATH}/recording")
    assert answer.status_code == 404
    assert "has no recording" in answer.json()["error"]["message"]
    assert admin.call("GET", PATH).json()["recording"] is None


def test_a_session_is_ended_once(api, admin, teller, store, clock):
    with store.write() as transaction:
        machine = machines.get(transaction.connection, Kind.EDGE, "e1")
        machines.seen(transaction, machine, 1, clock.now())
    answer = admin.call("POST", f"{PATH}/end", {"reason": "maintenance"})
    assert answer.json() == {
        "session": SESSION,
        "edge": "e1",
        "edge_seen_at": rfc3339(clock.now()),
    }
    (event,) = [each for each in api.events() if each["action"] == "database-session.end"]
    assert event["details"]["reason"] == "maintenance"
    assert not event["details"]["force"]
    teller.tell(record(5, type="SESSION_END"))
    assert admin.call("POST", f"{PATH}/end", {}).status_code == 409


@pytest.mark.usefixtures("teller")
def test_a_new_key(api, admin, put, store, clock):
    before = keys.ensure(store, SEALER, clock)
    put(start(1), record(2), end(3))
    answer = admin.call("POST", "/v1/recording-key/rotate").json()
    assert answer == {"recipient": keys.ensure(store, SEALER, clock), "before": before}
    assert answer["recipient"] != before
    (event,) = [each for each in api.events() if each["action"] == "recording.rotate-key"]
    assert (event["actor"], event["details"]) == ("root", answer)
    assert len(lines(admin.call("GET", f"{PATH}/recording"))[0]) == 4
