import pytest

from pgward.ca.identity import directory
from pgward.ca.login.attempt import Given, RefusedLoginError
from pgward.ca.login.engine import Started
from pgward.ca.login.passkeys import credentials
from pgward.ca.login.passkeys.visits import Visit
from pgward.core.errors import DeniedError, InvalidInputError
from tests.fixtures.passkeys import CALLBACK
from tests.fixtures.soft_authenticator import SoftAuthenticator


def test_a_passkey_alone_logs_in_and_counts_as_two_factors(passkeys):
    phone = passkeys.add()
    asked = passkeys.begin()
    assert asked.ask.kind == "browser"
    assert asked.ask.facts["url"].startswith("https://localhost:8443/login?visit=")
    brought = passkeys.use(asked.ask.facts["url"], phone)
    started = passkeys.answer(asked.flow, **brought)
    assert isinstance(started, Started)
    assert (started.session.user.name, started.session.factors) == ("alice", ("webauthn",))
    (kept,) = passkeys.of()
    assert (kept.sign_count, kept.last_used_at) == (2, passkeys.desk.now())


def test_the_address_names_the_state_by_which_the_client_knows_its_redirect(passkeys):
    phone = passkeys.add()
    asked = passkeys.begin()
    brought = passkeys.use(asked.ask.facts["url"], phone)
    assert f"&state={brought['state']}" in asked.ask.facts["url"]


def test_a_login_goes_back_to_loopback_only(passkeys):
    given = Given(None, None, "https://evil.example/callback")
    with pytest.raises(InvalidInputError, match="not an address on loopback"):
        passkeys.begin(given=given)


def test_what_another_device_began_is_of_no_use(passkeys):
    """A lured victim signs; the voucher comes to the victim's loopback, and fits no flow there."""
    phone = passkeys.add()
    attackers = passkeys.begin(thumbprint="attacker")
    own = passkeys.begin()
    brought = passkeys.use(attackers.ask.facts["url"], phone)
    with pytest.raises(DeniedError, match="another login"):
        passkeys.answer(own.flow, **brought)
    with pytest.raises(DeniedError, match="another device"):
        passkeys.answer(attackers.flow, **brought)


def test_a_voucher_fits_its_own_login_only_even_with_the_right_state(passkeys):
    phone = passkeys.add()
    first, second = passkeys.begin(), passkeys.begin()
    one = passkeys.use(first.ask.facts["url"], phone)
    two = passkeys.use(second.ask.facts["url"], phone)
    with pytest.raises(RefusedLoginError, match="another login"):
        passkeys.answer(first.flow, code=two["code"], state=one["state"])


def test_a_voucher_starts_one_session(passkeys):
    phone = passkeys.add()
    asked = passkeys.begin()
    brought = passkeys.use(asked.ask.facts["url"], phone)
    assert isinstance(passkeys.answer(asked.flow, **brought), Started)
    with pytest.raises(DeniedError, match="completed already"):
        passkeys.answer(asked.flow, **brought)


def test_a_voucher_ends_after_two_minutes(passkeys):
    phone = passkeys.add()
    asked = passkeys.begin()
    brought = passkeys.use(asked.ask.facts["url"], phone)
    passkeys.desk.clock.move(minutes=2)
    with pytest.raises(RefusedLoginError, match="too late"):
        passkeys.answer(asked.flow, **brought)


@pytest.mark.parametrize("code", ["", "AAAA", "ä", "A" * 8192])
def test_a_voucher_that_nobody_here_sealed_is_none(passkeys, code):
    phone = passkeys.add()
    asked = passkeys.begin()
    brought = passkeys.use(asked.ask.facts["url"], phone)
    with pytest.raises(RefusedLoginError, match="without a code of this authority's"):
        passkeys.answer(asked.flow, code=code, state=brought["state"])


def test_an_answer_has_a_code_and_a_state_and_no_more(passkeys):
    passkeys.add()
    with pytest.raises(InvalidInputError):
        passkeys.answer(passkeys.begin().flow, code="x", state="y", user="root")


def test_a_passkey_that_is_removed_meanwhile_counts_no_more(passkeys):
    phone = passkeys.add()
    asked = passkeys.begin()
    brought = passkeys.use(asked.ask.facts["url"], phone)
    with passkeys.desk.store.write() as transaction:
        credentials.remove_all(transaction, "alice")
    with pytest.raises(RefusedLoginError) as caught:
        passkeys.answer(asked.flow, **brought)
    assert (caught.value.why, caught.value.actor) == ("the passkey was removed", "alice")


def test_who_is_blocked_gets_in_by_no_passkey(passkeys, change):
    phone = passkeys.add()
    change(directory.block, "alice", "left", now=passkeys.desk.now())
    asked = passkeys.begin()
    brought = passkeys.use(asked.ask.facts["url"], phone)
    with pytest.raises(RefusedLoginError) as caught:
        passkeys.answer(asked.flow, **brought)
    assert caught.value.why == "the user is blocked"


def test_who_is_removed_takes_the_passkeys_along(passkeys, change):
    phone = passkeys.add()
    change(directory.remove, "alice")
    asked = passkeys.begin()
    with pytest.raises(RefusedLoginError) as caught:
        passkeys.use(asked.ask.facts["url"], phone)
    assert caught.value.why == "the passkey is unknown"


def test_it_is_offered_once_somebody_has_a_passkey(passkeys):
    def offered():
        with passkeys.desk.store.read() as connection:
            return [each.method for each in passkeys.engine.methods.offers(connection)]

    assert offered() == ["password"]
    passkeys.add()
    assert offered() == ["password", "passkey"]


def test_the_flow_and_the_address_give_nothing_away(passkeys):
    passkeys.add()
    asked = passkeys.begin()
    for shown in (asked.flow, asked.ask.facts["url"]):
        assert CALLBACK not in shown
        assert asked.ask.facts["code"] not in shown
    assert Visit.__name__ not in asked.flow
    assert SoftAuthenticator().credential_id.hex() not in asked.flow


def test_a_provider_that_was_only_said_is_not_put_on_record(passkeys):
    with pytest.raises(InvalidInputError, match="the method passkey has no provider"):
        passkeys.begin(provider="corp")
