from datetime import timedelta
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from pgward.ca import jobs
from pgward.ca.archive.directory import DirectoryObjects
from pgward.ca.archive.objects import NoObjects
from pgward.ca.identity import tokens
from pgward.ca.identity.tokens import JoinToken
from pgward.ca.log.head_signer import HeadSigner
from pgward.ca.recordings import keys as recording_keys
from pgward.ca.records import CaName
from pgward.ca.secrets import kept, store_keys
from pgward.ca.store import audit, seats
from pgward.ca.store.leadership import Leadership
from pgward.ca.store.schema import join_tokens
from pgward.ca.store.schema_store import leadership as rows
from pgward.ca.upkeep import Upkeep
from tests.fixtures.authority import START
from tests.fixtures.ca_service import SEALER


class Certificate:
    """Counts how often it was asked to renew itself."""

    asked = 0

    def renew_if_due(self):
        self.asked += 1
        return False


@pytest.fixture
def certificate():
    return Certificate()


@pytest.fixture
def leadership(store, clock):
    made = Leadership(store, seats.seat(store.engine.url), "here", clock)
    yield made
    made.stop()


@pytest.fixture
def upkeep(authority, certificate, store, leadership, heads):
    """Do everything once, as the leader or not."""

    def turn(*, leads=True):
        if leads:
            leadership.look()
        table = jobs.table(authority, certificate, store, leadership, heads, sealer=SEALER)
        keeping = Upkeep(table, leadership.is_leader)
        for job in table:
            keeping.turn(job)
        assert keeping.failing == {}

    return turn


def test_fresh_crls_are_left_alone_and_old_ones_are_not(authority, clock, certificate, upkeep):
    number = authority.crl(CaName.USER_ISSUING).number
    upkeep()
    assert authority.crl(CaName.USER_ISSUING).number == number
    clock.move(hours=1)
    upkeep()
    assert authority.crl(CaName.USER_ISSUING).number > number
    assert certificate.asked == 2


def test_crls_from_the_future_are_replaced_when_the_clock_is_put_right(authority, clock, upkeep):
    clock.move(days=2)
    authority.publish_crls()
    ahead = authority.crl(CaName.USER_ISSUING)
    clock.move(days=-2)
    upkeep()
    found = authority.crl(CaName.USER_ISSUING)
    assert found.this_update < clock.now() < ahead.this_update
    assert found.number > ahead.number


def test_the_key_of_secrets_is_replaced_when_it_is_old(clock, store, upkeep):
    with store.write() as transaction:
        kept.create(transaction, SEALER, "db", b"s3cret", now=START, by="root")
    clock.move(days=89)
    upkeep()
    with store.read() as connection:
        assert store_keys.newest(connection) == 1
    clock.move(days=1)
    upkeep()
    upkeep()
    with store.read() as connection:
        assert store_keys.newest(connection) == 2
        assert kept.read(connection, SEALER, "db").value == b"s3cret"
        actions = [each["action"] for each in audit.events(connection, after=0, limit=1000)]
    assert actions.count("secret.rotate-key") == 1


def test_the_key_of_recordings_is_replaced_when_it_is_old(clock, store, upkeep):
    upkeep()
    with store.read() as connection:
        assert recording_keys.recipient(connection) is None
    first = recording_keys.ensure(store, SEALER, clock)
    clock.move(days=89)
    upkeep()
    assert recording_keys.ensure(store, SEALER, clock) == first
    clock.move(days=1)
    upkeep()
    upkeep()
    assert recording_keys.ensure(store, SEALER, clock) != first
    with store.read() as connection:
        events = audit.events(connection, after=0, limit=1000)
    (event,) = [each for each in events if each["action"] == "recording.rotate-key"]
    assert event["details"]["before"] == first


def test_what_ended_long_ago_is_removed_by_the_authoritys_clock(clock, store, upkeep):
    with store.write() as transaction:
        edge = JoinToken.checked("edge", "e1", [], [])
        tokens.create(transaction, edge, lifetime=timedelta(hours=1), now=START, by="root")
    left = []
    for _ in range(2):
        upkeep()
        with store.read() as connection:
            left.append(len(connection.execute(sa.select(join_tokens)).all()))
        clock.move(days=30)
    assert left == [1, 0]


