from datetime import timedelta
from hashlib import sha256
from types import SimpleNamespace

import sqlalchemy as sa

from pgward.ca.archive.purging import Policy
from pgward.ca.recordings import intake, keys, purging, reading
from pgward.ca.store.schema_recordings import recording_keys
from tests.fixtures.ca_service import SEALER
from tests.fixtures.recordings import SESSION, parcel_of, start

EDGE = SimpleNamespace(name="e1", actor="edge:e1")
POLICY = Policy(timedelta(days=30))


def take(store, objects, clock, session):
    data = parcel_of([start(1, session=session)])
    intake.take(store, objects, clock, EDGE, digest=sha256(data).hexdigest(), data=data)


def test_what_is_old_goes_and_that_is_put_on_record(api, store, objects, clock):
    other = SESSION.replace("-1", "-2")
    take(store, objects, clock, SESSION)
    clock.moment += timedelta(days=20)
    take(store, objects, clock, other)
    assert purging.purge(store, objects, clock.now(), POLICY) == 0
    now = clock.now() + timedelta(days=11)
    assert purging.purge(store, objects, now, POLICY) == 1
    assert purging.purge(store, objects, now, POLICY) == 0
    assert len(list(objects.list("recordings/"))) == 1
    with store.read() as connection:
        assert reading.summary(connection, "e1", SESSION) is None
        assert reading.summary(connection, "e1", other)
    (event,) = [each for each in api.events() if each["action"] == "recording.purge"]
    assert (event["details"]["parcels"], event["details"]["pieces"]) == (1, 1)


def test_a_key_goes_long_after_what_it_locked(api, store, objects, clock):
    first = keys.ensure(store, SEALER, clock)
    data = parcel_of([start(1, recipient=first)])
    digest = sha256(data).hexdigest()
    intake.take(store, objects, clock, EDGE, digest=digest, data=data)
    with store.write() as transaction:
        second = keys.rotate(transaction, SEALER, now=clock.now()).recipient

    def known_after(days):
        purging.purge(store, objects, clock.now() + timedelta(days=days), POLICY)
        with store.read() as connection:
            return connection.execute(sa.select(recording_keys.c.recipient)).scalars().all()

    assert set(known_after(29)) == {first, second}
    assert set(known_after(31)) == {first, second}  # its piece is gone; another may be on its way
    assert known_after(30 + 91) == [second]
    assert known_after(3000) == [second]  # the one in use
    (event,) = [each for each in api.events() if each["action"] == "recording.forget-key"]
    assert event["details"]["recipients"] == [first]


def test_a_key_stays_for_a_piece_that_came_late(store, objects, clock):
    first = keys.ensure(store, SEALER, clock)
    with store.write() as transaction:
        keys.rotate(transaction, SEALER, now=clock.now())
    clock.moment += timedelta(days=200)
    data = parcel_of([start(1, recipient=first)])
    intake.take(store, objects, clock, EDGE, digest=sha256(data).hexdigest(), data=data)
    purging.purge(store, objects, clock.now(), POLICY)
    with store.read() as connection:
        assert keys.identity_of(connection, SEALER, first)
