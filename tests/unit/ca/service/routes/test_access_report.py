"""The report's route."""

from datetime import timedelta

import pytest

from pgward.core.clock import rfc3339

ROUTE = "/v1/access/report"


def test_auditors_see_who_can_reach_what(access, who):
    granted = access.granted()
    access.add("otto", "auditors")
    answer = who("otto").call("GET", f"{ROUTE}?user=ann&path=grant")
    assert answer.status_code == 200, answer.text
    now = access.clock.now()
    assert answer.json() == {
        "at": rfc3339(now),
        "rights": [
            {
                "path": "grant",
                "user": "ann",
                "group": None,
                "members": None,
                "service": "shop",
                "integration": "shop-db",
                "host": None,
                "role": "ann",
                "by": "AccessFlow/oncall",
                "since": rfc3339(granted.granted_at),
                "until": rfc3339(now + timedelta(hours=1)),
                "last_used": None,
                "unused": None,
                "blocked": False,
                "flagged": None,
            }
        ],
        "after": None,
    }


@pytest.mark.usefixtures("access")
def test_pages(who):
    first = who("adam").call("GET", f"{ROUTE}?limit=1").json()
    second = who("adam").call("GET", f"{ROUTE}?limit=1&after={first['after']}").json()
    found = [each["path"] for page in (first, second) for each in page["rights"]]
    assert found == ["break-glass", "flow"]


def test_not_for_others(who):
    assert who("ann").call("GET", ROUTE).status_code == 403


def test_a_person_who_is_not_there(who):
    answer = who("adam").call("GET", f"{ROUTE}?user=eve")
    assert answer.json()["error"]["message"] == "there is no user 'eve'"
