from datetime import timedelta

import pytest

from pgward.ca.accounts import changing
from pgward.ca.accounts.changing import RETRY
from pgward.ca.resources.account import Account
from pgward.ca.secrets import history, kept
from pgward.core.errors import ConflictError, NotFoundError
from tests.fixtures.authority import START
from tests.fixtures.ca_service import SEALER

APP = Account(user="shop_app", secret="shop-app", every="30d", length=20)
BY = {"now": START, "by": "root"}
DUE = START + timedelta(days=30)


@pytest.fixture
def secret(store):
    with store.write() as transaction:
        kept.create(transaction, SEALER, "shop-app", b"first", **BY)
    return store


def due(store, now=DUE, account=APP):
    with store.read() as connection:
        return changing.due(connection, "shop-db", [account], now)


def begin(store, now=DUE):
    with store.write() as transaction:
        return changing.begin(transaction, SEALER, "shop-db", APP, now=now, by="connector:c1")


def succeed(store, version, now=DUE):
    with store.write() as transaction:
        return changing.succeeded(transaction, "shop-db", APP, version, now=now, by="connector:c1")


def value(store):
    with store.read() as connection:
        return kept.read(connection, SEALER, "shop-app").value


def test_a_password_is_due_when_it_is_old(secret):
    assert due(secret, DUE - timedelta(seconds=1)) == []
    assert due(secret) == ["shop_app"]
    assert due(secret, account=APP.model_copy(update={"every": "off"})) == []
    assert due(secret, account=APP.model_copy(update={"secret": "none"})) == []


def test_it_changes_in_two_phases(secret):
    begun = begin(secret)
    assert (begun.secret, begun.version, begun.former) == ("shop-app", 2, b"first")
    assert len(begun.value) == 20
    assert "first" not in repr(begun)
    assert value(secret) == b"first"
    assert succeed(secret, 2)
    assert value(secret) == begun.value
    assert due(secret) == []
    assert due(secret, DUE + timedelta(days=30)) == ["shop_app"]


def test_after_a_crash_it_goes_on_with_the_same_password(secret):
    begun = begin(secret)
    assert due(secret, START) == ["shop_app"]
    assert begin(secret) == begun


def test_the_word_that_it_was_done_may_come_twice(secret):
    begun = begin(secret)
    assert succeed(secret, begun.version)
    assert not succeed(secret, begun.version)
    assert value(secret) == begun.value


def test_one_that_failed_leaves_the_one_before_and_is_tried_again_later(secret):
    begin(secret)
    with secret.write() as transaction:
        changing.failed(transaction, "shop-db", APP, "no permission", DUE)
    assert value(secret) == b"first"
    assert due(secret) == []
    assert due(secret, DUE + RETRY) == ["shop_app"]
    with secret.read() as connection:
        assert changing.standing(connection, "shop-db")["shop_app"]["failure"] == "no permission"
        with pytest.raises(NotFoundError):
            history.pending(connection, SEALER, "shop-app", 2)


def test_somebody_asks(secret):
    with secret.write() as transaction:
        changing.ask(transaction, "shop-db", APP, START, "ann")
        assert transaction.has_changed
    assert due(secret, START) == ["shop_app"]
    assert succeed(secret, begin(secret, START).version, START)
    assert due(secret, START) == []
    other = APP.model_copy(update={"secret": "none"})
    with secret.write() as transaction, pytest.raises(NotFoundError):
        changing.ask(transaction, "shop-db", other, START, "ann")


def test_a_value_by_hand_meanwhile_is_kept(secret):
    begun = begin(secret)
    with secret.write() as transaction:
        kept.rotate(transaction, SEALER, "shop-app", b"by hand", now=DUE, by="ann")
    with pytest.raises(ConflictError, match="another value"):
        succeed(secret, begun.version)
    assert value(secret) == b"by hand"
    again = begin(secret)
    assert (again.version, again.former) == (4, b"by hand")


def test_nothing_begins_that_is_not_due(secret):
    with pytest.raises(ConflictError, match="not due"):
        begin(secret, START)


def test_an_integration_that_is_gone_is_forgotten(secret):
    begin(secret)
    with secret.write() as transaction:
        changing.forget(transaction, "shop-db")
    with secret.read() as connection:
        assert changing.standing(connection, "shop-db") == {}
