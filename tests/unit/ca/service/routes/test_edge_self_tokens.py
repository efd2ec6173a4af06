from pgward.ca.limiting.guesses import FREE
from tests.fixtures.edge_services import SELF, actions, otp, redeem


def test_an_edge_learns_what_checks_its_secret(edge, orders):
    made = orders.call("POST", "/v1/me/tokens", {"service": "orders"}).json()
    found = edge.call("GET", f"{SELF}/tokens/{made['id']}", query="?client=192.0.2.1").json()
    assert (found["user"], found["service"]) == ("alice", "orders")
    assert found["verifier"].startswith("SCRAM-SHA-256$4096:")
    assert found["expires_at"] == "2026-11-21T20:00:00Z"
    assert found["seen_lately"] is False


def test_a_token_is_used_by_who_has_its_secret_not_by_who_names_it(edge, orders):
    made = orders.call("POST", "/v1/me/tokens", {"service": "orders"}).json()
    path = f"{SELF}/tokens/{made['id']}"

    def seen():
        (listed,) = orders.call("GET", "/v1/me/tokens").json()["tokens"]
        return listed["last_used_at"], listed["last_client"]

    edge.call("GET", path, query="?client=203.0.113.9")
    assert seen() == (None, None)
    assert edge.call("POST", f"{path}/uses", {"client": "192.0.2.1"}).json() == {
        "change": "updated"
    }
    assert seen() == ("2026-11-21T12:00:00Z", "192.0.2.1")
    again = edge.call("POST", f"{path}/uses", {"client": "192.0.2.2"})
    assert again.json() == {"change": "unchanged"}
    assert edge.call("GET", path).json()["seen_lately"] is True
    assert edge.call("POST", f"{SELF}/tokens/tk-unknown/uses", {}).status_code == 403


def test_guesses_are_refused_counted_and_slowed_down(api, edge):
    for _ in range(FREE):
        assert edge.call("GET", f"{SELF}/tokens/tk-unknown").status_code == 403
    assert edge.call("GET", f"{SELF}/tokens/tk-unknown").status_code == 429
    assert (
        actions(api, "access-token.use")
        == [("edge:e1", "access-token.use", "denied", "tk-unknown")] * FREE
    )


def test_what_was_ended_is_told_to_edges_that_ask(edge, orders):
    made = orders.call("POST", "/v1/me/tokens", {"service": "orders"}).json()
    session = redeem(edge, otp(orders)).json()["session"]
    body = {"sessions": [session, "x"], "tokens": [made["id"]]}

    def over():
        return edge.call("POST", f"{SELF}/logins", body).json()["over"]

    unknown = {"x": "it is not known any more"}
    assert over() == unknown
    orders.call("DELETE", f"/v1/me/tokens/{made['id']}")
    assert over() == unknown | {made["id"]: "the token was revoked"}
    orders.call("POST", "/v1/logout")
    assert over()[session] == "the login session was ended"
    many = {"sessions": ["x"] * 1001}
    assert edge.call("POST", f"{SELF}/logins", many).status_code == 422
