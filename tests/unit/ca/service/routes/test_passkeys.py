import pytest
import sqlalchemy as sa

from pgward.ca.login.passkeys.credentials import NewPasskey, add, key_of
from pgward.ca.store.schema import login_sessions
from tests.fixtures.passkeys import CALLBACK


@pytest.fixture
def give(api):
    """Give somebody a passkey, without an authenticator; return its id."""

    def give(user, name="phone"):
        credential_id = f"{user} {name}".encode()
        with api.store.write() as transaction:
            new = NewPasskey(credential_id, b"key", 0, "0" * 36, ("usb",), backed_up=True)
            add(transaction, user, name, new, now=api.clock.now())
        return key_of(credential_id)

    return give


@pytest.fixture
def strong(api, alice):
    """Alice, logged in with a second factor."""
    with api.store.write() as transaction:
        mine = login_sessions.c.user_name == "alice"
        values = {"factors": ["password", "totp"]}
        transaction.execute(sa.update(login_sessions).where(mine).values(values))
    return alice


def listed(device, path="/v1/me/passkeys"):
    return [each["name"] for each in device.call("GET", path).json()["passkeys"]]


def test_people_list_rename_and_remove_their_own(api, strong, admin, give):
    alice = strong
    mine, theirs = give("alice"), give("root", "theirs")
    (shown,) = alice.call("GET", "/v1/me/passkeys").json()["passkeys"]
    assert shown == {
        "id": mine,
        "name": "phone",
        "synced": True,
        "aaguid": "0" * 36,
        "transports": ["usb"],
        "created_at": "2026-11-21T12:00:00Z",
        "last_used_at": None,
    }
    assert alice.call("PATCH", f"/v1/me/passkeys/{mine}", {"name": "my phone"}).status_code == 200
    assert listed(alice) == ["my phone"]
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        assert alice.call(method, f"/v1/me/passkeys/{theirs}", body).status_code == 404
    assert alice.call("DELETE", f"/v1/me/passkeys/{mine}").json()["removed"] == 1
    assert (listed(alice), listed(admin)) == ([], ["theirs"])
    actions = [event["action"] for event in api.events()]
    assert {"passkey.rename", "passkey.remove"} <= set(actions)


def test_a_passkey_is_among_the_second_factors(alice, give):
    give("alice")
    found = alice.call("GET", "/v1/me/mfa").json()["factors"]
    assert found == [{"kind": "webauthn", "name": "phone", "created_at": "2026-11-21T12:00:00Z"}]


def test_who_removes_a_passkey_ends_the_other_sessions(api, strong, give):
    alice = strong
    elsewhere = api.device("alice")
    elsewhere.certificate()
    mine = give("alice")
    reply = alice.call("DELETE", f"/v1/me/passkeys/{mine}")
    assert reply.json() == {"removed": 1, "revoked": 1}
    assert elsewhere.call("GET", "/v1/me").status_code == 401
    assert alice.call("GET", "/v1/me").status_code == 200


def test_an_administrator_lists_and_removes_anybodys(alice, admin, give):
    one, _ = give("alice"), give("alice", "key")
    assert sorted(listed(admin, "/v1/users/ALICE/passkeys")) == ["key", "phone"]
    assert admin.call("DELETE", f"/v1/users/alice/passkeys/{one}").json()["removed"] == 1
    assert admin.call("DELETE", "/v1/users/alice/passkeys").json()["removed"] == 1
    assert alice.call("GET", "/v1/me").status_code == 401
    assert admin.call("GET", "/v1/users/nobody/passkeys").status_code == 404


def test_others_do_not(alice, give):
    give("root")
    for method in ("GET", "DELETE"):
        assert alice.call(method, "/v1/users/root/passkeys").status_code == 403


def test_an_old_session_adds_none(api, alice):
    api.clock.move(minutes=11)
    body = {"name": "phone", "redirect_uri": CALLBACK}
    answer = alice.call("POST", "/v1/me/passkeys", body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        403,
        "this needs a login of the last 10 minutes",
    )
    assert api.events()[-1]["outcome"] == "denied"


@pytest.mark.parametrize("key", ["x", "A" * 64, "0" * 63])
def test_what_is_no_id_names_nothing(alice, key):
    assert alice.call("DELETE", f"/v1/me/passkeys/{key}").status_code == 404


def test_nobody_without_a_session_is_told_anything(api):
    assert api.call("GET", "/v1/me/passkeys").status_code == 401


def test_who_has_one_must_have_logged_in_with_one(alice, give):
    """Else whoever stole a password in time takes the passkey away that was made against them."""
    mine = give("alice")
    answers = [
        alice.call("DELETE", f"/v1/me/passkeys/{mine}"),
        alice.call("POST", "/v1/me/passkeys", {"name": "key", "redirect_uri": CALLBACK}),
    ]
    assert [each.status_code for each in answers] == [403, 403]
    told = {each.json()["error"]["message"] for each in answers}
    assert told == {"this needs a login with a second factor, as you have one"}
    assert listed(alice) == ["phone"]


def test_nor_does_it_remove_one(api, alice, give):
    mine = give("alice")
    api.clock.move(minutes=11)
    assert alice.call("DELETE", f"/v1/me/passkeys/{mine}").status_code == 403
    assert listed(alice) == ["phone"]
    denied = [each["action"] for each in api.events() if each["outcome"] == "denied"]
    assert denied == ["passkey.remove"]
