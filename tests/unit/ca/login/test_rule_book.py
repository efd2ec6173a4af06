from datetime import timedelta

import pytest

from pgward.ca.login import rule_book
from pgward.ca.login.rule_book import LoginRuleBook
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.ca.settings import Settings
from pgward.ca.store import Store
from tests.fixtures.authority import START

HOUR = timedelta(hours=1)


@pytest.fixture
def book():
    return LoginRuleBook(Settings())


def put(store, name, applies_to, **spec):
    body = {
        "kind": "LoginRule",
        "metadata": {"name": name},
        "spec": {"appliesTo": applies_to, **spec},
    }
    with store.write() as transaction:
        resources.put(transaction, kinds.read("LoginRule", body), now=START, by="test")


def of(book, logins, name="alice"):
    with logins.desk.store.read() as connection:
        return book.of(connection, logins.user(name))


def test_without_rules_the_settings_hold(book, logins):
    assert (of(book, logins).session, of(book, logins).names) == (12 * HOUR, ())


@pytest.mark.parametrize(
    ("applies_to", "expected"),
    [
        ({"users": ["ALICE"]}, ("r",)),
        ({"groups": ["administrators"]}, ()),
        ({"everyone": True}, ("r",)),
    ],
)
def test_whom_a_rule_is_for(book, logins, applies_to, expected):
    put(logins.desk.store, "r", applies_to, sessionHours=1)
    assert of(book, logins).names == expected


def test_all_that_apply_hold(book, logins):
    put(logins.desk.store, "a", {"everyone": True}, sessionHours=2, reason="required")
    put(logins.desk.store, "b", {"users": ["alice"]}, sessionHours=1)
    found = of(book, logins)
    assert (found.session, found.reason, found.names) == (HOUR, True, ("a", "b"))


def test_a_change_holds_at_once_whoever_made_it(book, logins):
    assert of(book, logins).names == ()
    put(Store(logins.desk.store.engine), "a", {"everyone": True}, sessionHours=2)
    assert of(book, logins).names == ("a",)


def test_rules_are_read_once(book, logins, monkeypatch):
    put(logins.desk.store, "a", {"everyone": True}, sessionHours=2)
    of(book, logins)
    monkeypatch.setattr(resources, "login_rules", None)
    assert of(book, logins, "root").names == ("a",)


def test_what_is_not_committed_yet_can_be_looked_at(book, logins):
    with logins.desk.store.write() as transaction:
        put(logins.desk.store, "a", {"everyone": True}, sessionHours=2)
        connection = transaction.connection
        assert rule_book.written(connection)(logins.user()).names == ("a",)
        transaction.discard()
    assert of(book, logins).names == ()
