import pytest

from pgward.audit.events import AuditEvent


@pytest.fixture
def host(api, admin):
    return api.machine(admin, "host", "db1", dns=["db1.test"])


def event(api, action):
    return AuditEvent.make(time=api.clock.now(), actor="alice", action=action).to_json()


@pytest.mark.parametrize(
    ("action", "of"),
    [
        ("session.cut", {"edge", "host"}),
        ("session.close", {"edge", "host"}),
        ("host.alarm", {"host"}),
        ("user.block", set()),
    ],
)
def test_each_kind_of_machine_tells_of_what_it_can_have_seen(api, edge, host, action, of):
    for machine, kind, may in ((edge, "edge", "edge" in of), (host, "host", "host" in of)):
        told = event(api, action)
        answer = machine.call("POST", f"/v1/{kind}/events", {"events": [told]}).json()
        who = "an edge" if kind == "edge" else "a host"
        refusal = {"index": 0, "message": f"{who} does not see {action!r}"}
        assert answer == {
            "accepted": [told["id"]] if may else [],
            "refused": [] if may else [refusal],
        }


def test_an_event_is_recorded_once_with_who_told_of_it(api, host):
    told = event(api, "session.cut")
    for _ in range(2):
        answer = host.call("POST", "/v1/host/events", {"events": [told]}).json()
        assert answer["accepted"] == [told["id"]]
    found = [each for each in api.events() if each["id"] == told["id"]]
    assert [(each["source"], each["actor"]) for each in found] == [("host:db1", "alice")]
