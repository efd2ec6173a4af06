"""What askers, approvers, strangers and connectors try against the authority's side of access."""

import pytest

from pgward.access.flows import Asked
from pgward.access.rights import ObjectRights, Rights
from pgward.ca.access import asking
from pgward.ca.store.schema_access import access_reports
from pgward.ca.store.transaction import SNAPSHOT, counter
from pgward.core.clock import rfc3339
from pgward.core.errors import ConflictError, DeniedError, InvalidInputError, TooManyRequestsError
from tests.fixtures.access_world import BUNDLE, on

REQUESTS, GRANTS = "/v1/access/requests", "/v1/access/grants"
ASKED = {"service": "shop", "bundles": [BUNDLE], "reason": "a ticket", "seconds": 3600}


@pytest.mark.parametrize("act", ["approve", "deny", "cancel", "revoke", "extend", "acknowledge"])
def test_what_is_not_yours_is_not_there(access, who, act):
    request = access.ask()
    granted = access.granted(asked=on())
    body = {"seconds": 600, "reason": "x"} if act == "extend" else {"reason": "x"}
    for known in (request.id, granted.id):
        for name in ("bea", "tess"):
            assert who(name).call("POST", f"{REQUESTS}/{known}/{act}", body).status_code == 404
            assert who(name).call("GET", f"{REQUESTS}/{known}").status_code == 404
    assert who("bea").call("GET", REQUESTS, query="?user=ann").json()["requests"] == []
    assert who("bea").call("GET", GRANTS, query="?user=ann").json()["grants"] == []
    assert access.request(request.id).state == "pending"


def test_who_decides_takes_nothing_in_anothers_name(access, who):
    granted = access.granted()
    for act, body in (("extend", {"seconds": 600}), ("cancel", {})):
        answer = who("dora").call("POST", f"{REQUESTS}/{granted.id}/{act}", body)
        assert answer.status_code in (403, 409), act
    assert access.grant(granted.id).ends_at == granted.ends_at


@pytest.mark.parametrize(
    "approvals",
    [
        [{"users": ["ann", "dora"]}],
        [{"groups": ["engineers", "dba"]}],
        [{"integrationOwner": True, "groups": ["dba"]}],
        [{"resourceOwner": True, "groups": ["dba"]}],
    ],
)
def test_nobody_approves_their_own_by_any_path(access, who, approvals):
    access.add("ann2", "engineers")
    access.flow(approvals=approvals, who={"groups": ["engineers"], "users": ["olga", "tess"]})
    for name in ("ann", "olga", "tess", "dirk"):
        answer = who(name).call("POST", REQUESTS, ASKED)
        assert answer.status_code == 201, answer.text
        request = answer.json()["request"]["id"]
        for act in ("approve", "deny"):
            answer = who(name).call("POST", f"{REQUESTS}/{request}/{act}", {"reason": "mine"})
            assert answer.status_code == 403
        assert access.request(request).state == "pending"
    with pytest.raises(DeniedError):
        access.decide(request, "DIRK")


@pytest.mark.parametrize(
    "beyond",
    [
        ObjectRights("shop", "table", "*", "*", ("SELECT",), future=True),
        ObjectRights("shop", "table", "public", "*", ("SELECT", "INSERT")),
        ObjectRights("shop", "table", "pub*", "orders", ("SELECT",)),
        ObjectRights("shop", "table", "public", "orders*", ("SELECT",)),
        ObjectRights("shop", "table", "public", "*s", ("SELECT",)),
        ObjectRights("shopping", "table", "public", "orders", ("SELECT",)),
        ObjectRights("shop", "sequence", "public", "orders", ("SELECT",)),
        ObjectRights("shop", "schema", "", "public", ("USAGE",)),
    ],
)
def test_patterns_reach_no_further_than_the_flows(access, beyond):
    bound = {"database": "shop", "schema": "public", "tables": ["ord*rs"], "grant": ["SELECT"]}
    access.flow(privileges=[bound])
    with pytest.raises((DeniedError, InvalidInputError)):
        access.ask(asked=Asked(rights=Rights(objects=frozenset({beyond}))))
    assert access.ask(asked=on("shop", "public", "ord*rs")).state == "pending"


@pytest.mark.parametrize("reason", ["\x1b]0;title\x07", "a\u202eb", "a\u2028b", "a\rb", "x" * 501])
def test_reasons_are_text(access, reason):
    with pytest.raises(InvalidInputError):
        access.ask(reason=reason)


def test_nobody_asks_without_end(access, clock, monkeypatch):
    monkeypatch.setattr(asking, "MOST_AN_HOUR", 3)
    grant = access.granted()
    access.ask()
    access.ask(asked=on())
    with pytest.raises(TooManyRequestsError, match="3 times within an hour") as refused:
        access.ask(asked=on("shop", "public", "other"))
    assert refused.value.retry_after == 3600
    with pytest.raises(TooManyRequestsError):
        access.extend(grant.id, seconds=60)
    access.ask("sam")
    clock.move(minutes=61)
    access.ask(asked=on("shop", "public", "other"))


def test_nobody_has_rights_without_number(access, monkeypatch):
    monkeypatch.setattr(asking, "MOST_LIVE", 2)
    access.flow(approvals=[])
    access.ask()
    access.ask("sam", break_glass=True)
    access.ask("sam", break_glass=True)
    with pytest.raises(ConflictError, match="you have 2 grants already"):
        access.ask("sam", break_glass=True)


@pytest.fixture
def connector(api, admin, access):  # noqa: ARG001 - the world has its integration
    return api.machine(admin, "connector", "c1")


def report(**fields):
    return {"id": "a" * 32, "integration": "shop-db", "version": 1} | fields


def told(connector, **fields):
    return connector.call("POST", "/v1/connector/report", report(**fields))


@pytest.mark.parametrize(
    "health",
    [
        {"problem": "\0"},
        {"problem": "x" * 1001},
        {"deep": {"er": 1}},
        {"many": [1]},
        {"k" * 300: 1},
        {str(number): 1 for number in range(51)},
    ],
)
def test_a_servers_health_is_small_and_plain(connector, health):
    assert told(connector, health=health).status_code == 422


def test_a_report_of_the_future_silences_nobody(connector, access):
    assert told(connector, version=2**62, health={"state": "ok"}).status_code == 200
    access.granted()
    with access.store.read() as connection:
        version = counter(connection, SNAPSHOT)
    assert told(connector, id="b" * 32, version=version, health={"state": "away"}).is_success
    with access.store.read() as connection:
        (row,) = connection.execute(access_reports.select()).mappings()
    assert row["health"] == {"state": "away"}


def test_a_connector_speaks_of_its_own_servers_only(api, admin, connector, access, clock):
    grant = access.granted()
    other = api.machine(admin, "connector", "c2")
    claim = {"id": grant.id, "state": "active", "at": rfc3339(clock.now())}
    assert told(other, grants=[claim]).status_code == 403
    access.put("Integration", "elsewhere", _elsewhere())
    assert told(other, integration="elsewhere", grants=[claim]).status_code == 200
    assert access.grant(grant.id).state == "pending"
    assert told(connector, grants=[claim | {"state": "ended"}]).status_code == 200
    assert access.grant(grant.id).state == "pending"


def _elsewhere():
    return {
        "connector": "c2",
        "host": "db2.internal",
        "user": "pgward_connector",
        "auth": {"none": True},
    }
