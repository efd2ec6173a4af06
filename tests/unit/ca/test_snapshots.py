from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.authority import Authority, Trust
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.ca.settings import Settings
from pgward.ca.snapshots import News, Snapshots
from pgward.ca.standing import Loader
from pgward.ca.store.certificates import SqlCertificates
from pgward.ca.store.schema_access import access_grants
from pgward.ca.store.transaction import advance_version
from pgward.pki.snapshot_parts import NO_TAG
from tests.fixtures.authority import START
from tests.fixtures.ca_service import service

TRUST = Trust("Acme", (), (), ())


def test_the_grants_of_the_store_are_read(grant, store, snapshots, signing):
    with store.write() as transaction:
        wanted = kinds.read("Service", service(name="shop"))
        resources.put(transaction, wanted, now=START, by="root")
    grant(1)
    snapshots.get("e1", store.version())
    assert signing.signed[-1]["services"][0]["grants"]


class _Signing:
    def __init__(self, authority):
        self.user_crls = authority.user_crls
        self.refresh = authority.refresh
        self.retired = authority.retired
        self.trust = TRUST
        self.signed = []

    def sign_snapshot(self, payload):
        self.signed.append(payload)
        return f"signed {payload['version']} for {payload['edge']}"


@pytest.fixture
def signing(sql_authority):
    return _Signing(sql_authority)


@pytest.fixture
def snapshots(store, signing, clock):
    return Snapshots(store, signing, clock)


def test_a_snapshot_is_signed_once_for_each_edge_and_version(store, signing, snapshots, clock):
    version = store.version()
    assert snapshots.get("e1", version) == f"signed {version} for e1"
    snapshots.get("e1", version)
    snapshots.get("e2", version)
    assert len(signing.signed) == 2
    with store.write() as transaction:
        wanted = kinds.read("Service", service())
        resources.put(transaction, wanted, now=START, by="root")
    snapshots.get("e1", store.version())
    assert [len(each["services"]) for each in signing.signed] == [0, 0, 1]
    clock.move(hours=7)
    snapshots.get("e1", store.version())
    assert len(signing.signed) == 4


def test_a_snapshot_from_the_future_is_signed_anew(store, signing, snapshots, clock):
    clock.move(days=2)
    snapshots.get("e1", store.version())
    clock.move(days=-2)
    snapshots.get("e1", store.version())
    assert [each["issued_at"] for each in signing.signed] == [
        "2026-11-23T12:00:00Z",
        "2026-11-21T12:00:00Z",
    ]


def test_a_step_that_comes_while_it_is_made_is_in_the_next_version(rotating_ca, monkeypatch):
    """What edges trust is read before, so the older version stands for it."""
    ca, loader = rotating_ca, Loader(rotating_ca.store, rotating_ca.keeper, rotating_ca.clock)
    certificates = SqlCertificates(ca.store, ca.clock)
    other = Authority(Settings(), loader(), certificates, ca.clock, reload=loader)
    snapshots = Snapshots(ca.store, other, ca.clock)
    before, refresh = ca.store.version(), other.refresh
    monkeypatch.setattr(other, "refresh", lambda: (refresh(), ca.start("user-root")))
    first = snapshots._current(before)
    assert (first.version, len(first.trust.user_roots)) == (before, 1)
    monkeypatch.setattr(other, "refresh", refresh)
    second = snapshots._current(ca.store.version())
    assert (second.version > before, len(second.trust.user_roots)) == (True, 2)
    other.close()


def put(store, name, **fields):
    with store.write() as transaction:
        wanted = kinds.read("Service", service(name=name, **fields))
        resources.put(transaction, wanted, now=START, by="root")


def change(store, number, **values):
    with store.write() as transaction:
        wanted = sa.update(access_grants).where(access_grants.c.id == f"g{number}")
        transaction.execute(wanted.values(values))
        transaction.granted()


@pytest.fixture
def told(store, snapshots):
    """Return a function that tells an edge what is new, and what there was to tell."""
    known = {"after": 0, "tag": NO_TAG}

    def tell(edge: str = "e1") -> tuple[News, int]:
        version = store.version()
        news = snapshots.news(edge, version, known["after"], known["tag"])
        found = snapshots.tell(edge, version, known["after"], known["tag"])
        known.update(after=news.version, tag=snapshots._views[("shop",)].tag(edge))
        return news, len(found.parts)

    return tell


def test_grants_alone_are_read_alone(grant, store, told, snapshots, signing):
    put(store, "shop")
    grant(1)
    told()
    services = snapshots._state.services
    signing.refresh = None
    change(store, 1, ends_at=START + timedelta(hours=3))
    news, parts = told()
    assert (news.version, news.is_other, news.is_urgent, parts) == (store.version(), True, False, 1)
    assert snapshots._state.services is services
    change(store, 1, state="ending")
    news, parts = told()
    assert (news.is_other, news.is_urgent, parts) == (True, True, 0)
    payload = signing.signed[-1]
    assert (payload["version"], "grants" in payload["parts"]) == (store.version(), False)


def test_a_grant_that_waits_for_its_connector_is_no_news(grant, store, told):
    put(store, "shop")
    told()
    grant(1, state="pending")
    told()  # this fixture says that all may have changed
    change(store, 1, problem="the server is away")
    assert told() == (News(store.version(), is_other=False, is_urgent=False), 0)
    change(store, 1, state="active")
    assert told()[0].is_other


def test_more_than_grants_reads_all(store, told):
    put(store, "shop")
    told()
    put(store, "shop", allow={"groups": ["others"]})
    news, parts = told()
    assert (news.is_other, news.is_urgent, parts) == (True, True, 2)


def test_a_change_by_a_process_that_knows_no_grants_alone_reads_all(grant, store, told, snapshots):
    put(store, "shop")
    grant(1)
    told()
    services = snapshots._state.services
    with store.write() as transaction:
        advance_version(transaction.connection, 0)
    told()
    assert snapshots._state.services is not services


def test_what_time_changes_is_read_within_half_a_minute(grant, store, told, snapshots, clock):
    put(store, "shop")
    grant(1)
    told()
    services = snapshots._state.services
    clock.move(seconds=31)
    change(store, 1, problem="x")
    assert not told()[0].is_other
    assert snapshots._state.services is not services


def test_what_no_edge_asks_for_is_forgotten(store, told, snapshots, clock):
    put(store, "shop")
    told()
    clock.move(minutes=11)
    put(store, "wiki")
    snapshots.news("e1", store.version(), 0, NO_TAG)
    assert set(snapshots._views) == {("shop", "wiki")}


def test_a_list_of_parts_is_signed_once_for_each_edge_and_version(store, snapshots, signing):
    version = store.version()
    for edge in ("e1", "e1", "e2"):
        snapshots.tell(edge, version, 0, NO_TAG)
    assert [each["edge"] for each in signing.signed] == ["e1", "e2"]
    assert snapshots.is_known(version)
    assert not snapshots.is_known(version + 1)
    snapshots.take_up(version)
    assert len(signing.signed) == 2
