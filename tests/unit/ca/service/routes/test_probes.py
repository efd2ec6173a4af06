from pgward.core.errors import UnavailableError

NAMES = ("store", "keys", "certificate", "crls", "clock")


def test_anyone_may_ask_whether_it_lives(api):
    answer = api.call("GET", "/healthz", Host="10.1.2.3")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_anyone_may_ask_whether_it_is_ready(api):
    answer = api.call("GET", "/readyz", Host="10.1.2.3")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "checks": dict.fromkeys(NAMES, "ok")}


def test_what_fails_is_named_and_nothing_more(api, app, monkeypatch):
    def broken():
        raise UnavailableError("/var/lib/secret-path is full")

    monkeypatch.setattr(app.state.context.readiness.checks[0], "look", broken)
    answer = api.call("GET", "/readyz")
    expected = dict.fromkeys(NAMES, "ok") | {"store": "failed"}
    assert (answer.status_code, answer.json()) == (503, {"status": "failed", "checks": expected})


def test_it_lives_while_the_store_is_away(api, store, monkeypatch):
    def away():
        raise UnavailableError("away")

    monkeypatch.setattr(store, "read", away)
    monkeypatch.setattr(store, "write", away)
    assert api.call("GET", "/healthz").status_code == 200
    states = api.call("GET", "/readyz").json()["checks"]
    assert [name for name, state in states.items() if state != "ok"] == ["store", "crls", "clock"]


def test_probes_are_not_limited(api, monkeypatch):
    limits = api.client.app.state.context.limits
    while limits._addresses.take("testclient", 0.0) == 0:
        pass
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    assert api.call("GET", "/healthz").status_code == 200
    assert api.call("GET", "/v1/trust").status_code == 429
