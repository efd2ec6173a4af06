import pytest

from tests.fixtures.chunks import Teller, at, record


@pytest.fixture
def teller(edge) -> Teller:
    made = Teller(edge)
    made.tell(
        record(1, session="s1", type="SESSION_START"),
        record(2, session="s1", status="error"),
        record(3, session="s2", type="SESSION_START", user="bob"),
        record(4, session="s3", type="SESSION_START", service="stock"),
        record(5, session="s3", type="SESSION_END", status="ok"),
    )
    return made


def ids(person, query=""):
    reply = person.call("GET", "/v1/me/database-sessions", query=query).json()
    return [each["id"] for each in reply["sessions"]]


@pytest.mark.usefixtures("teller")
def test_one_sees_ones_own(alice):
    assert ids(alice) == ["s3", "s1"]
    assert ids(alice, "?open=true") == ["s1"]
    assert ids(alice, "?service=stock&status=ok") == ["s3"]
    assert ids(alice, "?errors=true") == ["s1"]
    found = alice.call("GET", "/v1/me/database-sessions/s1").json()
    assert (found["started_at"], found["errors"], found["recording"]) == (at(1), 1, None)


@pytest.mark.usefixtures("teller")
def test_what_is_anothers_is_nobodys_business(api, alice):
    for path in ("s2", "s2/records", "s9"):
        answer = alice.call("GET", f"/v1/me/database-sessions/{path}")
        assert answer.status_code == 404, path
    assert alice.call("POST", "/v1/me/database-sessions/s2/end", {}).status_code == 404
    assert "audit.search" not in {each["action"] for each in api.events()}


@pytest.mark.usefixtures("teller")
def test_what_one_said_oneself(api, alice):
    answer = alice.call("GET", "/v1/me/database-sessions/s1/records", query="?order=oldest").json()
    assert [each["type"] for each in answer["records"]] == ["SESSION_START", "QUERY"]
    failed = alice.call("GET", "/v1/me/database-sessions/s1/records", query="?only=error").json()
    assert failed["records"] == answer["records"][1:]
    (event,) = [each for each in api.events() if each["action"] == "audit.search"]
    assert (event["actor"], event["target"]) == ("alice", "s1")


@pytest.mark.usefixtures("teller")
def test_one_ends_ones_own(api, alice):
    answer = alice.call("POST", "/v1/me/database-sessions/s1/end", {"force": True})
    assert (answer.json()["session"], answer.json()["edge"]) == ("s1", "e1")
    (event,) = [each for each in api.events() if each["action"] == "database-session.end"]
    assert event["actor"] == "alice"
    assert event["details"]["reason"] == "you ended the session"
    assert event["details"]["force"]
    assert alice.call("POST", "/v1/me/database-sessions/s3/end", {}).status_code == 409
