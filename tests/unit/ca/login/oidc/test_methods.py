"""Logging in through the API: what a client sees, what the store keeps, what is put on record."""

import pytest

from pgward.ca.limiting.buckets import Buckets, Rate
from pgward.pki import proof
from tests.fixtures.ca_service import Device
from tests.fixtures.lying_provider import ISSUER, REDIRECT

RULES = {"createUsers": True, "groupsClaim": "groups"}


def test_the_ways_to_log_in_name_each_provider(oidc_world):
    oidc_world.add()
    oidc_world.add("other", redirectPorts=[8400], deviceCode=False)
    found = oidc_world.api.call("GET", "/v1/login").json()["methods"]
    assert [(each["method"], each["provider"], each["redirect_ports"]) for each in found] == [
        ("oidc", "corp", []),
        ("oidc", "other", [8400]),
        ("oidc-device", "corp", []),
        ("password", None, []),
    ]


def test_codes_that_are_not_offered_are_refused_too(oidc_world):
    """Who phishes with codes chooses the client, and asks for what is not listed."""
    oidc_world.add(deviceCode=False)
    answer = Device(oidc_world.api).call("POST", "/v1/login", {"method": "oidc-device"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        403,
        "corp lets nobody in with a code",
    )
    assert oidc_world.event("session.start")["outcome"] == "denied"


def test_a_code_from_before_they_were_turned_off_is_refused(oidc_world):
    oidc_world.add(**RULES)
    device = Device(oidc_world.api)
    asked = device.call("POST", "/v1/login", {"method": "oidc-device"}).json()
    found = oidc_world.admin.call("GET", "/v1/resources/identityprovider/corp").json()["resource"]
    found["spec"]["deviceCode"] = False
    path = "/v1/resources/identityprovider/corp"
    assert oidc_world.admin.call("PUT", path, found).status_code == 200
    oidc_world.api.clock.move(minutes=1)
    body = {"flow": asked["flow"], "answer": {"poll": True}}
    error = device.call("POST", "/v1/login/continue", body).json()["error"]
    assert error["message"] == "corp lets nobody in with a code"


def test_a_person_logs_in_with_a_browser(oidc_world):
    oidc_world.add(**RULES)
    oidc_world.provider.claims = {"groups": ["dba"], "name": "Ann", "sid": "x"}
    device, done = oidc_world.login()
    assert done.json()["status"] == "done"
    assert done.json()["user"] == {
        "name": "ann",
        "full_name": "Ann",
        "groups": ["dba"],
        "administrator": False,
    }
    assert oidc_world.renew(device).status_code == 200
    event = oidc_world.event("session.start")
    assert (event["actor"], event["outcome"]) == ("ann", "ok")
    assert event["details"] == {
        "method": "oidc",
        "provider": "corp",
        "factors": ["oidc"],
        "device": proof.thumbprint(device.key.public_key()),
        "expires_at": "2026-11-22T00:00:00Z",
        "subject": "s-1",
        "created": "ann",
        "groups_added": ["dba"],
    }


def test_nothing_secret_is_shown_or_put_on_record(oidc_world):
    oidc_world.add(secret="client-secret", **RULES)
    oidc_world.provider.reply = {"refresh_token": "refresh-secret", "access_token": "access-secret"}
    device = Device(oidc_world.api)
    begun = device.call("POST", "/v1/login", {"method": "oidc", "redirect_uri": REDIRECT})
    _, done = oidc_world.login(device)
    everything = begun.text + done.text + str(oidc_world.api.events())
    for secret in ("client-secret", "refresh-secret", "access-secret", "code-of-the-browser"):
        assert secret not in everything


@pytest.mark.parametrize(
    ("brought", "status", "why"),
    [
        ({"state": "x"}, 403, "from another login"),
        ({"iss": "https://evil.test"}, 403, "from another identity provider"),
        ({"error": "access_denied"}, 403, "the identity provider refused: access_denied"),
        ({"session_state": "keycloak adds this"}, 200, None),
    ],
)
def test_what_the_browser_brings_is_judged(oidc_world, brought, status, why):
    oidc_world.add(**RULES)
    _, done = oidc_world.login(**brought)
    assert done.status_code == status
    if why is not None:
        assert why in done.json()["error"]["message"]
        event = oidc_world.event("session.start")
        assert (event["actor"], event["outcome"]) == ("unknown", "denied")
        assert event["details"] == {"method": "oidc", "provider": "corp"}


def test_a_flow_belongs_to_its_device_and_works_once(oidc_world):
    oidc_world.add(**RULES)
    device = Device(oidc_world.api)
    begun = device.call("POST", "/v1/login", {"method": "oidc", "redirect_uri": REDIRECT}).json()
    brought = oidc_world.provider.visit(begun["ask"]["facts"]["url"])
    body = {"flow": begun["flow"], "answer": brought}
    stranger = Device(oidc_world.api).call("POST", "/v1/login/continue", body)
    assert "begun by another device" in stranger.json()["error"]["message"]
    assert device.call("POST", "/v1/login/continue", body).status_code == 200
    again = device.call("POST", "/v1/login/continue", body)
    assert "was completed already" in again.json()["error"]["message"]


def test_the_state_of_one_login_is_of_no_use_in_another(oidc_world):
    oidc_world.add(**RULES)
    device = Device(oidc_world.api)
    request = {"method": "oidc", "redirect_uri": REDIRECT}
    one, two = (device.call("POST", "/v1/login", request).json() for _ in range(2))
    brought = oidc_world.provider.visit(one["ask"]["facts"]["url"])
    mixed = device.call("POST", "/v1/login/continue", {"flow": two["flow"], "answer": brought})
    assert "from another login" in mixed.json()["error"]["message"]


def test_wrong_answers_do_not_reach_the_provider_for_ever(oidc_world):
    oidc_world.add(**RULES)
    method = oidc_world.api.client.app.state.context.logins.methods.get("oidc")
    method._wrong = Buckets(Rate(per_second=0.001, burst=2))
    device, done = oidc_world.login()
    assert done.status_code == 200
    wrong = [oidc_world.login(error="access_denied")[1].status_code for _ in range(4)]
    assert wrong == [403, 403, 429, 429]
    assert oidc_world.renew(device).status_code == 200


@pytest.mark.parametrize(
    ("request_", "status", "why"),
    [
        ({"method": "oidc"}, 422, "redirect_uri is not an address on loopback"),
        ({"method": "oidc", "redirect_uri": "https://evil.test"}, 422, "not an address on"),
        ({"method": "oidc", "provider": "none", "redirect_uri": REDIRECT}, 404, "no OpenID"),
    ],
)
def test_what_cannot_be_begun(oidc_world, request_, status, why):
    oidc_world.add()
    answer = Device(oidc_world.api).call("POST", "/v1/login", request_)
    assert (answer.status_code, why in answer.json()["error"]["message"]) == (status, True)


def test_several_providers_must_be_told_apart(oidc_world):
    oidc_world.add("one")
    oidc_world.add("two")
    body = {"method": "oidc", "redirect_uri": REDIRECT}
    answer = Device(oidc_world.api).call("POST", "/v1/login", body)
    assert answer.json()["error"]["hint"] == "name one: one, two"


def test_a_provider_that_is_away_is_told_as_such(oidc_world):
    oidc_world.add()
    oidc_world.api.clock.move(days=2)
    oidc_world.provider.away = True
    body = {"method": "oidc", "redirect_uri": REDIRECT}
    answer = Device(oidc_world.api).call("POST", "/v1/login", body)
    assert answer.status_code == 503
    assert "cannot be reached" in answer.json()["error"]["message"]


def test_a_blocked_person_is_refused_whatever_the_provider_says(oidc_world):
    oidc_world.add(**RULES)
    oidc_world.logged_in()
    oidc_world.admin.call("POST", "/v1/users/ann/block", {"reason": "left"})
    _, done = oidc_world.login()
    assert done.status_code == 403


def polls(world) -> int:
    return len([form for url, form in world.provider.asked if "device_code" in form])


def test_a_person_logs_in_with_a_code(oidc_world):
    oidc_world.add(**RULES)
    device = Device(oidc_world.api)
    asked = device.call("POST", "/v1/login", {"method": "oidc-device"}).json()
    assert asked["ask"] == {
        "kind": "device_code",
        "facts": {
            "user_code": "ABCD-EFGH",
            "verification_uri": f"{ISSUER}/device",
            "verification_uri_complete": f"{ISSUER}/device?user_code=ABCD-EFGH",
            "interval": 5,
            "expires_in": 600,
        },
    }
    oidc_world.provider.refuses = {"error": "authorization_pending"}
    oidc_world.api.clock.move(seconds=5)
    asked = device.call("POST", "/v1/login/continue", {"flow": asked["flow"], "answer": {}}).json()
    assert asked["ask"]["facts"]["expires_in"] == 595
    oidc_world.provider.refuses = None
    oidc_world.api.clock.move(seconds=5)
    done = device.call("POST", "/v1/login/continue", {"flow": asked["flow"], "answer": {}})
    assert done.json()["user"]["name"] == "ann"
    assert oidc_world.event("session.start")["details"]["method"] == "oidc-device"


def test_a_client_in_a_hurry_does_not_make_us_hammer_the_provider(oidc_world):
    oidc_world.add(**RULES)
    device = Device(oidc_world.api)
    first = device.call("POST", "/v1/login", {"method": "oidc-device"}).json()
    oidc_world.provider.refuses = {"error": "authorization_pending"}
    for _ in range(20):  # the first flow, again and again
        body = {"flow": first["flow"], "answer": {}}
        assert device.call("POST", "/v1/login/continue", body).json()["status"] == "continue"
    assert polls(oidc_world) == 0
    oidc_world.api.clock.move(seconds=5)
    for _ in range(20):
        device.call("POST", "/v1/login/continue", {"flow": first["flow"], "answer": {}})
    assert polls(oidc_world) == 1


def test_codes_are_not_asked_for_without_end(oidc_world):
    oidc_world.add(**RULES)
    begin = ("POST", "/v1/login", {"method": "oidc-device"})
    answers = [Device(oidc_world.api).call(*begin).status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]
    oidc_world.api.clock.move(seconds=6)
    assert Device(oidc_world.api).call(*begin).status_code == 200


def test_a_provider_may_ask_for_patience(oidc_world):
    oidc_world.add(**RULES)
    device = Device(oidc_world.api)
    asked = device.call("POST", "/v1/login", {"method": "oidc-device"}).json()
    oidc_world.provider.refuses = {"error": "slow_down"}
    oidc_world.api.clock.move(seconds=5)
    asked = device.call("POST", "/v1/login/continue", {"flow": asked["flow"], "answer": {}}).json()
    assert asked["ask"]["facts"]["interval"] == 10


@pytest.mark.parametrize(
    ("error", "why"),
    [
        ("access_denied", "the identity provider refused: access_denied"),
        ("expired_token", "the code has expired"),
    ],
)
def test_a_code_that_leads_nowhere(oidc_world, error, why):
    oidc_world.add(**RULES)
    device = Device(oidc_world.api)
    asked = device.call("POST", "/v1/login", {"method": "oidc-device"}).json()
    oidc_world.provider.refuses = {"error": error}
    oidc_world.api.clock.move(seconds=5)
    done = device.call("POST", "/v1/login/continue", {"flow": asked["flow"], "answer": {}})
    assert done.status_code == 403
    assert why in done.json()["error"]["message"]


STRICT = {
    "kind": "LoginRule",
    "metadata": {"name": "strict"},
    "spec": {"appliesTo": {"users": ["ann"]}, "secondFactor": "required"},
}
SECOND = {"secondFactor": {"amr": ["mfa", "otp"]}}


def require_second_factor(world):
    answer = world.admin.call("PUT", "/v1/resources/loginrule/strict", STRICT)
    assert answer.status_code == 200, answer.text


def test_a_second_factor_at_the_provider_is_not_asked_for_here_again(oidc_world):
    oidc_world.add(**RULES, **SECOND)
    require_second_factor(oidc_world)
    oidc_world.provider.claims = {"amr": ["pwd", "otp"]}
    device = oidc_world.logged_in()
    details = oidc_world.event("session.start")["details"]
    assert (details["factors"], details["second_factor"]) == (["oidc", "mfa"], "amr=otp")
    assert oidc_world.renew(device).status_code == 200


def test_a_device_code_may_have_one_too(oidc_world):
    oidc_world.add(**RULES, **SECOND)
    require_second_factor(oidc_world)
    oidc_world.provider.claims = {"amr": ["mfa"]}
    device = Device(oidc_world.api)
    asked = device.call("POST", "/v1/login", {"method": "oidc-device"}).json()
    oidc_world.api.clock.move(seconds=5)
    done = device.call("POST", "/v1/login/continue", {"flow": asked["flow"], "answer": {}})
    assert done.json()["status"] == "done"


@pytest.mark.parametrize(
    ("spec", "claims"),
    [
        ({}, {"amr": ["mfa"]}),  # off, unless an administrator says what counts
        (SECOND, {"amr": ["pwd"]}),
        (SECOND, {"amr": "mfa"}),
        (SECOND, {"amr": [["mfa"]]}),
        (SECOND, {"amr": None}),  # userinfo says it, which nobody signed
    ],
)
def test_what_is_no_second_factor_at_the_provider_is_asked_for_here(oidc_world, spec, claims):
    oidc_world.add(**RULES, **spec)
    require_second_factor(oidc_world)
    oidc_world.provider.document |= {"userinfo_endpoint": f"{ISSUER}/me"}
    oidc_world.provider.userinfo = {"sub": "s-1", "amr": ["mfa"], "groups": ["dba"]}
    oidc_world.provider.claims = claims
    _, done = oidc_world.login()
    assert done.json()["ask"]["kind"] == "totp_enroll"


def test_a_rule_that_comes_later_ends_logins_without_one(oidc_world):
    oidc_world.add(**RULES, **SECOND)
    device = oidc_world.logged_in()
    require_second_factor(oidc_world)
    refused = oidc_world.renew(device)
    assert "require a second factor now" in refused.json()["error"]["message"]
