from tests.fixtures.ca_service import PASSWORD, Device

BODY = {"name": "carol", "password": "a battery staple"}


def log_in(api, password, device=None):
    device = device or Device(api)
    body = {"method": "password", "user": "carol", "password": password}
    return device, device.call("POST", "/v1/login", body).json()


def test_a_password_that_an_administrator_sets_can_have_to_be_changed(api, admin):
    admin.call("POST", "/v1/users", BODY | {"must_change_password": True})
    device, reply = log_in(api, BODY["password"])
    assert reply["ask"]["kind"] == "new_password"
    api.clock.move(seconds=1)
    answer = {"flow": reply["flow"], "answer": {"password": "the battery of a staple"}}
    assert device.call("POST", "/v1/login/continue", answer).json()["status"] == "done"
    assert log_in(api, BODY["password"])[1]["error"]["code"] == "denied"
    assert log_in(api, "the battery of a staple")[1]["status"] == "done"


def test_a_password_set_anew_too(api, admin):
    admin.call("POST", "/v1/users", BODY)
    assert log_in(api, BODY["password"])[1]["status"] == "done"
    api.clock.move(seconds=1)
    body = {"password": PASSWORD, "must_change": True}
    assert admin.call("POST", "/v1/users/carol/password", body).status_code == 200
    assert log_in(api, PASSWORD)[1]["ask"]["kind"] == "new_password"


def test_names_are_no_passwords(admin, alice):
    for answer in (
        admin.call("POST", "/v1/users", {"name": "dave", "password": "dave the great"}),
        admin.call("POST", "/v1/users/alice/password", {"password": "alice the great"}),
        alice.call("POST", "/v1/me/password", {"old": PASSWORD, "new": "alice the great"}),
    ):
        assert answer.status_code == 422
        assert "a part of your name" in answer.json()["error"]["message"]
