"""What is removed, or replaced, while a login is under way lets nobody in at its end."""

from functools import partial

import pytest

from pgward.ca.identity import directory, external, second_factors
from pgward.ca.identity.directory import NewUser
from pgward.ca.login import grounds, making
from pgward.ca.login.attempt import Ask
from pgward.ca.login.engine import Asked, Engine, Started
from pgward.ca.login.gates.second_factor import SecondFactor
from pgward.ca.login.method import Methods
from pgward.ca.login.passkeys import credentials
from pgward.ca.login.passkeys.method import PasskeyMethod
from pgward.ca.login.password import PasswordMethod
from pgward.core.errors import DeniedError
from tests.fixtures.ca_service import PASSWORD

PROVIDER, SUBJECT = "corp", "subject 1"


class Waits:
    """A last gate, at which a login stands while other things happen."""

    kind = "waits"

    def check(self, attempt, _view):
        return None if attempt.reason else Ask(self.kind)

    async def answer(self, attempt, answer):
        attempt.reason = answer["word"]


class World:
    """Alice, who proves herself and then waits."""

    def __init__(self, logins, factors, passkeys):
        desk = logins.desk
        gates = [SecondFactor(making.factors(desk)), Waits()]
        passkeys.engine = Engine(desk, Methods([PasswordMethod(desk), PasskeyMethod(desk)]), gates)
        self.logins, self.factors, self.passkeys = logins, factors, passkeys
        self.app = None

    def by_password(self):
        return self.passkeys.begin("alice")

    def by_app(self):
        self.app = self.factors.add_app()
        self.pass_time()
        return self.with_code(self.by_password().flow)

    def by_recovery_code(self):
        self.factors.add_app()
        flow = (codes := self.factors.add_codes()) and self.by_password().flow
        return self.passkeys.answer(flow, factor="recovery", code=codes[0])

    def by_passkey(self):
        phone = self.passkeys.add()
        asked = self.passkeys.begin()
        return self.passkeys.answer(asked.flow, **self.passkeys.use(asked.ask.facts["url"], phone))

    def with_code(self, flow):
        return self.passkeys.answer(flow, factor="totp", code=self.app.code())

    def pass_time(self):
        self.logins.desk.clock.move(seconds=30)

    def change(self, how, *args, **kwargs):
        with self.logins.desk.store.write() as transaction:
            return how(transaction, *args, **kwargs)

    def remake(self):
        """Remove Alice, and add somebody else of that name and, as it happens, password."""
        encoded = self.logins.desk.workers.passwords.hash(PASSWORD)
        self.change(directory.remove, "alice")
        new = NewUser("alice", password_hash=encoded)
        self.change(directory.add, new, now=self.logins.desk.now(), by="test")

    def new_password(self, changed=True):
        now = self.logins.desk.now()
        self.change(directory.set_password, "alice", "x", now=now, changed=changed)


@pytest.fixture
def world(logins, factors, passkeys):
    return World(logins, factors, passkeys)


EVENTS = {
    "removed": lambda world: world.change(directory.remove, "alice"),
    "remade": World.remake,
    "password": World.new_password,
    "app removed": lambda world: world.change(second_factors.remove_totp, "alice"),
    "app replaced": lambda world: world.factors.add_app(),
    "codes": lambda world: world.factors.add_codes(),
    "reset": lambda world: world.change(second_factors.remove_all, "alice"),
    "passkey": lambda world: world.change(credentials.remove_all, "alice"),
    "hashed anew": partial(World.new_password, changed=False),
    "nothing": lambda _world: None,
}
GONE, CHANGED = "the user was removed", "the password was changed"
APP, CODES = "the authenticator app was removed or replaced", "the recovery codes were"


