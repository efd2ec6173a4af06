import pytest


@pytest.mark.parametrize(
    "query", ["after=-1", "limit=0", "limit=1001", "after=x", "actor=" + "a" * 201]
)
def test_bounds_of_a_question(admin, query):
    answer = admin.call("GET", f"/v1/audit?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["path"] == query.partition("=")[0]


def test_an_event_tells_who_what_when_and_from_where(api, admin):
    admin.call("POST", "/v1/users", {"name": "alice"})
    (event,) = admin.call("GET", "/v1/audit?action=user.add&actor=root").json()["events"]
    assert event | {"id": "-"} == {
        "id": "-",
        "seq": len(api.events()),
        "source": "ca",
        "time": "2026-11-21T12:00:00.000Z",
        "actor": "root",
        "action": "user.add",
        "outcome": "ok",
        "target": "alice",
        "reason": None,
        "client": "testclient",
        "details": {"groups": []},
    }
