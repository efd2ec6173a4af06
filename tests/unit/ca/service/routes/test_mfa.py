import pytest
import sqlalchemy as sa

from pgward.ca.identity import totp
from pgward.ca.store.schema import users
from tests.fixtures.ca_service import PASSWORD, Device
from tests.fixtures.factors import App

PROVE = {"proof": {"password": PASSWORD}}


def add_app(person, proof=None):
    """Set an app up; return it and the recovery codes."""
    offered = person.call("POST", "/v1/me/mfa/totp").json()
    app = App(person.api.clock).scan(offered)
    body = {"enrolment": offered["enrolment"], "code": app.code(), "proof": proof or {}}
    answer = person.call("POST", "/v1/me/mfa/totp/confirm", body)
    assert answer.status_code == 200, answer.text
    return app, answer.json()["recovery_codes"]


def log_in(api, user, factor=None, code=None, device=None):
    """Log in with a password, and a code where one is asked for; return device and reply."""
    device = device or Device(api)
    device.token = None
    body = {"method": "password", "user": user, "password": PASSWORD}
    reply = device.call("POST", "/v1/login", body)
    if factor is not None:
        assert reply.json()["ask"]["kind"] == "second_factor", reply.text
        body = {"flow": reply.json()["flow"], "answer": {"factor": factor, "code": code}}
        reply = device.call("POST", "/v1/login/continue", body)
    device.token = reply.json().get("token")
    return device, reply


def needed(person):
    return person.call("GET", "/v1/me/mfa").json()["proof"]


def test_an_app_is_set_up_and_then_asked_for(api, alice):
    app, codes = add_app(alice)
    assert len(codes) == 10
    listed = alice.call("GET", "/v1/me/mfa").json()
    assert [each["kind"] for each in listed["factors"]] == ["totp"]
    assert listed["recovery_codes_left"] == 10
    api.clock.move(seconds=30)
    device, reply = log_in(api, "alice", "totp", app.code())
    assert reply.json()["status"] == "done"
    assert needed(device) == "nothing"
    assert needed(alice) == "code"
    api.clock.move(minutes=9, seconds=59)
    assert needed(device) == "nothing"
    api.clock.move(seconds=1)
    assert needed(device) == "code"


def test_a_code_works_once_and_guesses_are_refused(api, alice):
    app, _ = add_app(alice)
    api.clock.move(seconds=30)
    code = app.code()
    assert log_in(api, "alice", "totp", code)[1].status_code == 200
    again = log_in(api, "alice", "totp", code)[1]
    assert (again.status_code, again.json()["error"]["message"]) == (403, "wrong code")
    reasons = [event["reason"] for event in api.events() if event["outcome"] == "denied"]
    assert reasons == ["wrong or used TOTP code"]


def test_a_recovery_code_stands_in_once(api, alice):
    _, codes = add_app(alice)
    assert log_in(api, "alice", "recovery", codes[0])[1].status_code == 200
    assert log_in(api, "alice", "recovery", codes[0])[1].status_code == 403


def test_a_session_that_stands_open_cannot_get_a_factor(api, alice):
    api.clock.move(minutes=10)
    assert needed(alice) == "password"
    offered = alice.call("POST", "/v1/me/mfa/totp").json()
    code = App(api.clock).scan(offered).code()
    body = {"enrolment": offered["enrolment"], "code": code}
    refused = [
        alice.call("POST", "/v1/me/mfa/totp/confirm", body | {"proof": proof}).json()["error"]
        for proof in ({}, {"password": "wrong"}, {"factor": "totp", "code": code})
    ]
    assert [each["message"] for each in refused] == [
        "this needs your password",
        "the password is wrong",
        "this needs your password",
    ]
    assert alice.call("POST", "/v1/me/mfa/totp/confirm", body | PROVE).status_code == 200


def test_with_an_app_a_password_is_not_enough(api, alice):
    app, codes = add_app(alice)
    api.clock.move(minutes=10)
    answer = alice.call("POST", "/v1/me/mfa/remove", {"factor": "totp"} | PROVE)
    assert answer.json()["error"]["message"] == "this needs a code of a second factor"
    proof = {"proof": {"factor": "totp", "code": app.code()}}
    made = alice.call("POST", "/v1/me/mfa/recovery-codes", proof).json()["recovery_codes"]
    assert set(made).isdisjoint(codes)
    proof = {"proof": {"factor": "recovery", "code": made[0]}}
    answer = alice.call("POST", "/v1/me/mfa/remove", {"factor": "totp"} | proof)
    assert answer.json() == {"removed": ["totp", "recovery"]}
    assert log_in(api, "alice")[1].json()["status"] == "done"


