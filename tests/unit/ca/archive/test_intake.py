"""Taking chunks in beside the API, whose refusals stand in test_edge_audit.py."""

import threading

import pytest
import sqlalchemy as sa

from pgward.ca.archive import chains, packing
from pgward.ca.archive import intake as taking
from pgward.ca.archive.intake import Intake
from pgward.ca.identity import machines
from pgward.ca.records import Kind
from pgward.ca.store import audit
from pgward.ca.store.schema_archive import (
    audit_chains,
    audit_chunk_names,
    audit_chunks,
    database_sessions,
)
from pgward.core.errors import UnavailableError
from tests.fixtures.chunks import Teller, record


@pytest.fixture
def news():
    return []


@pytest.fixture
def intake(api, objects, news) -> Intake:
    return Intake(
        api.store,
        objects,
        api.clock,
        check_signer=lambda *_: None,
        on_news=lambda: news.append("came"),
    )


@pytest.fixture
def e1(api, edge):
    assert edge.chain
    with api.store.read() as connection:
        return machines.get(connection, Kind.EDGE, "e1")


def forget(api):
    """Put the store back to before anything came in."""
    with api.store.write() as transaction:
        for table in (audit_chains, audit_chunks, audit_chunk_names, database_sessions):
            transaction.execute(sa.delete(table))


def test_who_follows_is_told(intake, e1, edge, news):
    teller = Teller(edge)
    first = teller.pack(record(1))
    intake.take(e1, first)
    intake.take(e1, first)
    assert news == ["came"]


def test_two_deliveries_at_once_are_kept_once(api, intake, e1, edge):
    teller = Teller(edge)
    delivery = teller.pack(*(record(number) for number in range(50)))
    heads = []
    threads = [
        threading.Thread(target=lambda: heads.append(intake.take(e1, delivery))) for _ in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert heads == [teller.head] * 4
    with api.store.read() as connection:
        assert connection.execute(sa.select(database_sessions.c.statements)).scalars().all() == [50]


def test_an_object_without_its_row_is_nothing(intake, e1, edge, monkeypatch):
    teller = Teller(edge)
    delivery = teller.pack(record(1))
    with monkeypatch.context() as patched:

        def away(*_):
            raise UnavailableError("away")

        patched.setattr(taking.chains, "add", away)
        with pytest.raises(UnavailableError):
            intake.take(e1, delivery)
    assert intake.take(e1, delivery) == teller.head


def test_much_is_recovered_in_several_requests(api, intake, e1, edge, monkeypatch):
    monkeypatch.setattr(taking, "_MOST_RECOVERED", 2)
    teller = Teller(edge)
    for number in range(4):
        intake.take(
            e1, teller.pack(record(number, type="SESSION_START" if number == 0 else "QUERY"))
        )
    forget(api)
    last = teller.pack(record(9))
    for _ in range(2):
        with pytest.raises(UnavailableError, match="the archive is still being read again"):
            intake.take(e1, last)
    assert intake.take(e1, last) == teller.head
    with api.store.read() as connection:
        assert connection.execute(sa.select(database_sessions.c.statements)).scalars().all() == [4]


def test_a_damaged_object_is_not_recovered(  # noqa: PLR0917 - fixtures
    api, intake, e1, edge, objects, tmp_path
):
    teller = Teller(edge)
    intake.take(e1, teller.pack(record(1)))
    (key,) = objects.list("")
    path = tmp_path / "archive" / key
    path.write_bytes(path.read_bytes()[:-2])
    forget(api)
    with pytest.raises(taking.NotFollowingError) as told:
        intake.take(e1, teller.pack(record(2)))
    assert (told.value.reason, told.value.head.seq) == ("gap", 0)


def test_a_refusal_is_on_record_once_until_another_comes(api, intake, e1, edge):
    Teller(edge)
    liar = Teller(edge)
    intake.take(e1, Teller(edge).pack(record(1)))
    one, two = liar.pack(record(1, text="x")), liar.pack(record(2), record(3))
    for delivery in (one, one, two, two, one):
        with pytest.raises(taking.NotFollowingError):
            intake.take(e1, delivery)
    with api.store.read() as connection:
        events = audit.events(connection, action="audit.*", after=0)
    assert [each["action"] for each in events] == ["audit.chain", *["audit.fork"] * 3]


def test_what_the_archive_has_of_a_chain_is_recovered_across_gaps(api, intake, e1, edge, objects):
    teller = Teller(edge)
    keys = []
    for number in range(1, 6):
        before = {*objects.list("")}
        intake.take(e1, teller.pack(record(number)))
        keys += {*objects.list("")} - before
    forget(api)
    objects.delete(keys[1])
    objects.delete(keys[2])
    assert intake.recover("e1", teller.chain) == 3
    assert intake.recover("e1", teller.chain) == 0
    with api.store.read() as connection:
        assert chains.head(connection, "e1", teller.chain) == teller.head
        (found,) = chains.every(connection)
    assert found["gaps"] == [[2, 3]]


def test_objects_that_are_no_chunks_of_the_chain_are_passed_over(  # noqa: PLR0917 - fixtures
    api, intake, e1, edge, objects, caplog
):
    teller = Teller(edge)
    intake.take(e1, teller.pack(record(1)))
    (key,) = objects.list("")
    data = objects.get(key)
    forget(api)
    objects.delete(key)
    objects.put_if_absent(packing.key("e1", "f" * 16, 5, "0" * 64), data)  # of another place
    objects.put_if_absent(packing.key("e1", "f" * 16, 6, "0" * 64), b"rubbish")
    assert intake.recover("e1", "f" * 16) == 0
    assert "an object of the archive cannot be used" in caplog.text
