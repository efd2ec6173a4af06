import pytest
import sqlalchemy as sa

from pgward.ca.identity import devices
from pgward.ca.login import rules
from pgward.ca.login.attempt import RefusedLoginError
from pgward.ca.login.gates.device import DeviceGate
from pgward.ca.login.gates.gate import View
from pgward.ca.store import schema_login


def check(logins):
    desk = logins.desk
    with desk.store.read() as connection:
        view = View(connection, logins.user(), rules.of_settings(desk.settings), desk.now())
        return DeviceGate().check(logins.proven(), view)


def test_new_and_known_devices_pass_and_revoked_ones_do_not(logins):
    assert check(logins) is None
    with logins.desk.store.write() as transaction:
        devices.see(transaction, "alice", "jkt", name="x", client=None, now=logins.desk.now())
    assert check(logins) is None
    with logins.desk.store.write() as transaction:
        transaction.execute(sa.update(schema_login.devices).values(state="revoked"))
    with pytest.raises(RefusedLoginError, match="this device was revoked"):
        check(logins)
