import anyio

from pgward.ca.identity import devices
from pgward.ca.login import making
from pgward.ca.login.password_change import PasswordChanges
from pgward.ca.resources import kinds, stored
from pgward.ca.resources.login_rule import METHODS
from tests.fixtures.logins import REVOKER


def engine(desk):
    return making.engine(desk, making.factors(desk), PasswordChanges(desk, REVOKER))


def test_who_was_told_nothing_logs_in_with_a_password(desk):
    with desk.store.read() as connection:
        assert engine(desk).methods.offers(connection)[0].method == "password"


def test_login_rules_can_name_every_method(desk):
    methods = engine(desk).methods
    assert {methods.get(kind).kind for kind in METHODS} == set(METHODS)


RULE = {
    "appliesTo": {"everyone": True},
    "secondFactor": "required",
    "devices": "approval",
}


def test_a_stolen_password_sets_no_second_factor_up_on_an_unknown_device(logins):
    desk = logins.desk
    body = {"kind": "LoginRule", "metadata": {"name": "strict"}, "spec": RULE}
    with desk.store.write() as transaction:
        wanted = kinds.read("LoginRule", body)
        stored.put(transaction, wanted, now=desk.now(), by="test")
    made = engine(desk)
    asked = anyio.run(made.begin, logins.attempt(method="password"))
    assert asked.ask.kind == "approval"
    with desk.store.write() as transaction:
        [device] = devices.of(transaction.connection, "alice")
        devices.approve(transaction, device, now=desk.now(), by="root")

    async def poll():
        return await made.answer(asked.flow, {"poll": True}, thumbprint="jkt")

    assert anyio.run(poll).ask.kind == "totp_enroll"
