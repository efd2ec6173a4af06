from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.archive import chains, purging
from pgward.ca.archive.purging import Policy
from pgward.ca.store import audit
from pgward.ca.store.schema_archive import audit_chunk_names, database_sessions
from pgward.core.errors import UnavailableError
from tests.fixtures.authority import START
from tests.fixtures.chunks import CHAIN, record

DAY = timedelta(days=1)
KEPT = Policy(timedelta(days=10))


@pytest.fixture
def filled(archived):
    for number in range(4):
        archived.now = START + number * DAY
        archived.add(record(number, session=f"s{number}"), record(number))
    return archived


def purge(filled, days, **more):
    now = START + timedelta(days=days, seconds=1)
    return purging.purge(filled.store, filled.objects, now, KEPT, **more)


def state(filled):
    with filled.store.read() as connection:
        (chain,) = chains.every(connection)
        names = connection.execute(
            sa.select(sa.func.count(sa.distinct(audit_chunk_names.c.arrival)))
        ).scalar_one()
        held = connection.execute(
            sa.select(sa.func.count()).select_from(database_sessions)
        ).scalar_one()
    return chain["first_seq"], len(list(filled.objects.list(""))), names, held


def test_what_is_young_stays(filled):
    assert purge(filled, 9) == 0
    assert state(filled)[:3] == (1, 4, 4)


def test_the_oldest_go_and_that_is_put_on_record(filled):
    assert purge(filled, 11) == 2
    assert state(filled) == (5, 2, 2, 3)  # the session of records that come again and again
    with filled.store.read() as connection:
        (event,) = audit.events(connection, action="audit.purge")
        (chain,) = chains.every(connection)
    assert event["target"] == CHAIN
    assert event["details"] == {
        "edge": "e1",
        "first_seq": 1,
        "last_seq": 4,
        "end_hash": chain["first_hash"],
        "chunks": 2,
        "received_before": "2026-11-22T12:00:01Z",
    }
    assert purge(filled, 11) == 0


def test_a_little_at_a_time(filled):
    assert [purge(filled, 99, batch=3), purge(filled, 99, batch=3)] == [3, 1]
    assert state(filled)[:3] == (9, 0, 0)


def test_times_in_records_do_not_make_them_old(archived):
    archived.add(record(-3600 * 24 * 365))
    assert purge(archived, 9) == 0


def test_what_a_crash_left_half_done_is_done_the_next_time(filled, monkeypatch):
    with monkeypatch.context() as patched:

        def away(*_):
            raise UnavailableError("away")

        patched.setattr(type(filled.objects), "delete", away)
        with pytest.raises(UnavailableError):
            purge(filled, 11)
    assert state(filled)[0] == 5  # nobody reads them any more
    assert purge(filled, 11) == 2
    assert state(filled)[:3] == (5, 2, 2)


def test_the_chain_goes_on(filled):
    purge(filled, 99)
    filled.add(record(9))
    with filled.store.read() as connection:
        (chain,) = chains.every(connection)
    assert (chain["first_seq"], chain["head_seq"]) == (9, 9)
