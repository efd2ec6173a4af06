import pytest

from pgward.core.errors import InvalidInputError, LoginNeededError, NotFoundError
from pgward.programs.finder import Finder
from tests.fixtures.services import entry, offer, running, take_away


@pytest.fixture
def finder(logged_in, fake_ca, tmp_path):  # noqa: ARG001 - logging in makes the home
    offer(fake_ca, entry("orders"), entry("billing"))
    with Finder(tmp_path / "home", print) as made:
        yield made


def test_nobody_is_logged_in(tmp_path):
    with pytest.raises(LoginNeededError, match="you are not logged in"):
        Finder(tmp_path / "home", print)


def test_services_come_by_name(finder):
    services, fresh = finder.services()
    assert ([each.name for each in services], fresh) == (["billing", "orders"], True)


def test_without_the_ca_they_are_those_it_said_last(finder, fake_ca):
    finder.services()
    take_away(fake_ca)
    services, fresh = finder.services()
    assert ([each.name for each in services], fresh) == (["billing", "orders"], False)


def test_a_service_that_is_not_there(finder):
    with pytest.raises(NotFoundError, match="there is no service 'order' for you") as error:
        finder.service("order")
    assert error.value.hint == "did you mean orders?"


def test_a_service_of_a_name_that_none_can_have(finder, fake_ca):
    offer(fake_ca, entry("../../orders"))
    with pytest.raises(InvalidInputError, match="cannot be a service"):
        finder.services()


def test_a_port_is_reserved_for_each_service(finder):
    orders, billing = (finder.reserved(finder.service(name)) for name in ("orders", "billing"))
    assert orders.port != billing.port
    assert finder.reserved(finder.service("orders")) == orders
    assert finder.registry.remembered_port("orders") == orders.port


def test_an_open_tunnel_wins_over_the_reserved_port(finder):
    orders = finder.service("orders")
    finder.registry.add(running("orders", "127.0.0.1", 17000))
    assert finder.reserved(orders).port == 17000


def test_a_tunnel_on_a_unix_socket_is_none_for_a_port(finder):
    orders = finder.service("orders")
    finder.registry.add(running("orders", "/run/somewhere", 5432))
    assert finder.running(orders) is None
    assert finder.reserved(orders).address == "127.0.0.1"


def test_the_native_way_has_the_persons_files(finder, tmp_path):
    facts = finder.native(finder.service("orders"), None, 5433)
    assert (facts.host, facts.address, facts.port) == ("db1.test", None, 5433)
    assert facts.key_der == str(tmp_path / "home" / "identity" / "current" / "login.pk8")
    assert facts.user == "alice"
