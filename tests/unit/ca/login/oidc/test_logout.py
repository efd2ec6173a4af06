"""Back-channel logout, as the provider sees it."""

from unittest.mock import Mock

import pytest

from pgward.ca.login.oidc import ending
from pgward.ca.login.oidc.logout_token import EVENT
from pgward.core.errors import UnavailableError
from tests.fixtures.lying_provider import CLIENT, ISSUER

PATH = "/v1/login/oidc/corp/backchannel-logout"


@pytest.fixture
def world(oidc_world):
    oidc_world.add(createUsers=True)
    return oidc_world


def token(world, **claims) -> str:
    now = int(world.api.clock.now().timestamp())
    told = {"iss": ISSUER, "aud": CLIENT, "iat": now, "jti": "j", "events": {EVENT: {}}}
    told |= {"sub": "s-1"} | claims
    return world.provider.sign(
        {name: value for name, value in told.items() if value is not None}, typ="logout+jwt"
    )


def post(world, token_: str, path: str = PATH, **headers):
    return world.api.client.post(path, data={"logout_token": token_}, headers=headers)


def test_all_logins_of_a_person_end(world):
    devices = [world.logged_in(), world.logged_in()]
    answer = post(world, token(world))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert [each.call("GET", "/v1/me").status_code for each in devices] == [401, 401]
    event = world.event("session.end")
    assert event["details"]["reason"] == "the identity provider ended the login"


def test_one_login_of_a_person_ends(world):
    world.provider.claims = {"sid": "x"}
    one = world.logged_in()
    world.provider.claims = {"sid": "y"}
    two = world.logged_in()
    assert post(world, token(world, sid="x")).status_code == 200
    assert one.call("GET", "/v1/me").status_code == 401
    assert two.call("GET", "/v1/me").status_code == 200


def test_somebody_who_is_not_logged_in_is_fine(world):
    assert post(world, token(world, sub="s-9")).status_code == 200


def test_a_token_is_not_used_up_by_a_logout_that_failed(world, monkeypatch):
    device, said = world.logged_in(), token(world)
    with monkeypatch.context() as patch:
        patch.setattr(ending, "end", Mock(side_effect=UnavailableError("the disk is full")))
        assert post(world, said).status_code == 503
    assert device.call("GET", "/v1/me").status_code == 200
    assert post(world, said).status_code == 200
    assert device.call("GET", "/v1/me").status_code == 401


def test_a_token_works_once(world):
    said = token(world)
    assert post(world, said).status_code == 200
    device = world.logged_in()
    again = post(world, said)
    assert again.status_code == 400
    assert again.json()["error"] == "invalid_request"
    assert "was used before" in again.json()["error_description"]
    assert device.call("GET", "/v1/me").status_code == 200


LIES = [
    {"iss": "https://evil.test"},
    {"aud": "other"},
    {"events": {}},
    {"nonce": "n"},
    {"iat": 1},
    {"jti": None},
    {"sub": None},
]


def test_a_lie_ends_nothing(world):
    device = world.logged_in()
    assert [post(world, token(world, **lie)).status_code for lie in LIES] == [400] * len(LIES)
    assert device.call("GET", "/v1/me").status_code == 200


def test_an_id_token_is_no_logout_token(world):
    device = world.logged_in()
    assert post(world, world.provider.id_token()).status_code == 400
    assert device.call("GET", "/v1/me").status_code == 200


def test_what_is_no_form_is_refused(world):
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for body in (b"", b"logout_token=a&logout_token=b", b"other=x", b"\xff"):
        assert world.api.client.post(PATH, content=body, headers=headers).status_code == 400


def test_json_is_refused(world):
    answer = world.api.client.post(PATH, json={"logout_token": token(world)})
    assert answer.status_code == 400


def test_a_provider_that_is_not_there(world):
    other = "/v1/login/oidc/other/backchannel-logout"
    assert post(world, token(world), other).status_code == 404