def test_a_login_without_the_factor_is_not_fresh_enough_for_who_has_one(api, alice):
    """A session from before the app was there, or by an identity provider."""
    other = api.device("alice")
    add_app(alice)
    assert needed(other) == "code"


def test_without_password_and_factor_it_takes_a_fresh_login(api, alice):
    with api.store.write() as transaction:
        transaction.execute(sa.update(users).values(password_hash=None))
    api.clock.move(minutes=10)
    assert needed(alice) == "login"
    answer = alice.call("POST", "/v1/me/mfa/recovery-codes", {})
    assert answer.json()["error"]["hint"] == "pgward login, then again"


def test_recovery_codes_stand_in_for_something(alice):
    answer = alice.call("POST", "/v1/me/mfa/recovery-codes", {})
    assert (answer.status_code, answer.json()["error"]["hint"]) == (404, "pgward mfa add totp")
    assert alice.call("POST", "/v1/me/mfa/remove", {"factor": "totp"}).status_code == 404


def test_a_new_app_replaces_the_one_before_and_codes_go_on(api, alice):
    first, _ = add_app(alice)
    api.clock.move(minutes=10)
    second, codes = add_app(alice, {"factor": "totp", "code": first.code()})
    assert codes == []
    api.clock.move(seconds=30)
    assert log_in(api, "alice", "totp", first.code())[1].status_code == 403
    assert log_in(api, "alice", "totp", second.code())[1].status_code == 200


def test_an_administrator_can_reset_and_nobody_else(api, admin, alice):
    add_app(alice)
    assert alice.call("POST", "/v1/users/alice/mfa/reset").status_code == 403
    answer = admin.call("POST", "/v1/users/ALICE/mfa/reset")
    assert answer.json() == {"removed": ["totp", "recovery"]}
    assert log_in(api, "alice")[1].json()["status"] == "done"
    assert [e["target"] for e in api.events() if e["action"] == "mfa.reset"] == ["alice"]


def test_no_secret_is_in_the_log(api, alice):
    app, codes = add_app(alice)
    events = str(api.events())
    assert totp.text_of(app.secret) not in events
    assert not any(code in events for code in codes)


@pytest.mark.parametrize("path", ["totp", "totp/confirm", "recovery-codes", "remove"])
def test_strangers_get_nothing(api, path):
    assert api.call("POST", f"/v1/me/mfa/{path}", {}).status_code in (401, 403)


def guess(api, count):
    """Guess alice's password from ever new addresses and devices; return what was answered."""
    transport, answers = api.client._transport, []
    for number in range(count):
        transport.client = (f"198.{number // 62500}.{number // 250 % 250}.{number % 250}", 1)
        answers.append(Device(api).login("alice", "wrong").json()["error"]["message"])
    transport.client = ("203.0.113.1", 1)
    return answers


@pytest.mark.parametrize("count", [120, pytest.param(10_000, marks=pytest.mark.soak)])
def test_guesses_from_many_addresses_do_not_lock_the_owner_out(api, alice, count):
    """Real requests, each from another address; then the owner's laptop logs in at once."""
    answers = guess(api, count)
    assert answers[0] == "wrong user name or password"
    looked_at = answers.count("wrong user name or password")
    assert looked_at < 50 + 30
    assert Device(api).login("alice").status_code == 403  # a new device, at a new place
    alice.token = None
    assert alice.login("alice").status_code == 200
    # The others were not even written down.
    denied = [event for event in api.events() if event["outcome"] == "denied"]
    assert len(denied) == looked_at


def test_what_a_provider_vouched_for_is_no_fresh_proof_here(oidc_world):
    """Its login may be of this morning, and stand open in the browser of a desk."""
    oidc_world.add(createUsers=True, secondFactor={"amr": ["mfa"]})
    oidc_world.provider.claims = {"amr": ["mfa"]}
    ann = oidc_world.logged_in()
    add_app(ann)
    assert needed(ann) == "code"


def test_an_administrator_sees_what_somebody_has(admin, alice):
    assert admin.call("GET", "/v1/users/ALICE/mfa").json() == {
        "factors": [],
        "recovery_codes_left": 0,
    }
    assert admin.call("GET", "/v1/users/nobody/mfa").status_code == 404
    assert alice.call("GET", "/v1/users/alice/mfa").status_code == 403
