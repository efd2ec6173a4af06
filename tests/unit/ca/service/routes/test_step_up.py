import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import timedelta

import pytest

from pgward.ca.identity import totp
from pgward.ca.login import flows
from pgward.core.clock import parse_rfc3339
from tests.fixtures.authority import START
from tests.fixtures.ca_service import PASSWORD, Api, Device, Machine, service
from tests.fixtures.factors import App

BEGIN, CONTINUE = "/v1/me/step-up", "/v1/me/step-up/continue"
NEED = "orders asks for a fresh second factor"
UNTIL = "2026-11-21T12:16:00Z"


@dataclass
class World:
    """Alice, an administrator, an edge, and a service that asks for step-ups."""

    api: Api
    alice: Device
    admin: Device
    edge: Machine

    def app(self):
        """Give Alice an authenticator app, some time ago."""
        context = self.api.client.app.state.context
        offered = context.enrolment.offer("alice", now=self.api.clock.now())
        app = App(self.api.clock).scan(offered.facts)
        with self.api.store.write() as transaction:
            context.enrolment.confirm(transaction, "alice", offered.sealed, app.code())
        self.api.clock.move(minutes=1)
        return app

    def declare(self, name="orders", **rule):
        body = service(name, stepUp={"minutes": 15, **rule})
        answer = self.admin.call("PUT", f"/v1/resources/service/{name}", body)
        assert answer.status_code in (200, 201), answer.text

    def payload(self):
        """Return what the edge is told."""
        query = f"?after={self.api.store.version() - 1}&wait=10"
        text = self.edge.call("GET", "/v1/edge/snapshot", query=query).json()["snapshot"]
        body = text.split(".")[1]
        return json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))

    def proofs(self):
        """Return the edge's proofs of each service, by person."""
        services = self.payload()["services"]
        return {each["name"]: each["step_up"]["proofs"] for each in services}

    def events(self):
        return [
            (e["outcome"], e["target"], e["reason"], e["details"].get("factor"))
            for e in self.api.events()
            if e["action"] == "step_up.prove"
        ]


@pytest.fixture
def world(api, alice, admin, edge):
    made = World(api, alice, admin, edge)
    made.declare()
    return made


def begin(device, name="orders"):
    return device.call("POST", BEGIN, {"service": name})


def answer(device, flow, **given):
    return device.call("POST", CONTINUE, {"flow": flow, "answer": given})


def prove(device, app, name="orders"):
    flow = begin(device, name).json()["flow"]
    return answer(device, flow, factor="totp", code=app.code())


def said(response):
    return response.status_code, response.json()["error"]["message"]


def test_a_code_is_asked_for_and_counts_for_the_minutes(world):
    app = world.app()
    asked = begin(world.alice).json()
    assert asked["ask"] == {
        "kind": "second_factor",
        "facts": {"factors": ["totp"], "service": "orders"},
    }
    done = answer(world.alice, asked["flow"], factor="totp", code=app.code())
    assert done.json() == {
        "status": "done",
        "service": "orders",
        "minutes": 15,
        "factors": ["totp", "webauthn"],
        "factor": "totp",
        "proved_at": "2026-11-21T12:01:00Z",
        "proved_until": UNTIL,
    }
    assert world.proofs() == {"orders": {"alice": UNTIL}}
    listed = world.alice.call("GET", "/v1/services").json()["services"]
    assert [each["step_up"]["proved_until"] for each in listed] == [UNTIL]
    assert world.events() == [("ok", "orders", None, "totp")]
    (event,) = [e for e in world.api.events() if e["action"] == "step_up.prove"]
    assert set(event["details"]) == {"device", "session", "factor", "until"}


def test_when_the_minutes_are_over_it_counts_no_more(world):
    prove(world.alice, world.app())
    world.api.clock.move(minutes=15)
    found = world.alice.call("GET", f"{BEGIN}?service=orders").json()
    assert (found["proved_until"], found["factor"]) == (None, None)
    world.declare("other")  # a new snapshot
    assert world.proofs() == {"orders": {}, "other": {}}


