import pytest

from tests.fixtures.authority import START


@pytest.fixture
def otto(api, admin):
    admin.call("POST", "/v1/users", {"name": "alice"})
    admin.call("POST", "/v1/users", {"name": "alice"})  # which fails
    api.add("otto", "auditors")
    return api.device("otto")


def get(who, path):
    answer = who.call("GET", f"/v1/audit/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_auditor_finds_events_the_newest_first(otto):
    found = get(otto, "events?action=user.*&contains=ALICE")
    shown = [(each["action"], each["outcome"]) for each in found["events"]]
    assert (shown, found["cursor"]) == ([("user.add", "failed"), ("user.add", "ok")], None)


def test_a_cursor_leads_on(otto):
    first = get(otto, "events?action=user.add&limit=1")
    rest = get(otto, f"events?action=user.add&cursor={first['cursor']}")
    assert [each["outcome"] for each in first["events"] + rest["events"]] == ["failed", "ok"]


def test_values_are_counted(otto):
    found = get(otto, "events/facets?action=user.add")
    assert found == {
        "counted": 2,
        "all": True,
        "values": {
            "action": [["user.add", 2]],
            "actor": [["root", 2]],
            "outcome": [["failed", 1], ["ok", 1]],
            "source": [["ca", 2]],
        },
    }


def test_an_event_is_shown_by_its_number(otto):
    (newest,) = get(otto, "events?limit=1")["events"]
    assert get(otto, f"events/{newest['seq']}") == newest
    answer = otto.call("GET", "/v1/audit/events/999999")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_what_happened_is_counted_by_hours(otto):
    before, now = get(otto, "numbers?number=2")["numbers"]
    assert (before["at"], before["logins"]) == ("2026-11-21T11:00:00Z", 0)
    assert now == {
        "at": f"{START:%Y-%m-%dT%H}:00:00Z",
        "logins": 2,
        "failed_logins": 0,
        "sessions": 0,
        "statements": 0,
        "errors": 0,
        "denials": 0,
    }
    assert len(get(otto, "numbers?by=day&number=3")["numbers"]) == 3


@pytest.mark.parametrize(
    "query",
    [
        "events?limit=0",
        "events?since=yesterday",
        "events?outcome=fine",
        "events?cursor=x",
        "events?contains=",
        "events?actor=%00",
        "numbers?by=week",
        "numbers?number=401",
    ],
)
def test_bounds_of_a_question(admin, query):
    answer = admin.call(
        "GET", f"/v1/audit/{query.partition('?')[0]}", query=f"?{query.partition('?')[2]}"
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


@pytest.mark.parametrize("path", ["events", "events/1", "events/facets", "numbers"])
def test_other_people_read_nothing(alice, path):
    answer = alice.call("GET", f"/v1/audit/{path}")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        403,
        "only an auditor may do this",
    )
