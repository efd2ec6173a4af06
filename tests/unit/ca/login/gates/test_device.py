from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from pgward.ca.identity import device_tokens, devices, directory
from pgward.ca.identity.devices import DeviceState
from pgward.ca.login.attempt import Ask, DeviceFacts, RefusedLoginError
from pgward.ca.login.engine import Asked, Started
from pgward.ca.login.gates.device import DeviceGate
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.core.errors import DeniedError

HOUR = timedelta(hours=1)


@pytest.fixture
def way(logins):
    """Have the people's rule say how devices come in, and log in through the gate alone."""
    logins.gates = [DeviceGate(logins.desk)]

    def way(devices):
        body = {
            "kind": "LoginRule",
            "metadata": {"name": "r1"},
            "spec": {"appliesTo": {"everyone": True}, "devices": devices},
        }
        with logins.desk.store.write() as transaction:
            wanted = kinds.read("LoginRule", body)
            resources.put(transaction, wanted, now=logins.desk.now(), by="test")

    return way


def prove(logins, thumbprint="jkt", token=None):
    facts = DeviceFacts("laptop", token)
    asked = logins.begin(logins.attempt(thumbprint=thumbprint, device=facts))
    return logins.answer(asked.flow, thumbprint, text="42")


def mine(logins):
    with logins.desk.store.read() as connection:
        return devices.of(connection, "alice")


def act(logins, how, *args, **kwargs):
    with logins.desk.store.write() as transaction:
        return how(transaction, *args, **{"now": logins.desk.now()} | kwargs)


def token(logins, user="alice"):
    lifetime = {"lifetime": HOUR, "by": "root"}
    return act(logins, device_tokens.create, user, **lifetime)[0]


def test_an_open_way_lets_new_devices_in(logins, way):
    way("open")
    assert isinstance(prove(logins), Started)
    assert [(each.name, each.approved_by) for each in mine(logins)] == [("laptop", "alice")]


@pytest.mark.parametrize("how", ["open", "approval", "token"])
def test_a_revoked_device_lets_nobody_in(logins, way, how):
    prove(logins)
    act(logins, devices.revoke, mine(logins)[0])
    way(how)
    with pytest.raises(RefusedLoginError, match="this device was revoked"):
        prove(logins, token=token(logins))


@pytest.mark.parametrize("how", ["approval", "token"])
def test_a_known_device_is_asked_nothing(logins, way, how):
    prove(logins)
    way(how)
    assert isinstance(prove(logins), Started)


def test_a_new_device_waits_until_it_is_approved(logins, way):
    way("approval")
    asked = prove(logins)
    code = devices.code_of("alice", "jkt")
    assert (asked.ask.kind, asked.ask.facts["code"]) == ("approval", code)
    (device,) = mine(logins)
    assert (device.state, device.code, device.name) == (DeviceState.PENDING, code, "laptop")
    again = logins.answer(asked.flow, poll=True)
    assert (again.ask.kind, mine(logins)) == ("approval", [device])
    act(logins, devices.approve, device, by="root")
    assert isinstance(logins.answer(again.flow, poll=True), Started)
    assert mine(logins)[0].approved_by == "root"


def test_who_waits_is_told_that_the_device_was_refused(logins, way):
    way("approval")
    asked = prove(logins)
    act(logins, devices.revoke, mine(logins)[0])
    with pytest.raises(RefusedLoginError, match="this device was revoked"):
        logins.answer(asked.flow, poll=True)


def test_too_many_devices_do_not_wait(logins, way):
    way("approval")
    for number in range(devices.MOST_PENDING):
        assert isinstance(prove(logins, f"k{number}"), Asked)
    with pytest.raises(DeniedError, match="wait for approval already"):
        prove(logins, "more")


def test_a_device_that_waited_too_long_begins_again(logins, way):
    way("approval")
    prove(logins)
    logins.desk.clock.move(minutes=30)
    prove(logins)
    assert [each.waits(logins.desk.now()) for each in mine(logins)] == [True]


@pytest.mark.parametrize("how", ["approval", "token"])
def test_a_token_brings_a_device_in_at_once(logins, way, how):
    way(how)
    secret = token(logins)
    assert isinstance(prove(logins, token=secret), Started)
    assert mine(logins)[0].approved_by == "root"
    with pytest.raises(RefusedLoginError, match="the device token is not valid"):
        prove(logins, "other", token=secret)


def test_a_token_is_asked_for_where_nothing_else_will_do(logins, way):
    way("token")
    asked = prove(logins)
    assert asked.ask.kind == "device_token"
    with pytest.raises(RefusedLoginError, match="the device token is not valid"):
        logins.answer(asked.flow, token="pgd1.guessed")
    assert mine(logins) == []
    assert isinstance(logins.answer(asked.flow, token=token(logins)), Started)


def test_another_persons_token_is_not_good(logins, way):
    way("token")
    with pytest.raises(RefusedLoginError, match="not valid"):
        prove(logins, token=token(logins, "root"))


def test_a_token_that_is_not_needed_is_not_used_up(logins, way):
    secret = token(logins)
    assert isinstance(prove(logins, token=secret), Started)
    way("token")
    assert isinstance(prove(logins, "other", token=secret), Started)


def test_a_token_that_is_used_up_meanwhile_starts_no_session(logins, way, monkeypatch):
    way("token")
    secret = token(logins)
    good = device_tokens.is_good
    calls = []

    def looked(connection, *args):
        calls.append(1)
        return len(calls) > 1 or good(connection, *args)

    monkeypatch.setattr(device_tokens, "is_good", looked)
    prove(logins, "first", token=secret)
    with pytest.raises(DeniedError, match="device token is not valid"):
        prove(logins, "second", token=secret)
    assert [each.thumbprint for each in mine(logins)] == ["first"]


def test_facts_of_the_device_stay_with_it(logins, way):
    way("token")
    facts = DeviceFacts("laptop", posture={"os": "linux"})
    asked = logins.begin(logins.attempt(device=replace(facts)))
    asked = logins.answer(asked.flow, text="42")
    logins.answer(asked.flow, token=token(logins))
    assert mine(logins)[0].posture == {"os": "linux"}


def test_of_somebody_removed_meanwhile_no_device_waits(logins, change):
    gate, attempt = DeviceGate(logins.desk), logins.proven()
    change(directory.remove, "alice")
    with pytest.raises(DeniedError, match="the user was removed during the login"):
        anyio.run(gate.prepare, attempt, Ask("approval"))
