import pytest


def test_a_token_tells_when_it_expires_and_is_recorded_without_itself(api, admin):
    body = {"kind": "edge", "name": "e1", "dns": ["e1.x"], "ttl_seconds": 120}
    answer = admin.call("POST", "/v1/tokens", body)
    assert (answer.status_code, answer.json()["expires_at"]) == (201, "2026-11-21T12:02:00Z")
    assert api.events()[-1]["details"] == {
        "dns": ["e1.x"],
        "ips": [],
        "expires_at": "2026-11-21T12:02:00Z",
    }


@pytest.mark.parametrize(
    "change",
    [{"ttl_seconds": 59}, {"ttl_seconds": 10**6}, {"kind": "person"}, {"dns": ["a b"]}, {"x": 1}],
)
def test_tokens_that_make_no_sense(admin, change):
    answer = admin.call("POST", "/v1/tokens", {"kind": "edge", "name": "e1"} | change)
    assert answer.status_code == 422