def test_the_leader_signs_the_log_when_it_grew_and_purges(ledger, authority, certificate):
    heads = HeadSigner(ledger.store, ledger.key, ledger.clock)
    leadership = Leadership(ledger.store, seats.seat(ledger.store.engine.url), "x", ledger.clock)
    leadership.look()
    table = jobs.table(authority, certificate, ledger.store, leadership, heads)
    keeping = Upkeep(table, leadership.is_leader)
    before = heads.newest()
    authority.clock.move(days=401)
    ledger.clock.move(days=401)
    for job in table:
        keeping.turn(job)
    leadership.stop()
    assert keeping.failing == {}
    assert (heads.newest().number, heads.newest().head.size) == (before.number + 1, 22)
    report = ledger.audit()
    assert (report.purged, report.problems) == (20, [])


def test_who_does_not_lead_only_renews_its_own_certificate(authority, clock, certificate, upkeep):
    number = authority.crl(CaName.USER_ISSUING).number
    clock.move(hours=2)
    upkeep(leads=False)
    assert authority.crl(CaName.USER_ISSUING).number == number
    assert certificate.asked == 1


def test_at_the_start_the_leader_signs_and_the_others_only_what_is_old(
    authority, clock, leadership
):
    numbers = [authority.crl(CaName.USER_ISSUING).number]
    for lead, hours in ((False, 0), (False, 2), (True, 0)):
        clock.move(hours=hours)
        if lead:
            leadership.look()
        jobs.begin(authority, leadership)
        numbers.append(authority.crl(CaName.USER_ISSUING).number)
    assert numbers[0] == numbers[1] < numbers[2] < numbers[3]


def test_who_lost_the_lead_without_knowing_it_signs_nothing(
    authority, clock, certificate, store, leadership
):
    leadership.look()
    with store.write() as transaction:
        transaction.execute(sa.update(rows).values(epoch=rows.c.epoch + 1))
    clock.move(hours=2)
    number = authority.crl(CaName.USER_ISSUING).number
    upkeep = Upkeep([], leadership.is_leader)
    for job in jobs.table(authority, certificate, store, leadership, None):
        if job.name == "revocation lists":
            upkeep.turn(job)
    assert leadership.is_leader()
    assert authority.crl(CaName.USER_ISSUING).number == number


def test_every_job_has_a_name_of_its_own(authority, certificate, store, leadership, heads):
    table = jobs.table(authority, certificate, store, leadership, heads)
    assert len({job.name for job in table}) == len(table)


def test_an_archive_that_is_not_there_is_told_before_an_edge_needs_it(
    authority, store, leadership, tmp_path, caplog
):
    directory = DirectoryObjects(tmp_path / "archive")
    for objects, failing in (
        (directory, {}),
        (NoObjects(), {"archive": "this authority has no archive (pgward ca serve --archive)"}),
    ):
        parts = SimpleNamespace(objects=objects, intake=None)
        job = jobs.archive(authority, store, parts, leadership)[0]
        keeping = Upkeep([job])
        keeping.turn(job)
        assert keeping.failing == failing
    assert caplog.messages == [
        "upkeep failed: archive: this authority has no archive (pgward ca serve --archive)"
    ]


@pytest.mark.parametrize(
    ("confirmed", "kept"),
    [(None, None), (timedelta(), timedelta(days=500)), (timedelta(days=90), timedelta(days=410))],
)
def test_time_that_nobody_else_confirms_makes_nothing_old(  # noqa: PLR0917 - fixtures
    authority, store, leadership, monkeypatch, confirmed, kept
):
    now, asked = authority.clock.now(), []
    began = now - timedelta(days=100)
    when = None if confirmed is None else began + confirmed
    monkeypatch.setattr(jobs.timekeeping, "confirmed", lambda *_: when)

    def purge(_store, _objects, moment, policy, **_more):
        asked.append((moment, policy.keep))
        return 0

    monkeypatch.setattr(jobs.purging, "purge", purge)
    monkeypatch.setattr(jobs.recordings, "purge", purge)
    parts = SimpleNamespace(objects=NoObjects(), intake=None)
    for job in jobs.archive(authority, store, parts, leadership):
        if job.name in {"old records", "old recordings"}:
            job.run()
    assert asked == ([] if kept is None else [(now, kept)] * 2)
