from datetime import timedelta

import pytest

from pgward.ca.identity import directory
from pgward.ca.identity.directory import NewUser
from pgward.ca.issuing.rules import NO_RULES
from pgward.ca.records import Kind
from pgward.ca.resources import kinds
from pgward.ca.resources import stored as resources
from pgward.ca.resources.rule_book import RuleBook
from pgward.ca.settings import Settings
from pgward.ca.store import Store
from tests.fixtures.authority import START
from tests.fixtures.ca_service import service
from tests.fixtures.live_grants import give


@pytest.fixture
def book(store):
    return RuleBook(store, Settings())


@pytest.fixture
def alice(store):
    with store.write() as transaction:
        new = NewUser("alice", groups=["dba"])
        directory.add(transaction, new, now=START, by="test")
    return "alice"


def put(store, name, applies_to, **spec):
    body = {
        "kind": "CertificateProfile",
        "metadata": {"name": name},
        "spec": {"appliesTo": applies_to, **spec},
    }
    with store.write() as transaction:
        wanted = kinds.read("CertificateProfile", body)
        resources.put(transaction, wanted, now=START, by="test")


def test_without_profiles_there_are_no_rules(book, alice):
    assert book.for_person(alice).certificate == NO_RULES
    assert book.for_machine(Kind.EDGE, "e1") == NO_RULES


def test_the_rules_of_a_service_hold_for_who_has_a_grant(store, book, alice):
    with store.write() as transaction:
        body = service(allow={"users": ["bob"]})
        resources.put(transaction, kinds.read("Service", body), now=START, by="test")
    put(store, "p", {"services": ["orders"]}, maxLifetime="1h")
    assert book.for_person(alice).certificate == NO_RULES
    give(store, START, user_name="alice", service="orders")
    assert book.for_person(alice).certificate != NO_RULES


@pytest.mark.parametrize(
    ("applies_to", "is_hers"),
    [
        ({"groups": ["dba"]}, True),
        ({"users": ["ALICE"]}, True),
        ({"services": ["orders"]}, True),
        ({"groups": ["other"]}, False),
        ({"services": ["other"]}, False),
        ({"hosts": ["alice"]}, False),
    ],
)
def test_a_persons_rules(store, book, alice, applies_to, is_hers):
    with store.write() as transaction:
        resources.put(transaction, kinds.read("Service", service()), now=START, by="test")
    put(store, "short", applies_to, lifetime="1h")
    assert book.for_person(alice).certificate.profiles == (("short",) if is_hers else ())


def test_all_that_apply_hold(store, book, alice):
    put(store, "a", {"groups": ["dba"]}, lifetime="1h")
    put(store, "b", {"users": ["alice"]}, lifetime="30m")
    found = book.for_person(alice).certificate
    assert (found.profiles, found.lifetime.total_seconds()) == (("a", "b"), 1800)


def test_who_is_gone_has_no_rules(store, book):
    put(store, "a", {"users": ["bob"]}, lifetime="1h")
    assert book.for_person("bob").certificate == NO_RULES


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [(Kind.EDGE, "m1", ("e",)), (Kind.HOST, "m1", ("h",)), (Kind.EDGE, "m2", ())],
)
def test_a_machines_rules(store, book, kind, name, expected):
    put(store, "e", {"edges": ["m1"]})
    put(store, "h", {"hosts": ["m1"]})
    assert book.for_machine(kind, name).profiles == expected


def test_rules_are_known_until_something_changes(store, book, alice):
    version = store.version()
    assert book.known(alice, version) is None
    found = book.for_person(alice)
    assert book.known(alice, version) is found
    put(store, "short", {"groups": ["dba"]}, lifetime="1h")
    assert book.known(alice, version) is None  # at once, whatever version the caller knows of
    assert book.for_person(alice).certificate.profiles == ("short",)
    assert book.known(alice, store.version()).certificate.profiles == ("short",)


def test_what_another_process_changed_holds_when_its_version_is_known(store, book, alice):
    book.for_person(alice)
    other = Store(store.engine)
    put(other, "short", {"groups": ["dba"]}, lifetime="1h")
    assert book.known(alice, other.version()) is None
    assert book.for_person(alice).certificate.profiles == ("short",)


def test_what_was_read_while_something_changed_is_not_remembered(store, book, alice, monkeypatch):
    real = resources.certificate_profiles

    def slowly(connection):
        found = real(connection)
        put(Store(store.engine), "short", {"groups": ["dba"]}, lifetime="1h")
        book._forget()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(resources, "certificate_profiles", slowly)
        assert book.for_person(alice).certificate == NO_RULES
    assert book.known(alice, 0) is None


def test_login_rules_are_known_with_the_rest(store, book, alice):
    assert book.for_person(alice).login.session == timedelta(hours=12)
    body = {
        "kind": "LoginRule",
        "metadata": {"name": "short"},
        "spec": {"appliesTo": {"groups": ["dba"]}, "sessionHours": 1},
    }
    with store.write() as transaction:
        resources.put(transaction, kinds.read("LoginRule", body), now=START, by="test")
    assert book.known(alice, 0) is None
    assert book.for_person(alice).login.session == timedelta(hours=1)
