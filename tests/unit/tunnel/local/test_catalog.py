from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from pgward.client.known import FILE
from pgward.client.services import ServiceInfo
from pgward.core.errors import LoginNeededError, NotFoundError, UnavailableError
from pgward.tunnel.local.catalog import Catalog
from tests.fixtures.asked import ENTRY, offer

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ORDERS = ServiceInfo.read(
    {
        "name": "orders",
        "mode": "tcp",
        "server_name": "db1.test",
        "database": "orders",
        "ssl_mode": "verify-full",
        "edges": [{"name": "e1", "address": "edge.test:6432", "server_name": "edge.test"}],
    }
)


class FakeSession:
    """A login session whose CA can be away."""

    def __init__(self, user="alice"):
        self.user = SimpleNamespace(name=user)
        self.not_after = NOW + timedelta(minutes=5)
        self.away = False
        self.renewals = 0
        self.offered = []

    def ensure_certificate(self, _margin):
        self.renewals += 1
        self._call()

    def services(self):
        self._call()
        return [ORDERS]

    def offers(self, service):
        return [each for each in self.offered if each["service"] == service]

    def _call(self):
        if self.away:
            raise UnavailableError("the CA does not answer")


class Case:
    def __init__(self, home, session):
        self.said = []
        clock = SimpleNamespace(now=lambda: NOW)
        self.catalog = Catalog(home, session, clock, self.said.append)


@pytest.fixture
def session():
    return FakeSession()


def test_a_service_is_found_with_a_fresh_certificate(tmp_path, session):
    case = Case(tmp_path, session)
    assert case.catalog.find("orders") == ORDERS
    assert (session.renewals, case.said) == (1, [])


def test_without_the_ca_what_it_said_last_counts_and_the_person_is_told(tmp_path, session):
    Case(tmp_path, session).catalog.find("orders")
    session.away = True
    case = Case(tmp_path, session)
    assert case.catalog.find("orders") == ORDERS
    assert case.said == ["the CA does not answer; going on with what it said last"]


def test_without_the_ca_an_unknown_name_is_still_refused(tmp_path, session):
    Case(tmp_path, session).catalog.find("orders")
    session.away = True
    with pytest.raises(NotFoundError) as caught:
        Case(tmp_path, session).catalog.find("order")
    assert caught.value.hint == "did you mean orders?"


def test_a_service_that_one_may_ask_for_is_told_as_such(tmp_path, session):
    session.offered = [offer(**ENTRY, service="order")]
    with pytest.raises(NotFoundError, match="you have no access to order now") as caught:
        Case(tmp_path, session).catalog.find("order")
    assert caught.value.hint == "pgward request order --for 1h --reason 'TEXT'"


def test_without_the_ca_an_ended_certificate_opens_nothing(tmp_path, session):
    Case(tmp_path, session).catalog.find("orders")
    session.away, session.not_after = True, NOW
    with pytest.raises(UnavailableError):
        Case(tmp_path, session).catalog.find("orders")


def test_what_was_kept_for_another_person_does_not_count(tmp_path):
    Case(tmp_path, FakeSession("bob")).catalog.find("orders")
    session = FakeSession("alice")
    session.away = True
    with pytest.raises(UnavailableError):
        Case(tmp_path, session).catalog.find("orders")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"user": "alice", "services": [1]}'])
def test_a_damaged_file_counts_as_none(tmp_path, session, damage):
    (tmp_path / FILE).write_bytes(damage)
    session.away = True
    with pytest.raises(UnavailableError):
        Case(tmp_path, session).catalog.find("orders")


def test_a_home_that_cannot_be_written_is_told_and_does_not_matter_now(tmp_path, session):
    case = Case(tmp_path / "missing", session)
    assert case.catalog.find("orders") == ORDERS
    assert len(case.said) == 1
    assert case.said[0].endswith("without it no tunnel opens while the CA is away")


def test_an_ended_login_is_no_matter_of_the_ca_being_away(tmp_path, session):
    def ended(_margin):
        raise LoginNeededError

    session.ensure_certificate = ended
    with pytest.raises(LoginNeededError):
        Case(tmp_path, session).catalog.find("orders")


def test_all_services_tell_whether_the_ca_was_there(tmp_path, session):
    assert Case(tmp_path, session).catalog.current() == ([ORDERS], True)
    session.away = True
    assert Case(tmp_path, session).catalog.current() == ([ORDERS], False)
