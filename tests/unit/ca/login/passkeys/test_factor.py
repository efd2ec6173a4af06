import pytest

from pgward.ca.login.engine import Started
from pgward.ca.login.factors.factor import WrongFactorError
from pgward.ca.login.passkeys import credentials
from pgward.core.errors import DeniedError
from tests.fixtures.passkeys import CALLBACK


def challenged(passkeys):
    asked = passkeys.begin("alice")
    assert (asked.ask.kind, asked.ask.facts["factors"]) == ("second_factor", ["webauthn"])
    return asked, asked.ask.facts["url"]


def test_who_has_a_passkey_confirms_the_password_with_it(passkeys):
    phone = passkeys.add()
    asked, url = challenged(passkeys)
    # With the person known, an authenticator need not say whose the passkey is.
    brought = passkeys.use(url, phone, CALLBACK, handle=None)
    started = passkeys.answer(asked.flow, factor="webauthn", **brought)
    assert isinstance(started, Started)
    assert started.session.factors == ("password", "webauthn")


def test_only_the_persons_own_passkeys_are_asked_for_and_taken(passkeys, logins):
    passkeys.add()
    theirs = passkeys.add("root", "theirs")
    _, url = challenged(passkeys)
    with pytest.raises(Exception, match="not accepted") as caught:
        passkeys.use(url, theirs, CALLBACK)
    assert caught.value.why == "the passkey is not alice's"
    assert logins.events()[-1] == ("unknown", "denied", "the passkey is not alice's")


def test_a_voucher_of_a_login_confirms_nothing(passkeys):
    phone = passkeys.add()
    asked, _ = challenged(passkeys)
    brought = passkeys.use(passkeys.begin().ask.facts["url"], phone)
    with pytest.raises(WrongFactorError, match="another login"):
        passkeys.answer(asked.flow, factor="webauthn", **brought)


def test_a_voucher_confirms_the_login_that_asked_for_it(passkeys):
    phone = passkeys.add()
    first, url = challenged(passkeys)
    second, _ = challenged(passkeys)
    brought = passkeys.use(url, phone, CALLBACK)
    with pytest.raises(WrongFactorError, match="another login"):
        passkeys.answer(second.flow, factor="webauthn", **brought)
    assert isinstance(passkeys.answer(first.flow, factor="webauthn", **brought), Started)


def test_a_passkey_that_is_removed_meanwhile_confirms_nothing(passkeys):
    phone = passkeys.add()
    asked, url = challenged(passkeys)
    brought = passkeys.use(url, phone, CALLBACK)
    with passkeys.desk.store.write() as transaction:
        credentials.remove_all(transaction, "alice")
    with pytest.raises(DeniedError, match="the passkey was removed during the login"):
        passkeys.answer(asked.flow, factor="webauthn", **brought)


def test_who_has_none_is_asked_for_none(passkeys, logins):
    started = passkeys.start(logins.attempt(method="password"))
    assert isinstance(started, Started)
