"""What the archive has and a restored store has not."""

import pytest
import sqlalchemy as sa

from pgward.audit.events import AuditEvent
from pgward.ca import caller
from pgward.ca.archive.intake import Intake
from pgward.ca.identity import machines
from pgward.ca.recordings import intake as recordings
from pgward.ca.records import Kind
from pgward.ca.recovering import RECOVERED, RESTORED, Recovery
from pgward.ca.store.schema_archive import (
    audit_chains,
    audit_chunk_names,
    audit_chunks,
    database_sessions,
)
from pgward.ca.store.schema_recordings import recording_pieces
from pgward.core.errors import UnavailableError
from tests.fixtures.chunks import CHAIN, Teller, record
from tests.fixtures.recordings import parcel_of, start

LEFT = "ff" * 8


@pytest.fixture
def intake(api, objects):
    return Intake(api.store, objects, api.clock, check_signer=lambda *_: None)


@pytest.fixture
def recovery(api, objects, intake):
    return lambda chunks=intake: Recovery(api.store, objects, chunks, api.clock)


@pytest.fixture
def kept(api, intake, edge, objects):
    """Two chains and a recording of an edge; return the chains' heads."""
    assert edge.chain
    with api.store.read() as connection:
        e1 = machines.get(connection, Kind.EDGE, "e1")
    tellers = [Teller(edge, chain=LEFT), Teller(edge)]
    for number in range(1, 4):
        for teller in tellers:
            intake.take(e1, teller.pack(record(number, session=f"{teller.chain}-1")))
    data = parcel_of([start(1)])
    digest = recordings.sha256(data).hexdigest()
    recordings.take(api.store, objects, api.clock, e1, digest=digest, data=data)
    return {teller.chain: teller.head for teller in tellers}


def restored(api, action=RESTORED[0], *, forget=True):
    """Put the store back to before anything came in, as `ca restore` does."""
    with api.store.write() as transaction:
        tables = audit_chains, audit_chunks, audit_chunk_names, database_sessions, recording_pieces
        for table in tables if forget else ():
            transaction.execute(sa.delete(table))
        event = AuditEvent.make(time=api.clock.now(), actor=caller.SYSTEM, action=action)
        transaction.record(event)


def counts(api):
    """Return the heads of chains, the number of pieces, and what each session said."""
    with api.store.read() as connection:
        heads = {
            row.chain: row.head_seq for row in connection.execute(sa.select(audit_chains)).all()
        }
        pieces = connection.execute(sa.select(recording_pieces.c.session)).scalars().all()
        said = connection.execute(sa.select(database_sessions.c.statements)).scalars().all()
    return heads, len(pieces), said


def recovered(api):
    return [each["details"] for each in api.events() if each["action"] == RECOVERED]


@pytest.mark.parametrize("action", RESTORED)
def test_all_chains_and_recordings_are_taken_in_again(api, kept, recovery, action):
    before = counts(api)
    restored(api, action)
    assert counts(api) == ({}, 0, [])
    recovery().run()
    assert counts(api) == before == ({LEFT: 3, CHAIN: 3}, 1, [3, 3])
    assert kept.keys() == {LEFT, CHAIN}
    assert recovered(api) == [{"chunks": 6, "pieces": 1}]


def test_it_is_done_once(api, kept, recovery):
    assert kept
    restored(api)
    for each in (one := recovery(), one, recovery()):
        each.run()
    assert len(recovered(api)) == 1
    restored(api)
    recovery().run()
    assert len(recovered(api)) == 2


@pytest.mark.usefixtures("kept")
def test_without_a_restore_nothing_is_read(api, recovery, objects, monkeypatch):
    monkeypatch.setattr(type(objects), "list", lambda *_: pytest.fail("it was read"))
    recovery().run()
    assert recovered(api) == []


@pytest.mark.usefixtures("kept")
def test_an_archive_that_is_away_is_read_at_the_next_turn(api, recovery, intake, monkeypatch):
    restored(api)
    one = recovery()
    with monkeypatch.context() as patched:

        def away(*_):
            raise UnavailableError("away")

        patched.setattr(intake, "recover", away)
        with pytest.raises(UnavailableError):
            one.run()
    assert recovered(api) == []
    one.run()
    assert recovered(api) == [{"chunks": 6, "pieces": 1}]


def test_what_is_no_parcel_is_passed_over(api, recovery, objects, caplog):
    objects.put_if_absent(recordings.key_of("e1", "0" * 64), b"rubbish")
    objects.put_if_absent("audit/stray", b"rubbish")
    restored(api)
    recovery().run()
    assert recovered(api) == [{"chunks": 0, "pieces": 0}]
    assert "a parcel of the archive cannot be used" in caplog.text


def test_a_parcel_that_cannot_be_fetched_is_tried_again(api, recovery, objects, monkeypatch):
    objects.put_if_absent(recordings.key_of("e1", "0" * 64), b"rubbish")
    restored(api)

    def away(*_):
        raise UnavailableError("away")

    monkeypatch.setattr(type(objects), "get", away)
    with pytest.raises(UnavailableError):
        recovery().run()


def test_an_archive_that_was_forgotten_is_read_at_a_later_start(  # noqa: PLR0917 - fixtures
    api, kept, recovery, objects, tmp_path, caplog
):
    assert kept
    (tmp_path / "archive").rename(tmp_path / "elsewhere")
    restored(api, forget=False)
    recovery().run()
    assert recovered(api) == []
    assert "its archive is empty" in caplog.text
    (tmp_path / "elsewhere").rename(tmp_path / "archive")
    recovery().run()
    assert recovered(api) == [{"chunks": 0, "pieces": 0}]
    assert len(list(objects.list(""))) == 7
