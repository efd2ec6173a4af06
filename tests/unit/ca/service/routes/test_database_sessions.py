import pytest

from tests.fixtures.chunks import Teller, at, record


@pytest.fixture
def teller(edge) -> Teller:
    made = Teller(edge)
    made.tell(
        record(1, session="s1", type="SESSION_START"),
        record(2, session="s1", rows=3),
        record(3, session="s1", type="SESSION_END", reason="the client left"),
        record(4, session="s2", type="SESSION_START", user="bob"),
    )
    return made


def ids(admin, query=""):
    reply = admin.call("GET", f"/v1/database-sessions{query}").json()
    return [each["id"] for each in reply["sessions"]], reply["cursor"]


@pytest.mark.usefixtures("teller")
def test_sessions_those_that_began_last_first(admin):
    assert ids(admin) == (["s2", "s1"], None)
    assert ids(admin, "?user=bob") == (["s2"], None)
    assert ids(admin, "?open=false") == (["s1"], None)
    found, cursor = ids(admin, "?limit=1")
    assert found == ["s2"]
    assert ids(admin, f"?limit=1&cursor={cursor}")[0] == ["s1"]


@pytest.mark.usefixtures("teller")
def test_one_session(admin):
    found = admin.call("GET", "/v1/database-sessions/s1").json()
    assert (found["user"], found["started_at"], found["ended_at"]) == ("alice", at(1), at(3))
    assert (found["statements"], found["rows"], found["end_reason"]) == (1, 3, "the client left")
    assert (found["bytes"], found["rates"]) == (33, None)
    runs = admin.call("GET", "/v1/database-sessions/s2").json()
    assert runs["rates"] == {"statements": 0.0, "rows": 0.0, "bytes": 11.0}
    assert admin.call("GET", "/v1/database-sessions/s1?edge=e2").status_code == 404


@pytest.mark.usefixtures("teller")
def test_other_people_see_none(alice):
    for path in ("", "/s1", "/s1/records"):
        assert alice.call("GET", f"/v1/database-sessions{path}").status_code == 403


@pytest.mark.parametrize("query", ["?limit=0", "?open=x", "?cursor=x", "?since=x", "?status=x"])
def test_bounds_of_a_question(admin, query):
    assert admin.call("GET", f"/v1/database-sessions{query}").status_code == 422


@pytest.mark.usefixtures("teller")
def test_what_was_said_in_a_session(api, admin):
    def said(query=""):
        return admin.call("GET", "/v1/database-sessions/s1/records", query=query).json()

    kinds = [each["type"] for each in said()["records"]]
    assert kinds == ["SESSION_END", "QUERY", "SESSION_START"]
    page = said("?order=oldest&limit=1")
    assert [each["type"] for each in page["records"]] == ["SESSION_START"]
    following = said(f"?order=oldest&limit=1&cursor={page['cursor']}")
    assert [each["text"] for each in following["records"]] == ["select 2"]
    assert said("?contains=ELECT%202")["records"] == following["records"]
    assert said("?only=denied") == {"records": [], "cursor": None, "lost": 0}
    (event,) = [each for each in api.events() if each["action"] == "audit.search"]
    assert (event["target"], event["details"]["edge"]) == ("s1", "e1")


@pytest.mark.usefixtures("teller")
def test_bounds_of_what_was_said(admin):
    for query in ("?limit=0", "?only=x", "?order=x", "?contains=", "?cursor=x"):
        answer = admin.call("GET", "/v1/database-sessions/s1/records", query=query)
        assert answer.status_code == 422, query
    assert admin.call("GET", "/v1/database-sessions/s9/records").status_code == 404
