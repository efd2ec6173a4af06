from dataclasses import dataclass, replace

import pytest

from pgward.ca.access import ending, reporting
from pgward.ca.access.reporting import Drift, Report, Statement, Told
from pgward.ca.store import audit
from pgward.ca.store.schema_access import access_reports

ID = "0" * 32


@dataclass
class Connector:
    actor: str = "connector:c1"


@pytest.fixture
def tell(access, clock):
    def tell(grant, state, *, integration="shop-db", **more):
        told = Told(grant.id, state, clock.now(), **more)
        take(access, clock, Report(ID, integration, 1, [told]))
        return access.grant(grant.id)

    return tell


def take(access, clock, report):
    with access.store.write() as transaction:
        reporting.take(transaction, Connector(), report, now=clock.now())


def events(access, *actions):
    with access.store.read() as connection:
        found = audit.events(connection, after=0, limit=100)
    return [each for each in found if each["action"] in actions]


def test_a_grant_is_active_once_it_is_there(access, tell, clock):
    grant = tell(access.granted(), "active")
    assert (grant.state, grant.activated_at) == ("active", clock.now())
    tell(grant, "active")
    assert len(events(access, "access.activate")) == 1


def test_what_cannot_be_made_has_failed(access, tell):
    grant = tell(access.granted(), "failed", problem="a role ann is there already")
    assert (grant.state, grant.end_reason, grant.problem) == (
        "ending",
        "failed",
        "a role ann is there already",
    )
    assert tell(grant, "ended").state == "ended"


def test_why_it_could_not_be_made_is_known_when_nothing_of_it_is_left(access, tell):
    failed = tell(access.granted(), "failed", problem="a role ann is there already")
    gone = tell(failed, "ended")
    assert (gone.state, gone.problem) == ("ended", "a role ann is there already")


def test_what_was_there_and_has_a_problem_goes_on(access, tell):
    grant = tell(access.granted(), "active")
    grant = tell(grant, "failed", problem="it is away")
    assert (grant.state, grant.problem) == ("active", "it is away")
    assert tell(grant, "active").problem is None


def test_what_ended_is_over(access, tell, clock):
    grant = tell(access.granted(), "active")
    with access.store.write() as transaction:
        ending.end(transaction, grant, "revoked", now=clock.now())
    done = tell(grant, "ended", sessions_ended=3)
    assert (done.state, done.end_reason, done.sessions_ended) == ("ended", "revoked", 3)


def test_what_is_reported_late_brings_nothing_back(access, tell, clock):
    grant = access.granted()
    with access.store.write() as transaction:
        ending.end(transaction, grant, "revoked", now=clock.now())
    assert tell(grant, "active").state == "ending"
    tell(grant, "ended")
    assert tell(grant, "active").state == "ended"
    assert tell(grant, "failed", problem="x").problem is None


def test_a_connector_that_ends_by_itself_at_the_end_is_believed(access, tell, clock):
    grant = tell(access.granted(), "active")
    assert tell(grant, "ended").state == "active"
    clock.move(hours=1)
    assert tell(grant, "ended").end_reason == "expired"


def test_nobody_reports_about_another_ones_grants(access, tell):
    assert tell(access.granted(), "active", integration="other").state == "pending"


def test_grants_that_are_not_there_are_passed_over(access, clock):
    take(access, clock, Report(ID, "shop-db", 1, [Told("none", "active", clock.now())]))


def test_drift_and_statements_are_on_record_once(access, clock):
    report = Report(
        ID,
        "shop-db",
        1,
        drift=[Drift("membership", "ann", "in postgres", mended=True)],
        statements=[Statement(clock.now(), "shop", "CREATE ROLE ann")],
    )
    take(access, clock, report)
    take(access, clock, report)
    drift, run = events(access, "access.drift", "access.provision")
    assert (drift["actor"], drift["target"], drift["details"]["role"]) == (
        "connector:c1",
        "shop-db",
        "ann",
    )
    assert run["details"] == {"statements": [{"database": "shop", "sql": "CREATE ROLE ann"}]}


def test_the_newest_word_about_a_server_is_kept(access, clock):
    take(access, clock, Report(ID, "shop-db", 5, health={"problem": None}))
    take(access, clock, replace(Report(ID, "shop-db", 4), health={"problem": "old"}))
    with access.store.read() as connection:
        (row,) = connection.execute(access_reports.select()).all()
    assert (row.version, row.health) == (5, {"problem": None})
