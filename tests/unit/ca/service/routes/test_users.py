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
