def listed(device, path="/v1/me/logins"):
    return device.call("GET", path).json()["logins"]


def test_sessions_are_shown_with_all_that_tells_them_apart(api, alice):
    other = api.device("alice")
    found = listed(alice)
    assert [each["current"] for each in found] in ([False, True], [True, False])
    (mine,) = (each for each in found if each["current"])
    assert (mine["method"], mine["factors"], mine["device"], mine["user"]) == (
        "password",
        ["password"],
        "unnamed",
        "alice",
    )
    assert mine["device_id"] != next(each["device_id"] for each in listed(other) if each["current"])


def test_another_session_is_ended_from_here(api, alice):
    other = api.device("alice")
    other.certificate()
    (session,) = (each["id"] for each in listed(other) if each["current"])
    answer = alice.call("DELETE", f"/v1/me/logins/{session}")
    assert answer.json() == {"ended": 1, "revoked": 1}
    assert other.call("GET", "/v1/me").status_code == 401
    assert alice.call("DELETE", f"/v1/me/logins/{session}").status_code == 404
    event = next(each for each in api.events() if each["action"] == "session.end")
    assert (event["target"], event["details"]["user"]) == (session, "alice")


def test_all_others_end_and_this_one_stays(api, alice, admin):
    others = [api.device("alice") for _ in range(2)]
    assert alice.call("DELETE", "/v1/me/logins").json() == {"ended": 2, "revoked": 0}
    assert [each.call("GET", "/v1/me").status_code for each in (alice, *others, admin)] == [
        *(200, 401, 401),
        200,
    ]


def test_an_administrator_ends_anyones(api, alice, admin):
    assert listed(alice)
    (session,) = (each["id"] for each in listed(admin, "/v1/users/Alice/logins"))
    assert admin.call("DELETE", f"/v1/users/alice/logins/{session}").json()["ended"] == 1
    api.device("alice")
    assert admin.call("DELETE", "/v1/users/alice/logins").json()["ended"] == 1
    assert admin.call("DELETE", "/v1/users/root/logins").json()["ended"] == 0
    assert admin.call("GET", "/v1/me").status_code == 200


def test_nobody_ends_anothers(alice, admin):
    (session,) = (each["id"] for each in listed(admin))
    assert alice.call("DELETE", f"/v1/me/logins/{session}").status_code == 404
    assert alice.call("DELETE", f"/v1/users/root/logins/{session}").status_code == 403
