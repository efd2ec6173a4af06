import pytest

from pgward.ca.login.passkeys import enrolment
from pgward.core.errors import ConflictError, DeniedError, InvalidInputError
from tests.fixtures.passkeys import CALLBACK
from tests.fixtures.soft_authenticator import SoftAuthenticator


def begun(passkeys, session, name="phone", callback=CALLBACK):
    return enrolment.begin(passkeys.desk, session, name, callback)


def test_a_session_of_this_morning_adds_no_passkey(passkeys):
    session = passkeys.session()
    passkeys.desk.clock.move(minutes=10, seconds=1)
    with pytest.raises(DeniedError, match="a login of the last 10 minutes"):
        begun(passkeys, session)


def test_who_has_a_second_factor_adds_no_passkey_without_it(passkeys):
    """Else a session without it, as an identity provider's, would get around it by a new one."""
    session = passkeys.session(factors=("oidc",))
    passkeys.finish(session, started := begun(passkeys, session), made(passkeys, started))
    with pytest.raises(DeniedError, match="a login with a second factor"):
        begun(passkeys, session, "key")  # the first one may be a thief's
    with pytest.raises(DeniedError, match="a login with a second factor"):
        begun(passkeys, passkeys.session(factors=("oidc",)), "key")
    begun(passkeys, passkeys.session(factors=("webauthn",)), "key")


def test_a_passkey_is_not_finished_past_a_factor_that_came_meanwhile(passkeys, factors):
    """Whoever has stolen a password may have begun before its owner set an app up."""
    session = passkeys.session()
    brought = made(passkeys, started := begun(passkeys, session))
    factors.add_app()
    with pytest.raises(DeniedError, match="a login with a second factor"):
        passkeys.finish(session, started, brought)
    assert passkeys.of() == []


def made(passkeys, started):
    return passkeys.made(started, SoftAuthenticator())


def test_the_browser_goes_back_to_loopback_only(passkeys):
    with pytest.raises(InvalidInputError, match="loopback"):
        begun(passkeys, passkeys.session(), callback="http://10.0.0.1:80/callback")


@pytest.mark.parametrize("name", ["", "  ", "a\nb\x00", "x" * 61, "\u202ephone"])
def test_a_name_is_one_printable_line(passkeys, name):
    with pytest.raises(InvalidInputError, match="one line"):
        begun(passkeys, passkeys.session(), name)


def test_another_session_of_the_same_person_cannot_finish(passkeys):
    session, other = passkeys.session(), passkeys.session()
    started = begun(passkeys, session)
    brought = passkeys.made(started, SoftAuthenticator())
    with pytest.raises(DeniedError, match="another login session"):
        passkeys.finish(other, started, brought)


def test_another_person_cannot_finish(passkeys):
    started = begun(passkeys, passkeys.session())
    brought = passkeys.made(started, SoftAuthenticator())
    with pytest.raises(DeniedError, match="another login"):
        passkeys.finish(passkeys.session("root"), started, brought)


def test_another_enrolment_of_the_same_session_cannot_finish(passkeys):
    session = passkeys.session()
    one, two = begun(passkeys, session), begun(passkeys, session, "key")
    brought = passkeys.made(one, SoftAuthenticator())
    with pytest.raises(DeniedError, match="another login"):
        passkeys.finish(session, two, brought)


def test_a_made_up_flow_is_none(passkeys):
    session = passkeys.session()
    started = begun(passkeys, session)
    brought = passkeys.made(started, SoftAuthenticator())
    for flow in ("", "AAAA", "é"):
        with pytest.raises(DeniedError, match="not one of this authority's"):
            enrolment.finish(passkeys.desk, None, session, flow, brought)


def test_a_passkey_is_taken_in_once(passkeys):
    session = passkeys.session(factors=("webauthn",))
    started = begun(passkeys, session)
    brought = passkeys.made(started, SoftAuthenticator())
    assert passkeys.finish(session, started, brought).name == "phone"
    with pytest.raises(ConflictError, match="already"):
        passkeys.finish(session, started, brought)


def test_nobody_takes_the_credential_id_of_another(passkeys):
    """A hostile authenticator may name any id; the one who has it keeps it."""
    phone = passkeys.add()
    with pytest.raises(ConflictError, match="registered already"):
        passkeys.add("root", "copy", credential_id=phone.credential_id)


def test_what_comes_back_too_late_is_refused(passkeys):
    session = passkeys.session()
    started = begun(passkeys, session)
    brought = passkeys.made(started, SoftAuthenticator())
    passkeys.desk.clock.move(minutes=2)
    with pytest.raises(DeniedError, match="too late"):
        passkeys.finish(session, started, brought)
