import hashlib
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.records import CaName, CertificateRecord, Kind, Signed
from pgward.ca.store import audit, log_purge
from pgward.ca.store.certificates import SqlCertificates
from pgward.ca.store.log_purge import Policy, purge_certificates
from pgward.ca.store.schema import certificates
from pgward.ca.store.schema_log import log_leaves
from pgward.pki import log_entry
from tests.fixtures.authority import START

KEEP = Policy(timedelta(days=400))


def add(store, clock, serial, kind=Kind.EDGE, *, signed=True) -> None:
    record = CertificateRecord(
        serial=serial,
        ca=CaName.SERVER_ISSUING,
        kind=kind,
        subject="e1",
        not_before=clock.now(),
        not_after=clock.now() + timedelta(hours=1),
        key_sha256="00",
    )
    made = SqlCertificates(store, clock)
    made.reserve([record])
    if signed:
        made.record([Signed(record, b"DER %d" % serial)])


def left(store) -> list[str]:
    with store.read() as connection:
        return sorted(connection.execute(sa.select(certificates.c.serial)).scalars())


def purged(store) -> list[log_entry.PurgeEntry]:
    with store.read() as connection:
        statement = sa.select(log_leaves.c.body).where(log_leaves.c.type == 3)
        return [log_entry.decode(body) for body in connection.execute(statement).scalars()]


def test_only_what_expired_long_ago_is_removed(store, clock):
    add(store, clock, 1)
    add(store, clock, 2)
    clock.move(days=1)
    add(store, clock, 3)
    now = START + timedelta(days=400, hours=1)
    assert purge_certificates(store, now, KEEP) == 0
    later = now + timedelta(seconds=1)
    assert purge_certificates(store, later, KEEP) == 2
    assert left(store) == ["3"]
    (entry,) = purged(store)
    with store.read() as connection:
        hashes = connection.execute(sa.select(log_leaves.c.hash).order_by("log_index")).scalars()
        two = list(hashes)[:2]
    assert (entry.ranges, entry.expired_before) == (((0, 2),), later - KEEP.keep)
    assert entry.digest == hashlib.sha256(b"".join(two)).digest()


def test_the_audit_log_tells_of_it(store, clock):
    add(store, clock, 1)
    clock.move(days=401)
    purge_certificates(store, clock.now(), KEEP)
    with store.read() as connection:
        event = audit.events(connection, action="certificate.purge")[0]
    assert event["details"] == {
        "count": 1,
        "ranges": [[0, 1]],
        "expired_before": "2026-11-22T12:00:00Z",
        "sha256": purged(store)[0].digest.hex(),
        "log_index": 1,
    }


def test_the_cas_own_certificates_stay(store, clock):
    add(store, clock, 1, Kind.CA)
    clock.move(days=4000)
    assert purge_certificates(store, clock.now(), KEEP) == 0


def test_what_was_never_signed_goes_without_an_entry(store, clock):
    add(store, clock, 1, signed=False)
    clock.move(days=401)
    assert purge_certificates(store, clock.now(), KEEP) == 1
    assert (left(store), purged(store)) == ([], [])


def test_a_batch_at_a_time(store, clock):
    for serial in range(1, 8):
        add(store, clock, serial)
    clock.move(days=401)
    spent = [purge_certificates(store, clock.now(), KEEP, batch=3) for _ in range(4)]
    assert spent == [3, 3, 1, 0]
    assert sorted(i for each in purged(store) for i in each.indexes()) == list(range(7))


@pytest.mark.parametrize(
    ("indexes", "ranges"),
    [([], ()), ([4], ((4, 5),)), ([0, 1, 2, 5, 7, 8], ((0, 3), (5, 6), (7, 9)))],
)
def test_neighbours_are_one_range(indexes, ranges):
    assert log_purge.ranges_of(indexes) == ranges


@given(st.sets(st.integers(0, 300)))
def test_ranges_hold_what_they_were_made_of(indexes):
    ranges = log_purge.ranges_of(sorted(indexes))
    assert [i for first, end in ranges for i in range(first, end)] == sorted(indexes)
