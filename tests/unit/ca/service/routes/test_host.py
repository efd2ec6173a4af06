from concurrent.futures import ThreadPoolExecutor

import pytest

from pgward.ca.service.events import MAX_EVENTS
from pgward.ca.service.standings import MOST_ASKED


@pytest.fixture
def host(api, admin):
    return api.machine(admin, "host", "db1", dns=["db1.test"])


def news(host, **fields):
    query = "&".join(f"{name}={value}" for name, value in fields.items())
    answer = host.call("GET", "/v1/host/news", query=f"?{query}")
    return answer.json() if answer.status_code == 200 else answer.status_code


@pytest.mark.parametrize("fields", ["wait=31", "wait=-1", "after=-1", "tag=x", "wait=nan"])
def test_bounds_of_a_poll(host, fields):
    assert host.call("GET", f"/v1/host/news?{fields}").status_code == 422


def test_what_is_known_is_not_told_again(host):
    first = news(host)
    assert set(first["parts"]) == {"crls", "trust", "orders", "endings", "roles"}
    assert news(host, after=first["version"], tag=first["tag"]) == 204


def test_who_waits_hears_of_a_revocation_at_once(host, admin, alice):
    alice.certificate()
    first = news(host)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(news, host, after=first["version"], tag=first["tag"], wait=20)
        admin.call("POST", "/v1/users/alice/block", {"reason": "left"})
        later = waiting.result(10)
    assert later["parts"]["endings"] > first["parts"]["endings"]
    assert later["version"] > first["version"]


def test_who_asks_is_seen(admin, host):
    news(host)
    (found,) = admin.call("GET", "/v1/hosts").json()["hosts"]
    assert found["last_seen_at"] is not None


def test_standings_are_of_what_is_known_here(host, alice):
    serial = alice.certificate()["serial"]
    began = "2026-11-21T12:00:00.123456Z"
    sessions = [{"person": name, "began": began} for name in ("alice", "bob")]
    body = {"serials": [serial, "ff"], "sessions": sessions}
    answer = host.call("POST", "/v1/host/standings", body).json()
    (certificate,) = answer["certificates"]
    assert (certificate["serial"], certificate["over"]) == (serial, None)
    assert answer["sessions"] == [None, None]


@pytest.mark.parametrize(
    "body",
    [
        {"serials": ["FF"]},
        {"serials": ["f" * 41]},
        {"serials": ["f"] * (MOST_ASKED + 1)},
        {"sessions": [{"person": "", "began": "2026-11-21T12:00:00Z"}]},
        {"sessions": [{"person": "a" * 129, "began": "2026-11-21T12:00:00Z"}]},
        {"sessions": [{"person": "a\0", "began": "2026-11-21T12:00:00Z"}]},
        {"sessions": [{"person": "a", "began": 5}]},
        {"sessions": [{"person": "a"}]},
        {"other": 1},
    ],
)
def test_bounds_of_what_is_asked(host, body):
    assert host.call("POST", "/v1/host/standings", body).status_code == 422


def test_a_batch_of_events_has_bounds_larger_than_other_bodies(host):
    event = {"id": "x", "padding": "x" * 200}
    full = host.call("POST", "/v1/host/events", {"events": [event] * MAX_EVENTS})
    assert (full.status_code, len(full.json()["refused"])) == (200, MAX_EVENTS)
    more = host.call("POST", "/v1/host/events", {"events": [event] * (MAX_EVENTS + 1)})
    assert more.status_code == 422


def test_an_edge_is_no_host(edge):
    assert edge.call("GET", "/v1/host/news").status_code == 403
    assert edge.call("POST", "/v1/host/events", {"events": []}).status_code == 403