@pytest.mark.parametrize(
    ("way", "event", "refusal"),
    [
        ("by_password", "removed", GONE),
        ("by_password", "remade", GONE),
        ("by_password", "password", CHANGED),
        ("by_password", "hashed anew", None),
        ("by_app", "remade", GONE),
        ("by_app", "password", CHANGED),
        ("by_app", "app removed", APP),
        ("by_app", "app replaced", APP),
        ("by_app", "reset", APP),
        ("by_app", "codes", None),
        ("by_app", "nothing", None),
        ("by_recovery_code", "codes", CODES),
        ("by_recovery_code", "reset", CODES),
        ("by_recovery_code", "nothing", None),
        ("by_passkey", "passkey", "the passkey was removed"),
        ("by_passkey", "reset", "the passkey was removed"),
        ("by_passkey", "remade", GONE),
        ("by_passkey", "password", None),  # it was not asked for
        ("by_passkey", "nothing", None),
    ],
)
def test_what_proved_it_must_be_there_when_the_session_starts(world, way, event, refusal):
    asked = getattr(world, way)()
    assert isinstance(asked, Asked)
    assert asked.ask.kind == "waits"
    world.pass_time()
    EVENTS[event](world)
    if refusal is None:
        assert isinstance(world.passkeys.answer(asked.flow, word="please"), Started)
        return
    with pytest.raises(DeniedError, match=f"{refusal}.* during the login"):
        world.passkeys.answer(asked.flow, word="please")
    actor, outcome, reason = world.logins.events()[-1]
    assert (actor, outcome) == ("alice", "denied")
    assert reason.startswith(refusal)


@pytest.mark.parametrize("event", ["app removed", "app replaced", "reset", "remade"])
def test_what_was_asked_for_must_be_there_when_the_answer_comes(world, event):
    world.app = world.factors.add_app()
    asked = world.by_password()
    assert asked.ask.kind == "second_factor"
    world.pass_time()
    EVENTS[event](world)
    world.app = world.factors.add_app()  # whoever has the new one begins anew
    world.pass_time()
    with pytest.raises(DeniedError, match="during the login"):
        world.with_code(asked.flow)
    found = world.with_code(world.by_password().flow)
    assert found.ask.kind == "waits"


def test_a_passkey_that_was_made_since_is_not_the_one_that_was_asked_for(world):
    world.passkeys.add()
    asked = world.by_password()
    EVENTS["passkey"](world)
    world.pass_time()
    phone = world.passkeys.add()
    brought = world.passkeys.use(asked.ask.facts["url"], phone, "http://127.0.0.1:1/callback")
    with pytest.raises(DeniedError, match="the passkey was removed during the login"):
        world.passkeys.answer(asked.flow, factor="webauthn", **brought)


@pytest.fixture
def linked(world):
    now = world.logins.desk.now()
    return partial(world.change, external.link, PROVIDER, SUBJECT, now=now, by="test")


def check(world, *rests_on, **words):
    with world.logins.desk.store.read() as connection:
        grounds.check(connection, "alice", rests_on, **words)


@pytest.mark.parametrize("again", [None, "root", "alice"])
def test_a_link_that_is_cut_is_not_the_one_that_is_made_later(world, linked, again):
    rests_on = grounds.link(linked("alice"))
    check(world, rests_on)
    world.change(external.unlink, PROVIDER, "alice")
    world.pass_time()
    if again is not None:
        linked(again, now=world.logins.desk.now())
    with pytest.raises(DeniedError, match="the link to the identity provider was removed"):
        check(world, rests_on)


def test_a_refusal_says_what_it_came_too_late_for(world):
    rests_on = grounds.password(world.logins.user())
    world.pass_time()
    world.new_password()
    with pytest.raises(DeniedError, match="changed during the step-up") as caught:
        check(world, rests_on, during="step-up", again="pgward step-up orders")
    assert caught.value.hint == "pgward step-up orders"


def test_an_arrival_rests_on_the_account_and_the_link(world, linked):
    known, user = linked("alice"), world.logins.user()
    with world.logins.desk.store.read() as connection:
        found = grounds.of_arrival(connection, user, PROVIDER, SUBJECT)
    assert found == [grounds.account(user), grounds.link(known)]


def test_a_login_at_a_provider_ends_with_the_link(oidc_world):
    oidc_world.add(createUsers=True)
    spec = {"appliesTo": {"everyone": True}, "reason": "required"}
    rule = {"kind": "LoginRule", "metadata": {"name": "r1"}, "spec": spec}
    assert oidc_world.admin.call("PUT", "/v1/resources/LoginRule/r1", rule).status_code == 200
    device, asked = oidc_world.login()
    assert asked.json()["ask"]["kind"] == "reason"
    path = "/v1/identity-providers/corp/links/ann"
    assert oidc_world.admin.call("DELETE", path).status_code == 200
    body = {"flow": asked.json()["flow"], "answer": {"reason": "ticket 7"}}
    told = device.call("POST", "/v1/login/continue", body)
    assert told.status_code == 403
    message = "the link to the identity provider was removed during the login"
    assert told.json()["error"]["message"] == message
    assert oidc_world.event("session.start")["reason"] == message
