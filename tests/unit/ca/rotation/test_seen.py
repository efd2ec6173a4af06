from datetime import timedelta

import pytest

from pgward.ca.rotation import seen


@pytest.fixture
def rotation(rotating_ca):
    rotating_ca.edge()
    return rotating_ca.start("user-issuing")


def lagging(ca, name):
    with ca.store.read() as connection:
        return {each.machine: each.why for each in seen.laggards(connection, ca.get(name))}


def test_nobody_was_seen_at_first(rotating_ca, rotation):
    assert lagging(rotating_ca, rotation.id) == {
        "edge:e1": "it was not seen yet to let a client of the new CA in"
    }


def test_who_reports_that_it_is_ready_lags_no_more(rotating_ca, rotation):
    edge, host = rotating_ca.edge("e2"), rotating_ca.host()
    assert sorted(lagging(rotating_ca, rotation.id)) == ["edge:e1", "edge:e2", "host:db1"]
    for machine in (edge, host):
        assert rotating_ca.report(machine, rotation.id)
    assert sorted(lagging(rotating_ca, rotation.id)) == ["edge:e1"]


def test_what_failed_is_told_until_it_works(rotating_ca, rotation):
    edge = rotating_ca.edge("e1")
    rotating_ca.report(edge, rotation.id, ok=False, message="unknown ca")
    assert lagging(rotating_ca, rotation.id) == {"edge:e1": "unknown ca"}
    rotating_ca.report(edge, rotation.id)
    assert lagging(rotating_ca, rotation.id) == {}


def test_every_worker_of_an_edge_must_be_ready(rotating_ca, rotation):
    edge = rotating_ca.edge("e1")
    rotating_ca.report(edge, rotation.id, part=1, parts=3)
    assert lagging(rotating_ca, rotation.id) == {
        "edge:e1": "2 of its 3 workers were not seen yet to let a client of the new CA in"
    }
    rotating_ca.report(edge, rotation.id, part=0, parts=3)
    rotating_ca.report(edge, rotation.id, part=2, parts=3, ok=False, message="unknown ca")
    assert lagging(rotating_ca, rotation.id) == {"edge:e1": "unknown ca"}
    # It was started again with fewer workers.
    rotating_ca.clock.move(seconds=1)
    rotating_ca.report(edge, rotation.id, part=0, parts=2)
    assert lagging(rotating_ca, rotation.id) == {}


def test_a_machine_that_enrolled_anew_is_asked_again(rotating_ca, rotation):
    edge = rotating_ca.edge("e1")
    rotating_ca.report(edge, rotation.id)
    rotating_ca.clock.move(seconds=1)
    rotating_ca.edge("e1")
    assert list(lagging(rotating_ca, rotation.id)) == ["edge:e1"]


def test_a_report_on_another_phase_does_not_count(rotating_ca, rotation):
    edge = rotating_ca.edge("e1")
    assert not rotating_ca.report(edge, rotation.id, phase="issue-new")
    assert list(lagging(rotating_ca, rotation.id)) == ["edge:e1"]


def test_news_are_audited_and_repetitions_are_not(rotating_ca, rotation):
    edge = rotating_ca.edge("e1")
    for message in ("a", "a", "b"):
        rotating_ca.report(edge, rotation.id, ok=False, message=message)
    events = [e for e in rotating_ca.api.events() if e["action"] == "rotation.report"]
    assert [(e["actor"], e["target"], e["details"]["message"]) for e in events] == [
        ("edge:e1", rotation.id, "a"),
        ("edge:e1", rotation.id, "b"),
    ]


def test_since_when_and_what_to_do(rotating_ca, rotation):
    rotating_ca.clock.move(hours=1)
    rotating_ca.host()
    with rotating_ca.store.read() as connection:
        edge, host = seen.laggards(connection, rotation)
    assert edge.since == rotation.phase_since
    assert host.since == rotation.phase_since + timedelta(hours=1)
    assert "pgward edge serve" in edge.hint
    assert host.hint == "run `pgward hba refresh` there"
