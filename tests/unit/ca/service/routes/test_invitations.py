from tests.fixtures.edge_services import actions


def test_a_link_is_made_listed_and_taken_back(api, admin):
    api.add("bob", password=None)
    answer = admin.call("POST", "/v1/users/BOB/invitation", {"hours": 24})
    made = answer.json()
    assert (answer.status_code, made["mailed"]) == (201, False)
    assert "/welcome?invitation=pgi1." in made["link"]
    assert made["invitation"]["user"] == "bob"
    listed = admin.call("GET", "/v1/invitations").json()["invitations"]
    assert listed == [made["invitation"]]
    assert admin.call("GET", "/v1/people?standing=invited").json()["total"] == 1
    assert admin.call("DELETE", "/v1/users/Bob/invitation").json() == {"change": "deleted"}
    assert admin.call("DELETE", "/v1/users/bob/invitation").status_code == 404
    assert admin.call("GET", "/v1/invitations").json() == {"invitations": []}
    assert actions(api, "user.invite") == [("root", "user.invite", "ok", "bob")]
    assert [each[2:] for each in actions(api, "invitation.")] == [("ok", "bob"), ("failed", "bob")]
    assert made["link"] not in str(api.events())


def test_who_is_not_there_or_blocked_is_not_invited(api, admin):
    api.add("bob")
    assert admin.call("POST", "/v1/users/nobody/invitation", {}).status_code == 404
    admin.call("POST", "/v1/users/bob/block", {})
    assert admin.call("POST", "/v1/users/bob/invitation", {}).status_code == 409
    for hours in (0, 337, "x"):
        body = {"hours": hours}
        assert admin.call("POST", "/v1/users/bob/invitation", body).status_code == 422


def test_only_administrators_invite(api, alice):
    api.add("bob")
    for method, path in (
        ("GET", "/v1/invitations"),
        ("POST", "/v1/users/bob/invitation"),
        ("DELETE", "/v1/users/bob/invitation"),
    ):
        body = {} if method == "POST" else None
        assert alice.call(method, path, body).status_code == 403
