def test_who_is_blocked_meanwhile_is_sent_to_sign_in(web, api, admin):
    api.add("alice")
    web.sign_in("alice")
    assert admin.call("POST", "/v1/users/alice/block", {"reason": "left"}).status_code == 200
    assert web.open("/databases").path == "/sign-in"


def test_a_session_ends_at_its_time(web, api, clock):
    api.add("alice")
    web.sign_in("alice")
    clock.move(hours=13)
    assert web.open("/databases").path == "/sign-in"
