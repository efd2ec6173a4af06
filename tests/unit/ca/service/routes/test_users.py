from tests.fixtures.ca_service import PASSWORD, Device


def test_an_administrator_who_sets_the_own_password_stays_logged_in(api, admin):
    other = api.device("root")
    answer = admin.call("POST", "/v1/users/root/password", {"password": "another good one"})
    assert answer.json() == {"revoked": 0}
    assert admin.call("GET", "/v1/me").status_code == 200
    assert other.call("GET", "/v1/me").status_code == 401


def test_a_set_password_ends_the_persons_sessions(admin, alice):
    alice.certificate()
    answer = admin.call("POST", "/v1/users/ALICE/password", {"password": "another good one"})
    assert answer.json() == {"revoked": 1}
    assert alice.call("GET", "/v1/me").status_code == 401


def test_a_person_without_a_password_gets_one_later(api, admin):
    admin.call("POST", "/v1/users", {"name": "bob"})
    assert Device(api).login("bob").status_code == 403
    admin.call("POST", "/v1/users/bob/password", {"password": PASSWORD})
    assert Device(api).login("bob").status_code == 200


def test_a_reserved_name_is_refused_and_recorded(admin):
    answer = admin.call("POST", "/v1/users", {"name": "Unknown"})
    assert (answer.status_code, answer.json()["error"]["hint"]) == (422, "choose another name")
    events = admin.call("GET", "/v1/audit?action=user.add").json()["events"]
    assert (events[-1]["actor"], events[-1]["outcome"]) == ("root", "failed")


def test_what_is_left_out_of_a_change_stays(admin):
    admin.call("POST", "/v1/users", {"name": "bob", "email": "b@x", "groups": ["dba"]})
    user = admin.call("PATCH", "/v1/users/bob", {"full_name": "Bob"}).json()["user"]
    assert (user["full_name"], user["email"], user["groups"]) == ("Bob", "b@x", ["dba"])


def test_people_who_are_not_there(admin):
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {}),
        ("DELETE", "", None),
        ("POST", "/block", {}),
        ("POST", "/unblock", None),
        ("POST", "/password", {"password": PASSWORD}),
    ):
        answer = admin.call(method, f"/v1/users/nobody{path}", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_password_may_have_to_be_changed_at_the_next_login(api, admin):
    body = {"name": "dora", "password": PASSWORD, "must_change_password": True}
    assert admin.call("POST", "/v1/users", body).status_code == 201
    device = Device(api)
    asked = device.login("dora").json()
    assert (asked["status"], asked["ask"]["kind"]) == ("continue", "new_password")
    answer = {"flow": asked["flow"], "answer": {"password": "another good one"}}
    api.clock.move(seconds=1)
    assert device.call("POST", "/v1/login/continue", answer).json()["status"] == "done"
    assert device.call("POST", "/v1/login/continue", answer).status_code == 403
    assert Device(api).login("dora", "another good one").json()["status"] == "done"
    body = {"password": PASSWORD, "must_change": True}
    assert admin.call("POST", "/v1/users/dora/password", body).status_code == 200
    assert Device(api).login("dora").json()["ask"]["kind"] == "new_password"


def test_the_last_administrator_does_not_end(admin):
    for dates in ({"valid_until": "2199-01-01T00:00:00Z"}, {"valid_from": "2199-01-01T00:00:00Z"}):
        answer = admin.call("PATCH", "/v1/users/root", dates)
        assert answer.status_code == 409
    dates = {"valid_from": "2199-01-01T00:00:00Z", "valid_until": "2198-01-01T00:00:00Z"}
    assert admin.call("PATCH", "/v1/users/root", dates).status_code == 422
    assert admin.call("GET", "/v1/me").status_code == 200


def test_rules_hold_for_passwords_that_others_set_and_for_ones_own(admin, alice):
    spec = {"appliesTo": {"groups": ["dba"]}, "password": {"minLength": 20}}
    rule = {"kind": "LoginRule", "metadata": {"name": "r1"}, "spec": spec}
    assert admin.call("PUT", "/v1/resources/LoginRule/r1", rule).status_code == 200
    short = {"password": "nineteen letters at"}
    new = {"name": "erin", "groups": ["dba"]} | short
    assert admin.call("POST", "/v1/users", new).status_code == 422
    assert admin.call("POST", "/v1/users", new | {"groups": []}).status_code == 201
    assert admin.call("POST", "/v1/users/alice/password", short).status_code == 422
    own = {"old": PASSWORD, "new": short["password"]}
    answer = alice.call("POST", "/v1/me/password", own)
    assert "it has 19 letters of at least 20" in answer.json()["error"]["message"]
