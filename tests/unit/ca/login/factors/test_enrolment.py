import pytest

from pgward.ca.identity import directory, second_factors
from pgward.ca.identity.directory import NewUser
from pgward.ca.login.factors import enrolment as module
from pgward.ca.login.factors.factor import WrongFactorError
from pgward.core.errors import ConflictError, DeniedError
from tests.fixtures.factors import App


@pytest.fixture
def confirm(logins, factors):
    def confirm(offered, code, user="alice"):
        with logins.desk.store.write() as transaction:
            factors.enrolment.confirm(transaction, user, offered.sealed, code)

    return confirm


@pytest.fixture
def offered(logins, factors):
    return factors.enrolment.offer("alice", now=logins.desk.now())


def stored(logins, user="alice"):
    with logins.desk.store.read() as connection:
        return second_factors.totp(connection, user)


def test_a_secret_counts_when_its_first_code_was_right(logins, offered, confirm):
    app = App(logins.desk.clock).scan(offered.facts)
    assert offered.facts["uri"].startswith("otpauth://totp/pgward:alice?")
    with pytest.raises(WrongFactorError, match="wrong code") as caught:
        confirm(offered, "000000")
    assert "clock" in caught.value.hint
    assert stored(logins) is None
    confirm(offered, app.code())
    assert app.secret not in stored(logins).sealed


def test_nobody_else_can_use_it_nor_later(logins, offered, confirm):
    code = App(logins.desk.clock).scan(offered.facts).code()
    with pytest.raises(DeniedError, match="no new secret of yours"):
        confirm(offered, code, "root")
    with pytest.raises(DeniedError, match="no new secret of yours"):
        confirm(module.Offered({}, "AAAA" + offered.sealed), code)
    logins.desk.clock.move(minutes=10)
    with pytest.raises(DeniedError, match="took too long"):
        confirm(offered, code)


def test_at_a_login_it_replaces_nothing(logins, factors, offered):
    app = App(logins.desk.clock).scan(offered.facts)
    attempt = logins.proven()
    factors.enrolment.confirm_at_login(attempt, offered.sealed, app.code())
    with pytest.raises(ConflictError, match="there is a second factor by now"):
        factors.enrolment.confirm_at_login(attempt, offered.sealed, app.code())
    assert logins.events()[0] == ("alice", "ok", None)


def test_at_a_login_a_passkey_that_came_meanwhile_counts(logins, factors, passkeys, offered):
    app, attempt = App(logins.desk.clock).scan(offered.facts), logins.proven()
    passkeys.add()
    with pytest.raises(ConflictError, match="there is a second factor by now"):
        factors.enrolment.confirm_at_login(attempt, offered.sealed, app.code())
    assert stored(logins) is None


def test_at_a_login_nothing_is_set_up_for_a_later_person_of_that_name(
    logins, factors, offered, change
):
    app, attempt = App(logins.desk.clock).scan(offered.facts), logins.proven()
    change(directory.remove, "alice")
    logins.desk.clock.move(seconds=1)
    change(directory.add, NewUser("alice"), now=logins.desk.now(), by="test")
    with pytest.raises(DeniedError, match="the user was removed during the login"):
        factors.enrolment.confirm_at_login(attempt, offered.sealed, app.code())
    assert stored(logins) is None


def test_neither_secret_nor_what_seals_it_is_shown(offered):
    assert offered.facts["secret"] not in repr(offered)
    assert offered.sealed not in repr(offered)


def test_new_recovery_codes_void_those_before(logins, factors):
    before, after = factors.add_codes(), factors.add_codes()
    assert len(set(before + after)) == 20
    with logins.desk.store.read() as connection:
        assert len(second_factors.unused_codes(connection, "alice")) == 10


def test_who_is_removed_while_setting_an_app_up_gets_none(logins, factors, offered, change):
    code, attempt = App(logins.desk.clock).scan(offered.facts).code(), logins.proven()
    change(directory.remove, "alice")
    with pytest.raises(DeniedError, match="the user was removed during the login"):
        factors.enrolment.confirm_at_login(attempt, offered.sealed, code)
