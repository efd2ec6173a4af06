import pytest

from pgward.ca.limiting.buckets import Buckets, Rate
from pgward.ca.limiting.guesses import FREE
from tests.fixtures.edge_services import SELF, actions, aware, declare, otp, redeem, sha256


def test_it_is_redeemed_once(api, edge, orders):
    text = otp(orders)
    answer = redeem(edge, text)
    found = answer.json()
    assert (answer.status_code, found["user"], found["service"]) == (200, "alice", "orders")
    assert (found["method"], found["factors"]) == ("password", ["password"])
    assert found["session_ends"] == "2026-11-22T00:00:00Z"
    again = redeem(edge, text)
    assert (again.status_code, again.json()["error"]["message"]) == (
        403,
        "the login does not count (unknown, used or expired)",
    )
    events = [each for each in api.events() if each["action"] == "otp.redeem"]
    assert [(each["actor"], each["outcome"]) for each in events] == [
        ("edge:e1", "ok"),
        ("edge:e1", "denied"),
    ]
    assert events[0]["target"] == "orders"
    assert events[0]["details"]["user"] == "alice"
    assert events[0]["details"]["from"] == "192.0.2.1"
    assert "used already, at e1: alice for orders" in events[1]["reason"]
    assert text not in str(api.events())
    assert sha256(text) not in str(api.events())


def test_time_ends_it(api, edge, orders):
    text = otp(orders)
    api.clock.move(minutes=5)
    assert redeem(edge, text).status_code == 403
    api.clock.move(minutes=-1)
    assert redeem(edge, text).status_code == 200


def test_whose_owner_is_blocked_or_gone_it_is_nothing(admin, edge, orders):
    text = otp(orders)
    admin.call("POST", "/v1/users/alice/block", {"reason": "left"})
    assert redeem(edge, text).status_code == 403
    admin.call("DELETE", "/v1/users/alice")
    assert redeem(edge, text).status_code == 403


def test_an_edge_that_does_not_serve_it_uses_nothing_up(api, admin, edge, orders):
    declare(admin, aware(), edges=["e2"])
    text = otp(orders)
    assert redeem(edge, text).status_code == 403
    assert redeem(api.machine(admin, "edge", "e2"), text).status_code == 200


def test_whoever_guesses_is_slowed_down_and_nobody_else_is(api, edge, orders):
    for number in range(FREE):
        assert redeem(edge, f"otp-{number}").status_code == 403
    slowed = redeem(edge, "otp-unknown")
    assert (slowed.status_code, slowed.json()["error"]["code"]) == (429, "rate_limited")
    assert slowed.headers["retry-after"] == "1"
    assert redeem(edge, otp(orders)).status_code == 200
    assert redeem(edge, "otp-unknown", client="192.0.2.2").status_code == 403
    assert redeem(edge, "otp-unknown").status_code == 429
    assert len(actions(api, "otp.redeem")) == FREE + 2


def test_guessing_keeps_no_edge_from_hearing_of_a_revocation(app, edge):
    app.state.context.limits._callers = Buckets(Rate(per_second=0.001, burst=1))
    assert redeem(edge, "otp-unknown").status_code == 403
    refused = redeem(edge, "otp-unknown").json()["error"]["message"]
    assert refused == "too many requests of edge:e1 for guests"
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 200


@pytest.mark.parametrize("body", [{}, {"otp_sha256": "x"}, {"otp": "otp-a"}])
def test_the_password_itself_is_not_taken(edge, body):
    assert edge.call("POST", f"{SELF}/otp/redeem", body).status_code == 422
