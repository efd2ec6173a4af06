import pytest

from pgward.ca.identity import devices, directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.login import lockout
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.core.errors import ConflictError
from tests.fixtures.authority import START


@pytest.fixture
def under(logins):
    """Return who is locked out when a rule for everyone has these fields."""

    def under(**spec):
        body = {
            "kind": "LoginRule",
            "metadata": {"name": "r1"},
            "spec": {"appliesTo": {"everyone": True}, **spec},
        }
        with logins.desk.store.write() as transaction:
            resources.put(transaction, kinds.read("LoginRule", body), now=START, by="test")
            found = lockout.of_administrators(transaction.connection)
            transaction.discard()
        return found

    return under


@pytest.fixture
def see(logins):
    def see(posture):
        with logins.desk.store.write() as transaction:
            devices.see(
                transaction, "root", "jkt", name="pc", client=None, now=START, posture=posture
            )

    return see


def test_rules_that_an_administrator_fulfils(under):
    assert under(methods=["password"], secondFactor="required", reason="required") == {}


def test_methods_that_nobody_has(under, logins):
    assert under(methods=["passkey", "oidc"]) == {"root": "none of the allowed methods is set up"}
    spec = {"type": "oidc"}
    row = {"kind": "IdentityProvider", "name": "idp", "description": "", "spec": spec}
    row |= {"version": 1, "created_at": START, "created_by": "t"}
    with logins.desk.store.write() as transaction:
        transaction.execute(
            resources.resources.insert().values(row | {"updated_at": START, "updated_by": "t"})
        )
    assert under(methods=["passkey", "oidc"]) == {}


def test_devices_that_nobody_can_approve(under, see):
    assert under(devices="approval") == {"root": "no device is approved"}
    see(None)
    assert under(devices="token") == {}


def test_posture_that_no_device_reported(under, see):
    wanted = {"posture": {"firewall": "required"}}
    see({"firewall": {"value": False}})
    assert under(**wanted) == {"root": "no device reported what is required"}
    see({"firewall": {"value": True}})
    assert under(**wanted) == {}


def test_one_administrator_is_enough_and_a_blocked_one_is_none(under, logins):
    with logins.desk.store.write() as transaction:
        new = NewUser("second", groups=["administrators"])
        directory.add(transaction, new, now=START, by="test")
    assert under(methods=["password"]) == {}
    with logins.desk.store.write() as transaction:
        directory.block(transaction, "root", "left", now=START)
    assert under(methods=["password"]) == {"second": "none of the allowed methods is set up"}


@pytest.fixture
def keyed(logins):
    """Have a rule that wants a passkey of who is in keyed, and a second administrator in it."""
    spec = {"appliesTo": {"groups": ["keyed"]}, "methods": ["passkey"]}
    body = {"kind": "LoginRule", "metadata": {"name": "r1"}, "spec": spec}
    with logins.desk.store.write() as transaction:
        new = NewUser("second", groups=["administrators", "keyed"])
        directory.add(transaction, new, now=START, by="test")
        resources.put(transaction, kinds.read("LoginRule", body), now=START, by="test")
    return logins.desk.store


def test_what_leaves_nobody_who_could_log_in_is_refused(keyed):
    for change in (["keyed"], ["administrators", "keyed"]):
        with (
            pytest.raises(ConflictError, match="no administrator could log in then: ") as caught,
            keyed.write() as transaction,
            lockout.guarded(transaction, override="; and so on"),
        ):
            directory.change_groups(transaction, "root", change)
        assert caught.value.message.endswith("set up); and so on")
    with keyed.write() as transaction, lockout.guarded(transaction):
        directory.change_groups(transaction, "root", ["administrators", "other"])


def test_what_was_so_before_may_stay_so(keyed):
    with keyed.write() as transaction:
        directory.block(transaction, "root", "left", now=START)
        assert lockout.is_locked_out(transaction.connection)
        with lockout.guarded(transaction):
            directory.change_groups(transaction, "root", [])
