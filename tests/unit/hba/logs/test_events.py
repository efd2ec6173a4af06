from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pgward.audit.events import EDGE_ACTIONS, AuditEvent
from pgward.hba.logs.events import Certificate, EventMaker
from pgward.hba.logs.joining import Attempt

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
LOGIN = Attempt(
    offset=255,
    time=NOW,
    pid=7,
    session="a.7",
    host="10.0.0.9",
    port=5,
    user="app",
    database="shop",
    identity="CN=ann",
    method="cert",
    line="hba:7",
    tls={"protocol": "TLSv1.3"},
    authorized=True,
    outcome="ok",
)
REFUSED = replace(LOGIN, outcome="denied", code="rejected", reason="no", identity=None)


def made(attempt, certificates=None) -> AuditEvent:
    event = EventMaker("db1", "k1", certificates).make(attempt, NOW)
    assert AuditEvent.from_json(event.to_json()).to_json() == event.to_json()
    assert event.action in EDGE_ACTIONS
    return event


def test_a_login_reads_as_an_edges_does():
    event = made(LOGIN)
    assert event.to_json() == {
        "id": "pg-k1-ff-o",
        "time": "2026-11-22T04:00:00.000Z",
        "actor": "ann",
        "action": "session.open",
        "outcome": "ok",
        "target": "db1/shop",
        "reason": None,
        "client": "10.0.0.9:5",
        "details": {
            "host": "db1",
            "role": "app",
            "database": "shop",
            "identity": "CN=ann",
            "method": "cert",
            "line": "hba:7",
            "session": "a.7",
            "protocol": "TLSv1.3",
        },
    }


def test_an_end():
    event = made(replace(LOGIN, closed=True, seconds="0:01:00.1"))
    assert (event.action, event.id, event.details["session_time"]) == (
        *("session.close", "pg-k1-ff-c"),
        "0:01:00.1",
    )


@pytest.mark.parametrize(
    ("attempt", "actor"),
    [
        (REFUSED, "unknown"),
        (replace(REFUSED, identity="ann"), "ann"),
        (replace(LOGIN, identity=None), "app"),
        (replace(LOGIN, identity="O=Acme,CN=ann"), "ann"),
        (replace(LOGIN, identity="app"), "app"),
        (replace(LOGIN, doubtful=True), "unknown"),
    ],
)
def test_nobody_is_called_what_was_merely_claimed(attempt, actor):
    assert made(attempt).actor == actor


def test_what_is_doubtful_says_so():
    event = made(replace(LOGIN, doubtful=True))
    assert (event.details["doubtful"], "csvlog" in event.reason) == (True, True)


def test_a_login_says_that_a_client_may_have_written_it():
    assert made(replace(LOGIN, forgeable=True)).details["forgeable"]
    assert "forgeable" not in made(replace(LOGIN, forgeable=True, doubtful=True)).details
    assert "forgeable" not in made(replace(REFUSED, forgeable=True)).details


def test_names_cannot_disguise_themselves():
    event = made(replace(LOGIN, user="x\ny\u202e", database="d" * 5000, tls={"cipher": "a\0b"}))
    assert event.details["role"] == "x\ufffdy\ufffd"
    assert event.details["cipher"] == "a\ufffdb"
    assert len(event.target) <= 300


def test_certificates_may_be_known_elsewhere():
    class Live:
        def of(self, pid, session):
            assert (pid, session) == (7, "a.7")
            return Certificate("ann", "ff")

    assert made(replace(LOGIN, identity=None), Live()).actor == "ann"
    assert made(LOGIN, Live()).details["serial"] == "ff"
    assert "serial" not in made(REFUSED, Live()).details


def test_a_flood_is_a_number():
    maker = EventMaker("db1", "k1")
    events = [maker.make(replace(REFUSED, offset=n), NOW) for n in range(1000)]
    assert sum(each is not None for each in events) == 50
    other = maker.make(replace(REFUSED, host="10.0.0.10"), NOW)
    assert other.details["unrecorded_before"] == 950
    for number in range(60):
        maker.make(replace(REFUSED, offset=number), NOW)
    summary = maker.summary(9, NOW)
    assert (summary.id, summary.details["unrecorded_before"]) == ("pg-k1-9-s", 60)
    assert AuditEvent.from_json(summary.to_json())
    assert maker.summary(9, NOW) is None
    assert maker.make(LOGIN, NOW) is not None


def test_addresses():
    assert made(replace(LOGIN, host="fd00::1")).client == "[fd00::1]:5"
    assert made(replace(LOGIN, host="[local]", port=None)).client == "[local]"
    assert made(replace(LOGIN, host=None, port=None, time=None)).client is None
