import re
from datetime import UTC, datetime
from pathlib import Path

from pgward.hba.agent.report import Report
from pgward.hba.agent.runner import Standing

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WELL = Standing("material", 3, 1, NOW, ())
ILL = Standing("sessions", 2, 2, None, ("PostgreSQL does not run",))


def report(*duties, **fields):
    values = {
        "host": "db1",
        "pid": 7,
        "connected": True,
        "duties": duties,
        "sessions_ended": 4,
        "refuses_at": NOW,
        "alarm_step": 0,
        "events_waiting_bytes": 12,
    }
    return Report(**(values | fields))


def test_it_is_well_when_every_duty_is():
    assert report(WELL).ok
    assert not report(WELL, ILL).ok


def test_anyone_may_know_names_and_states():
    assert report(WELL, ILL).checks() == {
        "status": "failed",
        "checks": {"material": "ok", "sessions": "failed"},
    }


def test_an_administrator_may_know_all():
    facts = report(WELL, ILL).facts()
    assert facts["ends_by"] == "serial number"
    assert facts["refuses_at"] == "2026-01-01T00:00:00Z"
    assert facts["duties"][1] == {
        "name": "sessions",
        "ok": False,
        "turns": 2,
        "failures": 2,
        "last_good": None,
        "problems": ["PostgreSQL does not run"],
    }


def test_metrics():
    lines = report(WELL, ILL).metrics().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        'pgward_hba_agent_duty_ok{duty="material"} 1',
        'pgward_hba_agent_duty_ok{duty="sessions"} 0',
        'pgward_hba_agent_turns_total{duty="material"} 3',
        'pgward_hba_agent_turns_total{duty="sessions"} 2',
        'pgward_hba_agent_failures_total{duty="material"} 1',
        'pgward_hba_agent_failures_total{duty="sessions"} 2',
        "pgward_hba_agent_connected 1",
        "pgward_hba_agent_sessions_ended_total 4",
        "pgward_hba_agent_refuses_at_timestamp_seconds 1767225600",
        "pgward_hba_agent_alarm_step 0",
        "pgward_hba_agent_events_waiting_bytes 12",
    ]


def test_alerts_are_of_metrics_that_there_are():
    rules = (Path(__file__).parents[4] / "examples" / "prometheus-rules.yml").read_text()
    named = set(re.findall(r"pgward_hba_agent_\w+", rules))
    assert named
    assert named <= set(re.findall(r"pgward_hba_agent_\w+", report(WELL).metrics()))


def test_what_is_not_known_is_no_sample():
    lines = report(WELL, refuses_at=None).metrics().splitlines()
    assert not [line for line in lines if line.startswith("pgward_hba_agent_refuses_at")]
