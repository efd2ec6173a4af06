from datetime import timedelta
from hashlib import sha256
from types import SimpleNamespace

from pgward.ca.archive.purging import Policy
from pgward.ca.recordings import intake, purging, reading
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
