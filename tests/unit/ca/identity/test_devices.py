from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.identity import devices
from pgward.ca.identity.devices import DeviceState
from pgward.ca.store import schema_login
from tests.fixtures.authority import START

HOUR = timedelta(hours=1)


@pytest.fixture
def see(logins):
    def see(thumbprint="jkt", **changed):
        facts = {"name": "laptop", "client": "10.0.0.1", "now": START}
        with logins.desk.store.write() as transaction:
            return devices.see(transaction, "alice", thumbprint, **facts | changed)

    return see


def test_a_device_is_enrolled_once_and_seen_again(see):
    first = see()
    assert (first.state, first.approved_by, first.posture) == (DeviceState.APPROVED, "alice", None)
    again = see(name="", client="10.0.0.2", now=START + HOUR)
    assert (again.id, again.name, again.created_at) == (first.id, "laptop", START)
    assert (again.last_client, again.last_seen_at) == ("10.0.0.2", START + HOUR)


def test_the_device_used_last_comes_first(see, logins):
    see()
    see("other", now=START + HOUR)
    with logins.desk.store.read() as connection:
        assert [d.thumbprint for d in devices.of(connection, "alice")] == ["other", "jkt"]
        assert devices.of(connection, "root") == []


def test_only_an_approved_device_is_known(see, logins):
    see()
    see("waiting", state=DeviceState.PENDING)
    with logins.desk.store.read() as connection:
        known = [devices.is_known(connection, "alice", t) for t in ("jkt", "waiting", "strange")]
        assert known == [True, False, False]
        assert not devices.is_known(connection, "root", "jkt")


def test_what_was_revoked_stays_so(see, logins):
    see()
    with logins.desk.store.write() as transaction:
        transaction.execute(sa.update(schema_login.devices).values(state="revoked"))
    assert see().state is DeviceState.REVOKED


def test_names_cannot_disguise_themselves(see):
    assert see(name="a\u202eb\n" + "x" * 200).name == ("ab" + "x" * 200)[: devices.MAX_NAME]
    assert see("other", name="\x1b").name == "unnamed"