def test_a_proof_for_one_service_is_none_for_another(world):
    world.declare("billing")
    prove(world.alice, world.app())
    assert world.proofs() == {"billing": {}, "orders": {"alice": UNTIL}}
    assert world.alice.call("GET", f"{BEGIN}?service=billing").json()["proved_until"] is None


def test_a_proof_ends_with_the_login_session(world):
    world.api.clock.move(hours=11, minutes=50)
    app = world.app()
    found = prove(world.alice, app).json()
    assert parse_rfc3339(found["proved_until"]) == START + timedelta(hours=12)


ENDS = {
    "logout": lambda own, _other, _admin: own.call("POST", "/v1/logout"),
    "password": lambda _own, other, _admin: other.call(
        "POST", "/v1/me/password", {"old": PASSWORD, "new": "quite another one"}
    ),
    "block": lambda _own, _other, admin: admin.call(
        "POST", "/v1/users/alice/block", {"reason": "lost laptop"}
    ),
    "reset": lambda _own, _other, admin: admin.call("POST", "/v1/users/alice/mfa/reset"),
    "revoke": lambda _own, _other, admin: admin.call(
        "POST", "/v1/certificates/revoke", {"kind": "person", "name": "alice"}
    ),
}


@pytest.mark.parametrize("how", ENDS)
def test_whatever_ends_the_session_or_the_factor_takes_the_proof_away_at_once(world, how):
    other = world.api.device("alice")
    prove(world.alice, world.app())
    assert world.proofs() == {"orders": {"alice": UNTIL}}
    before = world.api.store.version()
    assert ENDS[how](world.alice, other, world.admin).status_code == 200
    assert world.api.store.version() > before
    assert world.proofs() == {"orders": {}}


def test_a_stricter_rule_holds_for_proofs_that_are_there(world):
    prove(world.alice, world.app())
    world.declare(minutes=5)
    assert world.proofs()["orders"] == {"alice": "2026-11-21T12:06:00Z"}
    world.declare(factors=["webauthn"])
    assert world.proofs()["orders"] == {}


def test_a_service_that_was_made_anew_wants_a_new_proof(world):
    prove(world.alice, world.app())
    world.admin.call("DELETE", "/v1/resources/service/orders")
    world.api.clock.move(seconds=1)
    world.declare()
    assert world.proofs()["orders"] == {}


def test_a_wrong_code_and_a_used_one_are_refused(world):
    app = world.app()
    flow = begin(world.alice).json()["flow"]
    wrong = f"{(int(app.code()) + 1) % 10**6:06}"
    assert said(answer(world.alice, flow, factor="totp", code=wrong)) == (403, "wrong code")
    code = app.code()
    assert answer(world.alice, flow, factor="totp", code=code).status_code == 200
    again = begin(world.alice).json()["flow"]
    assert said(answer(world.alice, again, factor="totp", code=code)) == (403, "wrong code")
    assert [outcome for outcome, *_ in world.events()] == ["denied", "ok", "denied"]


def test_a_flow_leads_to_one_proof(world):
    app = world.app()
    flow = begin(world.alice).json()["flow"]
    assert answer(world.alice, flow, factor="totp", code=app.code()).status_code == 200
    world.api.clock.move(minutes=1)
    assert said(answer(world.alice, flow, factor="totp", code=app.code())) == (
        403,
        "the step-up was completed already",
    )


def test_who_has_no_second_factor_is_told_how_to_get_one(world):
    refused = begin(world.alice)
    assert said(refused) == (
        403,
        f"{NEED}, and you have none that it accepts (totp, webauthn)",
    )
    assert "authenticator app" in refused.json()["error"]["hint"]
    assert [event[:2] for event in world.events()] == [("denied", "orders")]


