import logging

import pytest

from pgward.ca.revoking import crl_health
from pgward.ca.revoking.crl_alarm import ACTION, CrlAlarm
from pgward.ca.revoking.crl_health import State
from pgward.ca.store import audit
from pgward.core.errors import UnavailableError

ISSUING = ("user-issuing", "server-issuing")


@pytest.fixture
def make(sql_authority, store, clock):
    return lambda: CrlAlarm(sql_authority, store, clock)


def events(store):
    with store.read() as connection:
        found = audit.events(connection, after=0, limit=100, action=ACTION)
    return [(each["target"], each["outcome"], each["details"]["state"]) for each in found]


def test_nothing_is_said_while_all_is_well(make, store, caplog):
    found = make().look()
    assert {each.state for each in found} == {State.OK}
    assert (caplog.records, events(store)) == ([], [])


def test_it_is_said_each_time_and_recorded_once(make, store, clock, caplog):
    alarm = make()
    clock.move(days=6)
    for _ in range(3):
        alarm.look()
    messages = [record.message for record in caplog.records]
    assert len(messages) == 6
    assert messages[0] == (
        "the revocation list of user-issuing: it ends at 2026-11-28T12:00:00Z;"
        " PostgreSQL refuses everyone without a current one"
    )
    assert {record.levelno for record in caplog.records} == {logging.CRITICAL}
    assert events(store) == [(ca, "failed", "critical") for ca in ISSUING]


def test_each_change_is_recorded(make, store, clock, sql_authority):
    alarm = make()
    for days in (2, 4, 4):  # a warning, then critical, then past its end
        clock.move(days=days)
        alarm.look()
    sql_authority.publish_crls()
    alarm.look()
    states = [state for ca, _, state in events(store) if ca == "user-issuing"]
    assert states == ["warning", "critical", "ok"]


def test_a_restart_and_another_replica_record_nothing_twice(make, store, clock):
    clock.move(days=6)
    for _ in range(3):
        make().look()
    assert len(events(store)) == 2


def test_while_the_store_is_away_the_lists_go_on_ageing(make, clock, monkeypatch, caplog):
    alarm = make()
    alarm.look()

    def away(*_arguments):
        raise UnavailableError("the store is away")

    monkeypatch.setattr(crl_health, "report", away)
    clock.move(days=6)
    found = alarm.look()
    assert [each.state for each in found if each.ca in ISSUING] == [State.CRITICAL] * 2
    assert "it ends at 2026-11-28T12:00:00Z" in caplog.text
