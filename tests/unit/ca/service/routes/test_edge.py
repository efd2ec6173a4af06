import pytest

from pgward.audit.events import AuditEvent
from pgward.ca.service.events import MAX_EVENTS
from pgward.pki import jws
from pgward.pki.snapshot import MAX_BYTES, TYPE
from pgward.pki.snapshot_parts import NO_TAG
from pgward.tunnel.edge.parts import PartBook


@pytest.mark.parametrize(
    "query", ["wait=31", "wait=-1", "after=-1", "after=x", "wait=nan", "tag=x"]
)
def test_bounds_of_a_poll(edge, query):
    assert edge.call("GET", f"/v1/edge/snapshot?{query}").status_code == 422


def test_a_snapshot_comes_in_parts_where_the_edge_says_so(api, edge):
    whole = edge.call("GET", "/v1/edge/snapshot").json()
    assert set(whole) == {"snapshot", "parts"}
    assert whole["parts"] == {}
    assert "services" in jws.parse(whole["snapshot"], typ=TYPE, max_bytes=MAX_BYTES).payload

    def ask(after, tag):
        return edge.call("GET", f"/v1/edge/snapshot?after={after}&tag={tag}")

    told = ask(0, NO_TAG).json()
    listed = jws.parse(told["snapshot"], typ=TYPE, max_bytes=MAX_BYTES).payload
    assert {each for part in listed["parts"].values() for each in part.values()} == set(
        told["parts"]
    )
    state = PartBook().load(listed, told["parts"])
    assert state.version == listed["version"] == api.store.version()
    assert ask(listed["version"], listed["tag"]).status_code == 204
    with api.store.write() as transaction:
        transaction.granted()
    again = ask(listed["version"], listed["tag"]).json()
    newer = jws.parse(again["snapshot"], typ=TYPE, max_bytes=MAX_BYTES).payload
    assert (newer["tag"], again["parts"]) == (listed["tag"], {})
    assert newer["version"] > listed["version"]


def test_a_batch_has_bounds_larger_than_other_bodies(edge):
    event = {"id": "x", "padding": "x" * 200}
    full = edge.call("POST", "/v1/edge/events", {"events": [event] * MAX_EVENTS})
    assert (full.status_code, len(full.json()["refused"])) == (200, MAX_EVENTS)
    more = edge.call("POST", "/v1/edge/events", {"events": [event] * (MAX_EVENTS + 1)})
    assert more.status_code == 422
    huge = edge.call("POST", "/v1/edge/events", {"events": ["x" * 1_100_000]})
    assert huge.status_code == 413


def test_an_edge_asks_about_certificates_also_after_they_expired(api, edge, alice):
    serial = alice.certificate()["serial"]
    api.clock.move(hours=2)
    body = {"serials": [serial, "ff"]}

    def over():
        (told,) = edge.call("POST", "/v1/edge/standings", body).json()["certificates"]
        assert told["serial"] == serial
        return told["over"]

    assert over() is None
    alice.call("POST", "/v1/logout")
    assert over() == "the login session was ended"


def test_events_that_are_no_events_are_refused_one_by_one(edge):
    body = {"events": [None, 5, [], {"id": "x"}]}
    answer = edge.call("POST", "/v1/edge/events", body).json()
    assert answer["accepted"] == []
    assert [each["index"] for each in answer["refused"]] == [0, 1, 2, 3]


@pytest.mark.parametrize("action", ["session.start", "user.block", "certificate.issue"])
def test_an_edge_cannot_tell_of_what_the_ca_did(api, edge, action):
    event = AuditEvent.make(time=api.clock.now(), actor="admin", action=action).to_json()
    answer = edge.call("POST", "/v1/edge/events", {"events": [event]}).json()
    assert answer["accepted"] == []
    assert answer["refused"] == [{"index": 0, "message": f"an edge does not see {action!r}"}]
    assert event["id"] not in [each["id"] for each in api.events()]
