from tests.fixtures.ca_service import Device


def test_logging_out_without_a_certificate(alice):
    assert alice.call("POST", "/v1/logout").json() == {"revoked": 0}


def test_a_token_that_another_device_uses_is_refused_recorded_and_told(api, alice):
    session = alice.call("GET", "/v1/me").json()
    assert session["notices"] == []
    thief = Device(api, token=alice.token)
    for method, path in (("GET", "/v1/me"), ("POST", "/v1/certificates/login")):
        answer = thief.call(method, path)
        assert answer.status_code == 403
        assert answer.json()["error"]["message"] == "the login belongs to another device"
        event = api.events()[-1]
        assert (event["action"], event["actor"], event["outcome"], event["target"]) == (
            *("session.stolen", "alice", "denied"),
            session["session"]["id"],
        )
        assert event["details"]["request"] == f"{method} {path}"
        assert event["details"]["device"] != event["details"]["used_by"]
    (told,) = alice.call("GET", "/v1/me").json()["notices"]
    assert told.startswith("your login token was used on another device, and refused, 2 times")
    other = Device(api)
    assert other.login("alice").json()["notices"] == [told]