def test_a_password_counts_only_where_the_rule_says_so(world):
    world.declare(factors=["password"])
    asked = begin(world.alice).json()
    assert asked["ask"] == {"kind": "password", "facts": {"user": "alice", "service": "orders"}}
    flow = asked["flow"]
    assert said(answer(world.alice, flow, password="wrong")) == (403, "wrong password")
    assert answer(world.alice, flow, password=PASSWORD).json()["factor"] == "password"


def test_a_factor_that_the_rule_does_not_name_is_not_taken(world):
    world.app()
    world.declare(factors=["webauthn"])
    assert begin(world.alice).status_code == 403


# --- who lies --------------------------------------------------------------------------------


def test_a_flow_of_another_login_session_is_refused(world):
    app = world.app()
    flow = begin(world.alice).json()["flow"]
    other = Device(world.api, key=world.alice.key)
    world.api.clock.move(minutes=1)
    login = other.login("alice").json()
    totp_code = app.code()
    done = other.call(
        "POST",
        "/v1/login/continue",
        {"flow": login["flow"], "answer": {"factor": "totp", "code": totp_code}},
    )
    other.token = done.json()["token"]
    world.api.clock.move(minutes=1)
    assert said(answer(other, flow, factor="totp", code=app.code())) == (
        403,
        "the step-up was begun in another login session",
    )


def test_a_flow_of_a_login_is_none_of_a_step_up_nor_the_other_way_round(world):
    app = world.app()
    login = Device(world.api, key=world.alice.key).login("alice").json()["flow"]
    assert said(answer(world.alice, login, factor="totp", code=app.code())) == (
        403,
        "the step-up is not one of this authority's",
    )
    flow = begin(world.alice).json()["flow"]
    stranger = Device(world.api, key=world.alice.key)
    body = {"flow": flow, "answer": {"factor": "totp", "code": app.code()}}
    assert said(stranger.call("POST", "/v1/login/continue", body)) == (
        403,
        "the login is not one of this authority's",
    )


def test_a_flow_that_took_too_long_is_refused(world):
    app = world.app()
    flow = begin(world.alice).json()["flow"]
    world.api.clock.move(seconds=flows.LIFETIME.total_seconds())
    assert said(answer(world.alice, flow, factor="totp", code=app.code())) == (
        403,
        "the step-up took too long",
    )


def test_a_service_of_others_is_not_there(world):
    world.api.add("bob")
    for name in ("orders", "nothing"):
        assert said(begin(world.api.device("bob"), name)) == (
            404,
            f"there is no service {name!r} for you",
        )


def test_a_service_that_asks_for_nothing(world):
    world.admin.call("PUT", "/v1/resources/service/plain", service("plain"))
    assert said(begin(world.alice, "plain")) == (422, "plain asks for no step-up")


def test_nobody_steps_up_without_a_login(world):
    assert begin(Device(world.api)).status_code == 401


def test_an_edge_that_knows_no_step_ups_leaves_the_service_out(world):
    text = world.edge.call("GET", "/v1/edge/snapshot", query="?after=0").json()["snapshot"]
    body = text.split(".")[1]
    payload = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert [each["mode"] for each in payload["services"]] == ["tcp+step-up"]


# --- waiting ---------------------------------------------------------------------------------


def test_who_waits_hears_of_a_proof_at_once_and_else_when_the_time_is_over(world):
    app = world.app()
    waited = world.alice.call("GET", f"{BEGIN}?service=orders&wait=0.05").json()
    assert waited["proved_until"] is None
    prove(world.alice, app)
    assert (
        world.alice.call("GET", f"{BEGIN}?service=orders&wait=30").json()["proved_until"] == UNTIL
    )


def test_a_step_of_totp_lasts_as_the_tests_assume():
    assert totp.PERIOD * (1 + 2 * totp.WINDOW) > 60
