from datetime import timedelta

import pytest
import sqlalchemy as sa

from pgward.ca.identity import devices
from pgward.ca.identity.devices import DeviceState
from pgward.ca.store import schema, schema_login
from pgward.core.errors import ConflictError, DeniedError, InvalidInputError, NotFoundError
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


def test_a_device_keeps_the_name_that_it_was_given(see, logins):
    device = see()
    with logins.desk.store.write() as transaction:
        assert devices.rename(transaction, device, "My laptop").name == "My laptop"
        for name in ("", " ", "a\nb", "x" * 101, "a\u202eb"):
            with pytest.raises(InvalidInputError, match="one line of 1 to 100"):
                devices.rename(transaction, device, name)
    assert see(name="host").name == "My laptop"


def test_a_device_that_waits_is_found_by_its_code_for_some_minutes(see, logins):
    device = see(state=DeviceState.PENDING)
    code = device.code
    assert len(code) == 9
    with logins.desk.store.read() as connection:
        for which in (code, code.lower(), code.replace("-", ""), code.replace("-", " "), device.id):
            assert devices.waiting(connection, "alice", which, START).id == device.id
        for user, which, now in (
            ("alice", "AAAA-AAAA", START),
            ("root", code, START),
            ("alice", code, START + devices.WAITS),
        ):
            with pytest.raises(NotFoundError, match="waits under") as refused:
                devices.waiting(connection, user, which, now)
            assert "pgward devices lists those that wait" in str(refused.value.hint)


def test_a_code_that_two_devices_have_names_none(see, logins, monkeypatch):
    monkeypatch.setattr(devices, "code_of", lambda *_: "ABCD-EFGH")
    one = see("one", state=DeviceState.PENDING)
    see("two", state=DeviceState.PENDING)
    with logins.desk.store.read() as connection:
        with pytest.raises(ConflictError, match="several devices wait"):
            devices.waiting(connection, "alice", "ABCD-EFGH", START)
        assert devices.waiting(connection, "alice", one.id, START).id == one.id


def test_codes_differ_by_person_and_device():
    found = {devices.code_of(user, key) for user in ("a", "b") for key in ("k", "l")}
    assert len(found) == 4


def test_approval_is_given_once(see, logins):
    device = see(state=DeviceState.PENDING, posture={"os": "linux"})
    with logins.desk.store.write() as transaction:
        approved = devices.approve(transaction, device, now=START + HOUR, by="root")
        assert (approved.state, approved.approved_by) == (DeviceState.APPROVED, "root")
        with pytest.raises(ConflictError, match="does not wait any more"):
            devices.approve(transaction, device, now=START, by="root")
    assert see().approved_by == "root"


def test_a_device_whose_rule_went_comes_in(see):
    see(state=DeviceState.PENDING)
    assert (see().state, see().approved_by) == (DeviceState.APPROVED, "alice")


def test_few_devices_wait_at_once_and_not_for_long(see, logins):
    for number in range(devices.MOST_PENDING):
        see(f"k{number}", state=DeviceState.PENDING)
    see("k0", state=DeviceState.PENDING)  # it waits already
    with pytest.raises(DeniedError, match="5 devices of yours wait"):
        see("more", state=DeviceState.PENDING)
    see("more", state=DeviceState.PENDING, now=START + devices.WAITS)
    with logins.desk.store.read() as connection:
        assert [each.thumbprint for each in devices.of(connection, "alice")] == ["more"]


def test_revoked_devices_are_not_forgotten_and_no_device_in_use(see, logins, monkeypatch):
    monkeypatch.setattr(devices, "MOST", 4)
    monkeypatch.setattr(devices, "_BATCH", 2)
    first = see("used", now=START - 9 * HOUR)
    bad = see("revoked", now=START - 8 * HOUR)
    with logins.desk.store.write() as transaction:
        devices.revoke(transaction, bad, now=START)
        row = {"id": "s1", "token_hash": b"x", "user_name": "alice", "thumbprint": "used"}
        row |= {"method": "password", "created_at": START, "expires_at": START + HOUR}
        transaction.execute(sa.insert(schema.login_sessions), [row | {"device_id": first.id}])
    for number in range(4):
        see(f"k{number}", now=START + number * HOUR / 10)
    with logins.desk.store.read() as connection:
        found = {each.thumbprint for each in devices.of(connection, "alice")}
    assert found == {"used", "revoked", "k2", "k3"}


def test_what_a_device_says_of_itself_counts_until_it_says_something_else(see):
    assert see(posture={"os": "linux"}).posture_at == START
    assert (see().posture, see().posture_at) == (None, None)


def test_a_device_is_one_persons(see, logins):
    device = see()
    with logins.desk.store.read() as connection:
        assert devices.get(connection, "alice", device.id) == device
        with pytest.raises(NotFoundError, match="root has no device"):
            devices.get(connection, "root", device.id)
